// preprocess: the contract of kernels/preprocess.h, picture by picture: resize the columns of the
// rows that count, then the rows; then every element of y by its formula.
#include "kernels/preprocess.h"

#include <algorithm>
#include <vector>

#include "kernels/ref/install.h"
#include "kernels/resize_weights.h"

namespace tl::ref {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Output i of a resize along one axis; x(j) is its input j.
template <class X>
std::uint8_t resized(const ResizeWeights& table, std::int64_t i, const X& x) {
  const auto k = static_cast<std::size_t>(i);
  std::int32_t sum = 1 << (resize_weight_bits - 1);
  for (std::int64_t t = 0; t < table.count[k]; ++t) {
    sum += table.weights[static_cast<std::size_t>(i * table.stride + t)] * x(table.first[k] + t);
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> resize_weight_bits, 0, 255));
}

ResizeWeights weights_of(const PreprocessAxis& axis) {
  return bilinear_weights(axis.length, axis.resized, axis.first, axis.kept);
}

/// [rows.kept, columns.kept, 3]
Bytes resized_part(const PreprocessPicture& p) {
  const std::uint8_t* x = p.x.as<std::uint8_t>();
  const ResizeWeights rows = weights_of(p.rows), columns = weights_of(p.columns);
  const std::int64_t width = p.columns.kept * 3;
  Bytes narrow(static_cast<std::size_t>((rows.end() - rows.begin()) * width));
  std::int64_t k = 0;
  for (std::int64_t h = rows.begin(); h < rows.end(); ++h) {
    for (std::int64_t i = 0; i < width; ++i, ++k) {
      narrow[static_cast<std::size_t>(k)] = resized(columns, i / 3, [&](std::int64_t w) {
        return x[((p.rows.begin + h) * p.columns.size + p.columns.begin + w) * 3 + i % 3];
      });
    }
  }
  Bytes kept(static_cast<std::size_t>(p.rows.kept * width));
  for (std::int64_t r = 0; r < p.rows.kept; ++r) {
    for (std::int64_t i = 0; i < width; ++i) {
      kept[static_cast<std::size_t>(r * width + i)] = resized(rows, r, [&](std::int64_t h) {
        return narrow[static_cast<std::size_t>((h - rows.begin()) * width + i)];
      });
    }
  }
  return kept;
}

void preprocess(Stream, const PreprocessProblem& p, std::span<const PreprocessPicture> pictures,
                View workspace, View y_view) {
  check_preprocess(p, pictures, workspace, y_view);
  with_float_or_bf16("preprocess.run", y_view.dtype, [&]<class T>(T) {
    T* y = y_view.as<T>();
    for (const PreprocessPicture& picture : pictures) {
      const Bytes kept = resized_part(picture);
      const PreprocessAxis &rows = picture.rows, &columns = picture.columns;
      for (std::int64_t i = 0; i < p.height; ++i) {
        for (std::int64_t j = 0; j < p.width; ++j) {
          const std::int64_t r = i - rows.offset;
          const std::int64_t s = (picture.mirrored ? p.width - 1 - j : j) - columns.offset;
          const bool black = r < 0 || r >= rows.kept || s < 0 || s >= columns.kept;
          for (std::size_t c = 0; c < 3; ++c) {
            const auto k = static_cast<std::size_t>((r * columns.kept + s) * 3) + c;
            const float unit = static_cast<float>(black ? 0 : kept[k]) / 255.0f;
            *y++ = static_cast<T>((unit - p.mean[c]) / p.std[c]);
          }
        }
      }
    }
  });
}

}  // namespace

void install_preprocess(Backend& b) { b.preprocess.run = preprocess; }

}  // namespace tl::ref
