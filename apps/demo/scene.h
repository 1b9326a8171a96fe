// draw_scene: one picture of one object among clutter, in random light.
#pragma once

#include "apps/demo/figure.h"
#include "apps/demo/texture.h"
#include "io/image.h"

namespace tl {

/// Height and width of the demo's pictures.
inline constexpr int kSceneSize = 64;

/// What a class fixes. Everything else in the picture is thrown by dice: place, size, rotation and
/// foreshortening of the object, all colours, background, clutter, light, shadow and noise.
struct Subject {
  Figure figure = Figure::disc;
  Texture texture = Texture::plain;
  bool chipped = false;  ///< a piece is broken out of the border
};

Image draw_scene(const Subject& subject, Dice dice);

}  // namespace tl
