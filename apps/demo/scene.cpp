// Reads bottom up: draw_scene throws all dice first, in a fixed order, then paints pixel by pixel:
// background, clutter behind, shadow, object, clutter in front, light, noise.
#include "apps/demo/scene.h"

#include <vector>

namespace tl {
namespace {

struct Colour {
  double r = 0, g = 0, b = 0;
};

Colour blend(Colour a, Colour b, double share) {
  return {mix(a.r, b.r, share), mix(a.g, b.g, share), mix(a.b, b.b, share)};
}
Colour operator*(double s, Colour c) { return {s * c.r, s * c.g, s * c.b}; }

double contrast(Colour a, Colour b) {
  const Colour d{a.r - b.r, a.g - b.g, a.b - b.b};
  return std::sqrt(d.r * d.r + d.g * d.g + d.b * d.b);
}

Colour any_colour(Dice& dice) {
  const double r = dice.in(0.08, 0.95), g = dice.in(0.08, 0.95), b = dice.in(0.08, 0.95);
  return {r, g, b};
}

/// A colour that can be told from each of `others`.
Colour colour_apart_from(const std::vector<Colour>& others, double least, Dice& dice) {
  for (;; least *= 0.97) {
    const Colour colour = any_colour(dice);
    bool is_apart = true;
    for (const Colour other : others) is_apart &= contrast(colour, other) >= least;
    if (is_apart) return colour;
  }
}

/// A figure at its place in the picture.
struct Placed {
  Figure figure = Figure::disc;
  Point centre;
  double radius = 1;  ///< in pixels
  Point axis{1, 0};
  double squash = 1;  ///< height by width, as seen from the side
  Point chip;         ///< in the figure's own frame
  double chip_radius = 0;

  /// In pixels. Far away, a lower bound of it.
  double distance_to(Point p) const {
    const double to_rim = length(p - centre) - 1.1 * radius;
    if (to_rim > 3) return to_rim;
    Point q = (1 / radius) * (p - centre).along(axis);
    q.y /= squash;
    double d = distance(figure, q);
    if (chip_radius > 0) d = std::max(d, chip_radius - length(q - chip));
    return d * radius * squash;
  }
};

struct Area {
  Colour first, second;
  Pattern pattern;

