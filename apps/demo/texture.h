// Textures: how an area is painted with two colours.
#pragma once

#include <array>
#include <string>

#include "apps/demo/dice.h"

namespace tl {

enum class Texture { plain, stripes, checks, dots, wood, marble };

std::string name_of(Texture texture);

/// A texture of random size, direction and place.
class Pattern {
 public:
  /// Stripes, squares and distances of dots are of about `period` pixels.
  Pattern(Texture texture, double period, Dice& dice);

  /// The share of the second colour at p (in pixels), in [0, 1], smooth over the width of a pixel.
  double operator()(Point p) const;

 private:
  double noise(Point p) const;

  Texture texture_;
  double period_;
  Point axis_, origin_;
  std::array<double, 256> table_;  // the noise's values on its lattice
};

}  // namespace tl
