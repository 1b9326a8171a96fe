#include "apps/demo/texture.h"

namespace tl {
namespace {

/// Distance from x to the nearest multiple of `period`.
double to_multiple(double x, double period) {
  return std::abs(x - period * std::floor(x / period + 0.5));
}

/// Bands of equal width, 1 on every second one.
double bands(double x, double width) {
  return clamp01(width / 2 - to_multiple(x, 2 * width) + 0.5);
}

double smooth(double t) { return t * t * (3 - 2 * t); }

}  // namespace

std::string name_of(Texture texture) {
  constexpr const char* kNames[] = {"plain", "striped", "checked", "dotted", "wooden", "marbled"};
  return kNames[static_cast<std::size_t>(texture)];
}

Pattern::Pattern(Texture texture, double period, Dice& dice)
    : texture_(texture),
      period_(period),
      axis_(unit_vector(dice.uniform())),
      origin_{dice.in(0, 64), dice.in(0, 64)} {
  for (double& value : table_) value = dice.uniform();
}

double Pattern::operator()(Point place) const {
  const Point p = (place - origin_).along(axis_);
  switch (texture_) {
    case Texture::plain:
      return 0.25 * noise({p.x / 6, p.y / 6});
    case Texture::stripes:
      return bands(p.x, period_ / 2);
    case Texture::checks: {
      const double a = bands(p.x, period_ / 2), b = bands(p.y, period_ / 2);
      return a + b - 2 * a * b;
    }
    case Texture::dots:
      return clamp01(0.3 * period_ + 0.5 -
                     length(Point{to_multiple(p.x, period_), to_multiple(p.y, period_)}));
    case Texture::wood: {
      const double grain = p.x / period_ + 2.5 * noise({p.x / 14, p.y / 40});
      return 0.8 * (grain - std::floor(grain)) + 0.2 * noise({p.x, p.y / 8});
    }
    case Texture::marble: {
      const Point q = (1 / period_) * p;
      const double clouds = noise(q) + 0.5 * noise(2 * q) + 0.25 * noise(4 * q);
      return clamp01(1.8 * clouds - 1);
    }
  }
  return 0;
}

/// Random values on a lattice of distance 1, interpolated: in [0, 1), repeated after 16.
double Pattern::noise(Point p) const {
  const double x = std::floor(p.x), y = std::floor(p.y);
  const double u = smooth(p.x - x), v = smooth(p.y - y);
  const auto value = [&](double i, double j) {
    i -= 16 * std::floor(i / 16);
    j -= 16 * std::floor(j / 16);
    return table_[static_cast<std::size_t>(16 * j + i)];
  };
  return mix(mix(value(x, y), value(x + 1, y), u), mix(value(x, y + 1), value(x + 1, y + 1), u), v);
}

}  // namespace tl
