// The shapes that conv2d is tested on: each of them bites somewhere.
#pragma once

#include <vector>

#include "kernels/conv2d.h"
#include "tests/support/random.h"

namespace tl::test {

/// A problem built up in one line.
struct ConvCase : Conv2dProblem {
  ConvCase(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t in,
           std::int64_t out) {
    n = batch, h = height, w = width, c_in = in, c_out = out;
  }
  ConvCase kernel(std::int64_t r, std::int64_t s) { return kh = r, kw = s, *this; }
  ConvCase stride(std::int64_t y, std::int64_t x) { return stride_h = y, stride_w = x, *this; }
  ConvCase pad(std::int64_t y, std::int64_t x) { return pad_h = y, pad_w = x, *this; }
  ConvCase dilate(std::int64_t y, std::int64_t x) { return dilation_h = y, dilation_w = x, *this; }
  ConvCase in_groups(std::int64_t count) { return groups = count, *this; }
  ConvCase add_bias() { return bias = true, *this; }
  ConvCase add_residual() { return residual = true, *this; }
  ConvCase add_relu() { return relu = true, *this; }
  ConvCase add_prologue() { return prologue = true, *this; }
  ConvCase add_sums() { return sums = true, *this; }
  ConvCase full_epilogue() { return bias = residual = relu = true, *this; }
};

/// One filter for each of `channels`.
inline ConvCase depthwise(std::int64_t batch, std::int64_t height, std::int64_t width,
                          std::int64_t channels) {
  return ConvCase(batch, height, width, channels, channels).in_groups(channels);
}

/// Small cases with everything different in h and w, drawn at random; every third is depthwise.
inline std::vector<Conv2dProblem> random_conv2d_cases(int count) {
  Random random(41);
  std::vector<Conv2dProblem> list;
  while (static_cast<int>(list.size()) < count) {
    const bool is_depthwise = list.size() % 3 == 0;
    const std::int64_t groups = random.integer(1, is_depthwise ? 20 : 3);
    const std::int64_t group_in = is_depthwise ? 1 : random.integer(1, 9);
    const std::int64_t group_out = random.integer(1, is_depthwise ? 2 : 9);
    const auto draw = [&](std::int64_t low, std::int64_t high) {
      return random.integer(low, high);
    };
    const Conv2dProblem p =
        ConvCase(draw(1, 2), draw(1, 13), draw(1, 13), groups * group_in, groups * group_out)
            .in_groups(groups)
            .kernel(draw(1, 4), draw(1, 4))
            .stride(draw(1, 3), draw(1, 3))
            .pad(draw(0, 3), draw(0, 3))
            .dilate(draw(1, 3), draw(1, 3));
    const bool fits_h = p.h + 2 * p.pad_h >= p.dilation_h * (p.kh - 1) + 1;
    const bool fits_w = p.w + 2 * p.pad_w >= p.dilation_w * (p.kw - 1) + 1;
    // Where only padding is seen, y is 0, and a comparison would say nothing.
    if (fits_h && fits_w && p.w > p.dilation_w && p.h > p.dilation_h) list.push_back(p);
  }
  return list;
}

inline std::vector<Conv2dProblem> conv2d_cases() {
  std::vector<Conv2dProblem> list = {
      // 1x1: the smallest, odd channels, one past a tile, strided, several blocks of depth.
      ConvCase(1, 1, 1, 1, 1),
      ConvCase(2, 5, 3, 17, 33),
      ConvCase(1, 15, 1, 64, 65).add_bias().add_relu(),
      ConvCase(3, 6, 4, 16, 32).stride(2, 2),
      ConvCase(1, 3, 3, 2400, 5).full_epilogue(),
      ConvCase(1, 3, 5, 1024, 40).full_epilogue(),  // rows whole pages apart
      // 1x1 as Strassen's algorithm takes it: one pixel; odd pixels; several groups of pairs; two
      // blocks of depth, forward and backward; strided.
      ConvCase(1, 1, 1, 64, 64).add_bias(),
      ConvCase(2, 5, 7, 64, 128).full_epilogue(),
      ConvCase(1, 11, 12, 1088, 64).full_epilogue(),
      ConvCase(1, 5, 13, 64, 1088).add_relu(),
      ConvCase(3, 9, 8, 128, 64).stride(2, 2).add_residual(),
      // 3x3, as Winograd takes it: whole tiles, one more, one less, less than a tile, every
      // padding.
      ConvCase(2, 8, 8, 16, 16).kernel(3, 3).pad(1, 1),
      ConvCase(1, 9, 7, 16, 48).kernel(3, 3).pad(1, 1).full_epilogue(),
      ConvCase(3, 1, 2, 32, 16).kernel(3, 3).pad(1, 1),
      ConvCase(1, 5, 30, 48, 32).kernel(3, 3).add_bias(),
      ConvCase(1, 6, 5, 16, 32).kernel(3, 3).pad(2, 0),
      ConvCase(1, 6, 5, 16, 32).kernel(3, 3).pad(3, 1),
      ConvCase(9, 13, 14, 16, 32).kernel(3, 3).pad(1, 1).add_relu(),
      // 3x3 at stride 2 as Winograd takes it, in tiles of 4x4: whole tiles, one more, one
      // less, less than one; a border on the left only, on both sides, or on neither; a
      // last row and column that no output sees; every padding; many tiles; several sums per point.
      // Then what it does not take.
      ConvCase(2, 16, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(1, 1),
      ConvCase(1, 17, 14, 32, 48).kernel(3, 3).stride(2, 2).pad(1, 1).full_epilogue(),
      ConvCase(3, 1, 2, 16, 32).kernel(3, 3).stride(2, 2).pad(1, 1).add_residual(),
      ConvCase(1, 17, 9, 48, 16).kernel(3, 3).stride(2, 2).add_bias(),
      ConvCase(1, 10, 18, 16, 16).kernel(3, 3).stride(2, 2),
      ConvCase(1, 6, 13, 16, 16).kernel(3, 3).stride(2, 2).pad(2, 0),
      ConvCase(1, 14, 7, 16, 16).kernel(3, 3).stride(2, 2).pad(0, 2).add_relu(),
      ConvCase(5, 30, 33, 16, 48).kernel(3, 3).stride(2, 2).pad(1, 1).full_epilogue(),
      ConvCase(4, 14, 15, 144, 80).kernel(3, 3).stride(2, 2).pad(1, 1).full_epilogue(),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(3, 1),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(1, 3),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(1, 1).add_sums(),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 1).pad(1, 1),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(1, 2).pad(1, 1),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(2, 2).dilate(2, 1),
      ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(2, 2).dilate(1, 2),
      ConvCase(1, 9, 8, 32, 32).kernel(3, 3).stride(2, 2).pad(1, 1).in_groups(2),
      // Many channels; enough tiles for several chunks; several blocks of depth.
      ConvCase(4, 9, 9, 272, 48).kernel(3, 3).pad(1, 1).add_bias(),
      ConvCase(4, 29, 30, 16, 16).kernel(3, 3).pad(1, 1).add_residual(),
      ConvCase(1, 4, 5, 288, 16).kernel(3, 3).pad(1, 1),
      // Few tiles and many panels, the last one half full: each panel is a chunk.
      ConvCase(2, 5, 7, 32, 272).kernel(3, 3).pad(1, 1).full_epilogue(),
      // Few rows and many panels, with several blocks of depth, and with channels that fill no
      // block.
      ConvCase(1, 5, 6, 288, 80).kernel(3, 3).stride(2, 1).pad(1, 1).full_epilogue(),
      ConvCase(1, 5, 4, 17, 100).kernel(3, 3).stride(1, 2).pad(1, 1).add_residual(),
      // Channels that fill no vector.
      ConvCase(1, 225, 181, 2, 3).kernel(3, 3).pad(1, 1),
      ConvCase(2, 10, 11, 3, 8).kernel(3, 3).pad(1, 1).add_bias().add_relu(),
      ConvCase(1, 9, 12, 17, 19).kernel(3, 3).stride(2, 2).pad(1, 1),
      ConvCase(1, 7, 7, 300, 2).kernel(3, 3).add_residual(),
      // 5x5 and the stem, 7x7; non-square everything; strides that skip pixels.
      ConvCase(2, 9, 8, 6, 10).kernel(5, 5).pad(2, 2),
      ConvCase(2, 30, 33, 3, 64).kernel(7, 7).stride(2, 2).pad(3, 3).add_bias().add_relu(),
      // The stem as Winograd takes it, in tiles of 4x4: 1 to 4 channels; whole tiles, one more, one
      // less, less than one; tiles as many as lanes, as a block, more; odd paddings; many pictures,
      // so that a chunk has several rows of tiles. Then what it does not take.
      ConvCase(1, 225, 181, 3, 16).kernel(7, 7).stride(2, 2).pad(3, 3).full_epilogue(),
      ConvCase(1, 16, 32, 1, 48).kernel(7, 7).stride(2, 2).pad(3, 3),
      ConvCase(3, 1, 2, 3, 32).kernel(7, 7).stride(2, 2).pad(3, 3).add_residual(),
      ConvCase(1, 11, 127, 4, 16).kernel(7, 7).stride(2, 2).pad(3, 3).add_relu(),
      ConvCase(1, 9, 224, 2, 16).kernel(7, 7).stride(2, 2).pad(3, 3),
      ConvCase(1, 9, 240, 2, 16).kernel(7, 7).stride(2, 2).pad(2, 0).add_bias(),
      ConvCase(1, 8, 7, 3, 16).kernel(7, 7).stride(2, 2).pad(0, 5),
      ConvCase(65, 71, 3, 1, 16).kernel(7, 7).stride(2, 2).pad(3, 3),
      ConvCase(1, 12, 11, 3, 16).kernel(7, 7).stride(2, 2).pad(3, 3).add_sums(),
      ConvCase(1, 12, 11, 3, 16).kernel(7, 7).stride(2, 1).pad(3, 3),
      ConvCase(1, 12, 11, 3, 16).kernel(7, 7).stride(1, 2).pad(3, 3),
      ConvCase(1, 18, 19, 3, 16).kernel(7, 7).stride(2, 2).pad(3, 3).dilate(2, 2),
      ConvCase(1, 12, 9, 5, 7).kernel(2, 4).stride(3, 1).pad(0, 3),
      ConvCase(1, 11, 10, 16, 18).kernel(1, 2).stride(3, 3).pad(0, 1),
      ConvCase(1, 14, 14, 32, 64).kernel(3, 3).stride(2, 2).pad(1, 1).full_epilogue(),
      // Dilation, alone and with strides that share a factor with it or do not.
      ConvCase(1, 12, 13, 16, 16).kernel(3, 3).pad(2, 2).dilate(2, 2),
      ConvCase(2, 15, 14, 4, 6).kernel(3, 3).stride(2, 3).pad(1, 3).dilate(2, 2),
      ConvCase(1, 14, 15, 4, 6).kernel(3, 2).stride(4, 2).pad(1, 0).dilate(2, 3),
      // Groups, down to depthwise.
      ConvCase(2, 6, 7, 32, 48).kernel(3, 3).pad(1, 1).in_groups(2).full_epilogue(),
      ConvCase(1, 7, 6, 12, 12).kernel(3, 3).stride(2, 2).pad(1, 1).in_groups(12).add_bias(),
      // Depthwise, in blocks of 8 or 4 outputs of a row: whole blocks, one more, less than one;
      // channels in every kind of vector, one, and more than a block of them has; taps that are
      // three neighbours, at stride 1 and 2, and those that are not; all of a filter outside but
      // for a corner; as many rows as make chunks of several; several parts of dw. Then what is no
      // filter per channel.
      depthwise(2, 9, 18, 39).kernel(3, 3).pad(1, 1).full_epilogue(),
      depthwise(1, 5, 11, 1).kernel(3, 3).pad(1, 1).add_bias(),
      depthwise(2, 6, 5, 7).kernel(3, 3).pad(1, 1).add_residual(),
      depthwise(1, 11, 35, 21).kernel(3, 3).stride(2, 2).pad(1, 1).add_relu(),
      depthwise(1, 12, 13, 16).kernel(3, 3).stride(1, 2),
      depthwise(2, 13, 19, 20).kernel(3, 3).pad(2, 2).dilate(2, 2).add_bias(),
      depthwise(1, 15, 17, 5).kernel(3, 3).stride(2, 3).pad(1, 3).dilate(3, 2),
      depthwise(1, 10, 21, 24).kernel(5, 5).pad(2, 2).full_epilogue(),
      depthwise(1, 13, 18, 17).kernel(5, 5).stride(2, 2).pad(2, 2),
      depthwise(2, 7, 14, 70).kernel(7, 7).pad(3, 3).add_relu(),
      depthwise(1, 4, 3, 18).kernel(3, 3).pad(5, 4),
      depthwise(1, 2, 3, 18).kernel(3, 4).stride(2, 2).pad(4, 5).full_epilogue(),
      depthwise(1, 1, 30, 33).kernel(1, 3).pad(0, 1),
      depthwise(2, 5, 9, 19).add_bias(),
      depthwise(1, 5, 9, 19).stride(2, 2),
      depthwise(150, 3, 4, 2).kernel(3, 3).pad(1, 1).add_relu(),
      depthwise(1, 70, 34, 18).kernel(3, 3).pad(1, 1),
      depthwise(0, 8, 8, 16).kernel(3, 3).pad(1, 1),
      depthwise(1, 6, 7, 16).kernel(3, 3).pad(1, 1).add_sums(),
      depthwise(1, 6, 7, 16).kernel(3, 3).pad(1, 1).add_prologue(),
      ConvCase(1, 6, 7, 16, 32).kernel(3, 3).pad(1, 1).in_groups(16),
      ConvCase(1, 6, 7, 32, 16).kernel(3, 3).pad(1, 1).in_groups(16),
      // Nothing.
      ConvCase(0, 8, 8, 16, 16).kernel(3, 3).pad(1, 1),
  };
  for (const Conv2dProblem& p : random_conv2d_cases(30)) list.push_back(p);
  return list;
}

/// A small picture with every combination of prologue and epilogue.
inline std::vector<Conv2dProblem> conv2d_epilogue_cases() {
  std::vector<Conv2dProblem> list;
  for (int bits = 0; bits < 64; ++bits) {
    Conv2dProblem p{.n = 2, .h = 6, .w = 5, .c_in = 16, .c_out = 32, .kh = 3, .kw = 3};
    p.pad_h = p.pad_w = 1;
    p.bias = bits & 1;
    p.residual = bits & 2;
    p.relu = bits & 4;
    p.sums = bits & 8;
    p.prologue = bits & 16;
    p.prologue_relu = p.prologue && (bits & 32);
    list.push_back(p);
  }
  // Strides and the stem are refused or right.
  Conv2dProblem strided = ConvCase(1, 9, 8, 16, 16).kernel(3, 3).stride(2, 2).pad(1, 1);
  strided.prologue = true;
  list.push_back(strided);
  Conv2dProblem stem = ConvCase(1, 9, 8, 3, 16).kernel(7, 7).stride(2, 2).pad(3, 3);
  stem.prologue = true;
  list.push_back(stem);
  return list;
}

/// Few and small cases for kernels that work in tiles and run on the host, slowly: of everything
/// above that bites, once.
inline std::vector<Conv2dProblem> conv2d_tile_cases() {
  std::vector<Conv2dProblem> list = {
      // One past a tile of columns and of rows; more than one step of depth, and a part of one.
      ConvCase(1, 5, 13, 40, 68).add_bias().add_relu().add_sums(),
      ConvCase(1, 2, 3, 17, 33).full_epilogue(),
      ConvCase(1, 1, 1, 1, 1),
      // 3x3 with whole packs, and with channels that fill none; parts of Winograd's tiles.
      ConvCase(2, 7, 6, 16, 24).kernel(3, 3).pad(1, 1).full_epilogue(),
      ConvCase(1, 9, 15, 3, 10).kernel(3, 3).pad(2, 0).add_sums(),
      ConvCase(1, 5, 4, 12, 8).kernel(3, 3).pad(3, 1).add_residual(),
      // Strides: phases with and without taps, and none at all for a tap.
      ConvCase(2, 6, 7, 16, 16).stride(2, 2),
      ConvCase(1, 9, 10, 8, 16).kernel(3, 3).stride(2, 2).pad(1, 1).add_bias(),
      ConvCase(1, 12, 14, 3, 8).kernel(7, 7).stride(2, 2).pad(3, 3).add_bias().add_relu(),
      ConvCase(1, 11, 10, 8, 8).kernel(1, 2).stride(3, 3).pad(0, 1),
      // Dilation, with strides that share a factor with it or do not.
      ConvCase(1, 9, 8, 8, 8).kernel(3, 3).pad(2, 2).dilate(2, 2),
      ConvCase(1, 14, 15, 4, 6).kernel(3, 2).stride(4, 2).pad(1, 0).dilate(2, 3),
      // Groups, down to depthwise.
      ConvCase(1, 6, 5, 16, 24).kernel(3, 3).pad(1, 1).in_groups(2).full_epilogue().add_sums(),
      ConvCase(1, 5, 6, 12, 12).kernel(3, 3).stride(2, 2).pad(1, 1).in_groups(12).add_bias(),
      // More pixels than one part of dw has.
      ConvCase(1, 17, 19, 4, 8).kernel(2, 2),
      // Nothing.
      ConvCase(0, 8, 8, 16, 16).kernel(3, 3).pad(1, 1),
  };
  for (const Conv2dProblem& p : random_conv2d_cases(6)) list.push_back(p);
  return list;
}

}  // namespace tl::test
