// Contract of preprocess: pictures of any sizes become one batch for a network: a part of each is
// resized, a part of that is kept, perhaps mirrored, and normalised.
//
//   resized = Pillow's x[part].resize(BILINEAR), to the bit (resize_weights.h): columns first,
//             rounded to 8 bits, then rows, rounded again:
//             u8((half + sum over t of weight[i, t] * input[first[i] + t]) >> 22)
//   kept    = resized[rows.first + r, columns.first + s], r < rows.kept, s < columns.kept
//   framed[rows.offset + r, columns.offset + s] = kept[r, s], 0 (black) elsewhere
//   y[k, i, j, c] = (framed[i, mirrored ? width - 1 - j : j, c] / 255 - mean[c]) / std[c]
//
// in f32 by these three operations, then rounded to y's dtype. x u8 [rows.size, columns.size, 3]; y
// [n, height, width, 3] in f32, f64 or bf16. Only those pixels of x are read that count. y is
// overwritten and aliases nothing. Every backend gives the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct PreprocessProblem {
  std::int64_t n = 1, height = 1, width = 1;
  std::array<float, 3> mean{}, std{1, 1, 1};

  std::int64_t y_size() const { return n * height * width * 3; }
};

/// What becomes of one axis of a picture.
struct PreprocessAxis {
  std::int64_t size = 1;               ///< of the picture
  std::int64_t begin = 0, length = 1;  ///< the part of it that is resized
  std::int64_t resized = 1;            ///< what its length becomes
  std::int64_t first = 0, kept = 1;    ///< the part of that which is kept
  std::int64_t offset = 0;             ///< black pixels before it in y
};

struct PreprocessPicture {
  ConstView x;
  PreprocessAxis rows, columns;
  bool mirrored = false;
};

inline double bytes_of(std::span<const PreprocessPicture> pictures) {
  double bytes = 0;
  for (const PreprocessPicture& p : pictures) bytes += bytes_of(p.x);
  return bytes;
}

/// Scratch that a run needs: the weights of both axes, the picture between the two passes.
std::int64_t preprocess_workspace_bytes(std::span<const PreprocessPicture> pictures);

/// Throws unless the pictures fit in with the problem, the workspace and y: what a backend calls
/// first.
void check_preprocess(const PreprocessProblem& p, std::span<const PreprocessPicture> pictures,
                      const ConstView& workspace, const ConstView& y);

struct PreprocessKernels {
  /// `pictures`, n of them, lies in host memory and is read before the call returns, their pixels
  /// in device memory; `workspace` u8 [preprocess_workspace_bytes(pictures)], 4-byte aligned, its
  /// contents undefined before and after.
  Slot<void(Stream, const PreprocessProblem&, std::span<const PreprocessPicture> pictures,
            View workspace, View y)>
      run{"preprocess.run"};
};

}  // namespace tl
