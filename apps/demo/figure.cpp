#include "apps/demo/figure.h"

#include <algorithm>
#include <span>

namespace tl {
namespace {

/// Source of the winding test: Haines, "Point in Polygon Strategies", Graphics Gems IV, 1994.
double to_polygon(Point p, std::span<const Point> corners) {
  double nearest = 1e30;
  bool inside = false;
  Point a = corners.back();
  for (const Point b : corners) {
    const Point edge = b - a, from = p - a;
    const Point off = from - clamp01(dot(from, edge) / dot(edge, edge)) * edge;
    nearest = std::min(nearest, dot(off, off));
    if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + edge.x * (p.y - a.y) / edge.y) inside = !inside;
    a = b;
  }
  return inside ? -std::sqrt(nearest) : std::sqrt(nearest);
}

double to_disc(Point p, Point centre, double radius) { return length(p - centre) - radius; }

double to_box(Point p, double half_width, double half_height) {
  const double x = std::abs(p.x) - half_width, y = std::abs(p.y) - half_height;
  const Point outside{std::max(x, 0.0), std::max(y, 0.0)};
  return length(outside) + std::min(std::max(x, y), 0.0);
}

constexpr Point kTriangle[] = {{0, -1}, {0.866, 0.5}, {-0.866, 0.5}};
constexpr Point kStar[] = {{0, -1},          {0.247, -0.340}, {0.951, -0.309}, {0.400, 0.130},
                           {0.588, 0.809},   {0, 0.420},      {-0.588, 0.809}, {-0.400, 0.130},
                           {-0.951, -0.309}, {-0.247, -0.340}};
constexpr Point kArrow[] = {{1, 0},        {0.1, -0.85}, {0.1, -0.32}, {-0.95, -0.32},
                            {-0.95, 0.32}, {0.1, 0.32},  {0.1, 0.85}};
constexpr Point kBolt[] = {{0.25, -1},   {-0.65, 0.15}, {-0.05, 0.15},
                           {-0.25, 1.0}, {0.65, -0.2},  {0.05, -0.2}};
constexpr Point kTip[] = {{0, -1.05}, {0.515, 0.105}, {-0.515, 0.105}};
constexpr Point kHexagon[] = {{0.95, 0},  {0.475, 0.823},   {-0.475, 0.823},
                              {-0.95, 0}, {-0.475, -0.823}, {0.475, -0.823}};

double to_heart(Point p) {
  // A square on its corner, and a disc on each of its two upper edges.
  const Point axis{0.7071067811865476, 0.7071067811865476};
  const double square = to_box((p - Point{0, 0.1}).along(axis), 0.56, 0.56);
  const double lobe = to_disc({std::abs(p.x), p.y}, {0.396, -0.296}, 0.56);
  return std::min(square, lobe);
}

double to_flower(Point p) {
  double nearest = to_disc(p, {0, 0}, 0.45);
  for (int petal = 0; petal < 6; ++petal)
    nearest = std::min(nearest, to_disc(p, 0.66 * unit_vector(petal / 6.0), 0.31));
  return nearest;
}

}  // namespace

std::string name_of(Figure figure) {
  constexpr const char* kNames[] = {"disc",  "square",   "triangle", "star",  "ring",
                                    "cross", "crescent", "bar",      "heart", "arrow",
                                    "drop",  "bolt",     "flower",   "tile"};
  return kNames[static_cast<std::size_t>(figure)];
}

double distance(Figure figure, Point p) {
  switch (figure) {
    case Figure::disc:
      return to_disc(p, {}, 0.92);
    case Figure::square:
      return to_box(p, 0.78, 0.78);
    case Figure::triangle:
      return to_polygon(p - Point{0, 0.15}, kTriangle);
    case Figure::star:
      return to_polygon(p, kStar);
    case Figure::ring:
      return std::abs(length(p) - 0.7) - 0.27;
    case Figure::cross:
      return std::min(to_box(p, 0.95, 0.32), to_box(p, 0.32, 0.95));
    case Figure::crescent:
      return std::max(to_disc(p, {-0.1, 0}, 0.95), -to_disc(p, {0.38, 0}, 0.72));
    case Figure::bar:
      return to_box(p, 0.68, 0.0) - 0.32;
    case Figure::heart:
      return to_heart(p);
    case Figure::arrow:
      return to_polygon(p, kArrow);
    case Figure::drop:
      return std::min(to_disc(p, {0, 0.35}, 0.57), to_polygon(p, kTip));
    case Figure::bolt:
      return to_polygon(p, kBolt);
    case Figure::flower:
      return to_flower(p);
    case Figure::tile:
      return to_polygon(p, kHexagon);
  }
  return 1e30;
}

}  // namespace tl
