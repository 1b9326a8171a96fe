// WinogradProduct: a convolution of 3x3 taps, stride 1, in tiles of 2x2, 4x4 or 5x5 outputs,
// and the order in which its tiles are counted.
#pragma once

#include <cstdint>

#include "kernels/conv2d.h"

namespace tl::cpu {

/// y[n, i, j] = relu?(bias + addend + sum over r, s, c of x[n, i - pad_h + r, j - pad_w + s, c] *
/// w) with x 0 outside; c_in and c_out are multiples of 16. A tile is kTile x kTile outputs.
template <int kTile>
struct WinogradProduct {
  static constexpr int kPatch = kTile + 2;        // pixels of x per dimension, and points
  static constexpr int kPlane = kPatch * kPatch;  // points of a tile

  std::int64_t n = 0;
  const float* x = nullptr;
  std::int64_t x_h = 0, x_w = 0, c_in = 0;
  std::int64_t pad_h = 0, pad_w = 0;
  const float* u = nullptr;  // the transformed filter
  float* y = nullptr;
  std::int64_t y_h = 0, y_w = 0, c_out = 0;
  const float* bias = nullptr;
  const float* addend = nullptr;  // like y, may be y
  bool relu = false;

  std::int64_t tiles_h() const { return (y_h + kTile - 1) / kTile; }
  std::int64_t tiles_w() const { return (y_w + kTile - 1) / kTile; }
  std::int64_t tiles() const { return n * tiles_h() * tiles_w(); }
};

/// V of a block of tiles that a thread keeps in its cache, and of all tiles if they are few, in
/// floats.
constexpr std::int64_t kWinogradCacheFloats = 128 * 1024, kWinogradFewFloats = 512 * 1024;

/// Whether V of all tiles is small enough to go by panels, and panels are enough
/// (winograd_product-inl.h).
constexpr bool can_go_by_panels(std::int64_t points, std::int64_t tiles, std::int64_t c_in,
                                std::int64_t panels) {
  constexpr std::int64_t kEnoughPanels = 8;
  return panels >= kEnoughPanels && tiles * points * c_in <= kWinogradFewFloats;
}

/// Whether the products are for the matrix unit, where it is on: neither block by block in a
/// thread's cache nor by panels, for any number of threads, so that they round alike.
constexpr bool is_for_matrix_unit(std::int64_t points, std::int64_t tiles, std::int64_t c_in,
                                  std::int64_t panels) {
  constexpr std::int64_t kSmallBlock = 28;  // tiles
  return kWinogradCacheFloats / (points * c_in) < kSmallBlock &&
         !can_go_by_panels(points, tiles, c_in, panels);
}

/// The geometry of a convolution's forward pass; buffers are left open.
template <int kTile>
WinogradProduct<kTile> forward_tiles(const Conv2dProblem& p) {
  WinogradProduct<kTile> product;
  product.n = p.n;
  product.x_h = p.h;
  product.x_w = p.w;
  product.c_in = p.c_in;
  product.pad_h = p.pad_h;
  product.pad_w = p.pad_w;
  product.y_h = p.out_h();
  product.y_w = p.out_w();
  product.c_out = p.c_out;
  return product;
}

/// A tile: its picture and its first output pixel. Stepped through row by row.
template <int kTile>
struct TilePlace {
  std::int64_t image, i, j;

  TilePlace(const WinogradProduct<kTile>& p, std::int64_t tile)
      : image(tile / (p.tiles_h() * p.tiles_w())),
        i(tile / p.tiles_w() % p.tiles_h() * kTile),
        j(tile % p.tiles_w() * kTile) {}

  void advance(const WinogradProduct<kTile>& p) {
    if ((j += kTile) < p.y_w) return;
    j = 0;
    if ((i += kTile) < p.y_h) return;
    i = 0;
    ++image;
  }
};

}  // namespace tl::cpu