  Colour at(Point p) const { return blend(first, second, pattern(p)); }
};

struct Light {
  Point direction;  ///< from where it comes
  double slope;     ///< change of brightness over the picture
  double bevel;     ///< strength of the shading along the object's border
  double bevel_width;
  double shadow;  ///< darkness
  double shadow_length;
  double shadow_blur;
  double level;
};

struct Speck {
  Placed placed;
  Colour colour;
};

Speck throw_speck(double radius, Dice& dice) {
  constexpr Figure kFigures[] = {Figure::disc, Figure::square, Figure::triangle, Figure::bar};
  Speck speck;
  speck.placed.figure = kFigures[dice.pick(4)];
  speck.placed.radius = radius;
  speck.placed.centre.x = dice.in(0, kSceneSize);
  speck.placed.centre.y = dice.in(0, kSceneSize);
  speck.placed.axis = unit_vector(dice.uniform());
  speck.placed.squash = dice.in(0.6, 1);
  speck.colour = any_colour(dice);
  return speck;
}

/// A point on the unit hexagon's border, somewhere between a corner and the middle of an edge.
Point throw_chip(Dice& dice) {
  const Point corner = unit_vector(dice.pick(6) / 6.0),
              next = unit_vector(dice.pick(2) / 3.0 - 1 / 6.0);
  const Point neighbour{corner.x * next.x - corner.y * next.y,
                        corner.x * next.y + corner.y * next.x};
  return 0.95 * (corner + dice.in(0, 0.5) * (neighbour - corner));
}

Placed throw_object(const Subject& subject, Dice& dice) {
  Placed object;
  object.figure = subject.figure;
  object.radius = dice.in(17, 25);
  const double margin = object.radius - 1;
  object.centre.x = dice.in(margin, kSceneSize - margin);
  object.centre.y = dice.in(margin, kSceneSize - margin);
  object.axis = unit_vector(dice.uniform());
  object.squash = dice.in(0.8, 1);
  object.chip = throw_chip(dice);
  const double chip_radius = dice.in(0.38, 0.52);
  if (subject.chipped) object.chip_radius = chip_radius;
  return object;
}

Light throw_light(Dice& dice) {
  Light light{};
  light.direction = unit_vector(dice.uniform());
  light.slope = dice.in(0, 0.6);
  light.bevel = dice.in(0.1, 0.6);
  light.bevel_width = dice.in(2, 6);
  light.shadow = dice.in(0.1, 0.6);
  light.shadow_length = dice.in(1, 5);
  light.shadow_blur = dice.in(1, 5);
  light.level = dice.in(0.75, 1.15);
  return light;
}

/// How much of the pixel at distance d from a border lies inside.
double coverage(double d) { return clamp01(0.5 - d); }

void paint(Colour& pixel, const std::vector<Speck>& specks, Point p) {
  for (const Speck& speck : specks)
    pixel = blend(pixel, speck.colour, coverage(speck.placed.distance_to(p)));
}

/// Brightness of the object's surface, which is rounded along its border.
double shading(const Placed& object, const Light& light, Point p, double d) {
  if (d < -light.bevel_width) return 1;
  const Point slope{object.distance_to(p + Point{0.5, 0}) - object.distance_to(p - Point{0.5, 0}),
                    object.distance_to(p + Point{0, 0.5}) - object.distance_to(p - Point{0, 0.5})};
  const double steepness = clamp01(1 + d / light.bevel_width);
  return 1 + light.bevel * steepness * dot(slope, light.direction);
}

std::uint8_t to_byte(double x) { return static_cast<std::uint8_t>(255 * clamp01(x) + 0.5); }

}  // namespace

Image draw_scene(const Subject& subject, Dice dice) {
  constexpr Texture kGrounds[] = {Texture::plain,   Texture::plain,  Texture::wood, Texture::marble,
                                  Texture::stripes, Texture::checks, Texture::dots};
  const Placed object = throw_object(subject, dice);
  const Light light = throw_light(dice);

  const Colour ground = any_colour(dice);
  const Colour tint = any_colour(dice);
  const Colour ground_second = blend(ground, tint, dice.in(0.1, 0.5));
  const Texture ground_texture = kGrounds[dice.pick(7)];
  const Area background{ground, ground_second, Pattern(ground_texture, dice.in(6, 16), dice)};

  const Colour first = colour_apart_from({ground, ground_second}, 0.45, dice);
  const Colour second = colour_apart_from({first, ground, ground_second}, 0.45, dice);
  const Area surface{first, second, Pattern(subject.texture, dice.in(6, 9), dice)};

  std::vector<Speck> behind, in_front;
  for (int left = 4 + dice.pick(6); left > 0; --left)
    behind.push_back(throw_speck(dice.in(2.5, 7), dice));
  for (int left = dice.pick(3); left > 0; --left)
    in_front.push_back(throw_speck(dice.in(1.5, 4), dice));
  const double noise = dice.in(0.01, 0.08);

  Image image{kSceneSize, kSceneSize, {}};
  image.rgb.reserve(3 * kSceneSize * kSceneSize);
  for (int y = 0; y < kSceneSize; ++y) {
    for (int x = 0; x < kSceneSize; ++x) {
      const Point p{x + 0.5, y + 0.5};
      Colour pixel = background.at(p);
      paint(pixel, behind, p);
      const double d = object.distance_to(p);
      if (d < light.shadow_length + light.shadow_blur) {
        const double shadow_d = object.distance_to(p + light.shadow_length * light.direction);
        pixel = (1 - light.shadow * clamp01(0.5 - shadow_d / light.shadow_blur)) * pixel;
      }
      if (d < 0.5) pixel = blend(pixel, shading(object, light, p, d) * surface.at(p), coverage(d));
      paint(pixel, in_front, p);
      const Point from_middle = p - Point{kSceneSize / 2.0, kSceneSize / 2.0};
      pixel =
          light.level * (1 + light.slope * dot(from_middle, light.direction) / kSceneSize) * pixel;
      for (const double value : {pixel.r, pixel.g, pixel.b})
        image.rgb.push_back(to_byte(value + noise * dice.triangular()));
    }
  }
  return image;
}

}  // namespace tl
