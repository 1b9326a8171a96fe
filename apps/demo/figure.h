// Figures: what the classes of the demo's pictures are told apart by, as signed distances.
#pragma once

#include <string>

#include "apps/demo/dice.h"

namespace tl {

enum class Figure {
  disc,
  square,
  triangle,
  star,
  ring,
  cross,
  crescent,
  bar,
  // The target tasks' own:
  heart,
  arrow,
  drop,
  bolt,
  flower,
  tile,
};

std::string name_of(Figure figure);

/// Distance from p to the border of the figure, negative inside; the figure has a radius of about
/// 1 about the origin. For figures put together from others it is a lower bound outside and an
/// upper bound (of the negative number) inside, which is what drawing needs.
double distance(Figure figure, Point p);

}  // namespace tl
