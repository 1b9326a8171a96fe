// preprocess: the contract of kernels/preprocess.h, in three kernels, each over all pictures of a
// batch (tensor_list.cuh):
//
//   set_weights       a thread per output of an axis works out its inputs and their weights, in f64
//   resize_columns    a thread per pixel of the picture that lies between the two passes
//   resize_rows       a thread per pixel of y: its rows, the black frame, the mirror, normalised
//
// What lies between them, weights and bytes, is small enough to stay in the second-level cache. The
// weights must be the host's to the bit, so products are not joined with sums: __dmul_rn.
#include <vector>

#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/tensor_list.cuh"
#include "kernels/preprocess.h"
#include "kernels/resize_weights.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr std::int32_t kHalf = 1 << (resize_weight_bits - 1);

/// For outputs i < kept: first input, count of inputs, weights, each a row of `kept` numbers, so
/// that neighbouring threads find theirs side by side.
struct Table {
  std::int32_t* number;
  std::int32_t kept;

  __device__ std::int32_t& first(std::int32_t i) const { return number[i]; }
  __device__ std::int32_t& count(std::int32_t i) const { return number[kept + i]; }
  __device__ std::int32_t& weight(std::int32_t i, std::int32_t t) const {
    return number[std::int64_t{2 + t} * kept + i];
  }
};

// ---- weights ------------------------------------------------------------------------------------

struct AxisEntry {
  Table table;
  std::int32_t in, out, first_output;
  std::int64_t size;  // kept
};

__device__ double weight_at(double input, double centre, double inverse_reach) {
  const double distance = __dmul_rn(input - centre + 0.5, inverse_reach);
  return max(1.0 - fabs(distance), 0.0);
}

/// The formula, operation by operation, of bilinear_weights.
__global__ void set_weights(TensorList<AxisEntry> list) {
  list.for_each_element([](const AxisEntry& a, std::int64_t element) {
    const std::int32_t i = static_cast<std::int32_t>(element);
    const double scale = static_cast<double>(a.in) / static_cast<double>(a.out);
    const double reach = max(scale, 1.0), inverse_reach = 1.0 / reach;
    const double centre = __dmul_rn(static_cast<double>(a.first_output + i) + 0.5, scale);
    const std::int32_t first = max(static_cast<std::int32_t>(centre - reach + 0.5), 0);
    const std::int32_t end = min(static_cast<std::int32_t>(centre + reach + 0.5), a.in);
    double sum = 0;
    for (std::int32_t j = first; j < end; ++j) sum += weight_at(j, centre, inverse_reach);
    for (std::int32_t j = first; j < end; ++j) {
      double weight = weight_at(j, centre, inverse_reach);
      if (sum != 0) weight /= sum;
      a.table.weight(i, j - first) =
          static_cast<std::int32_t>(0.5 + weight * (1 << resize_weight_bits));
    }
    a.table.first(i) = first;
    a.table.count(i) = end - first;
  });
}

// ---- pixels -------------------------------------------------------------------------------------

struct Rgb {
  std::int32_t r = kHalf, g = kHalf, b = kHalf;

  __device__ void add(std::int32_t weight, const std::uint8_t* pixel) {
    r += weight * pixel[0];
    g += weight * pixel[1];
    b += weight * pixel[2];
  }
};

__device__ std::uint8_t byte_of(std::int32_t sum) {
  return static_cast<std::uint8_t>(min(max(sum >> resize_weight_bits, 0), 255));
}

struct ColumnsEntry {
  const std::uint8_t* x;  // first pixel of the part, in the first row that counts
  std::uint8_t* y;
  Table table;
  std::int32_t row_bytes;  // of x
  std::int64_t size;       // pixels of y
};

__global__ void resize_columns(TensorList<ColumnsEntry> list) {
  list.for_each_element([](const ColumnsEntry& p, std::int64_t element) {
    const std::int32_t k = static_cast<std::int32_t>(element);
    const std::int32_t row = k / p.table.kept, i = k - row * p.table.kept;
    const std::int32_t count = p.table.count(i);
    const std::uint8_t* pixel = p.x + std::int64_t{row} * p.row_bytes + p.table.first(i) * 3;
    Rgb sum;
    for (std::int32_t t = 0; t < count; ++t) sum.add(p.table.weight(i, t), pixel + 3 * t);
    std::uint8_t* y = p.y + 3 * element;
    y[0] = byte_of(sum.r);
    y[1] = byte_of(sum.g);
    y[2] = byte_of(sum.b);
  });
}

struct RowsEntry {
  const std::uint8_t* x;  // [.., columns, 3]; its first row is row first_row of the part
  void* y;
  Table table;
  std::int32_t first_row, columns, row_offset, column_offset;
  bool mirrored;
  std::int64_t size;  // pixels of y
};

struct Normalisation {
  std::int32_t width;
  float mean[3], std[3];
};

template <class T>
__global__ void resize_rows(TensorList<RowsEntry> list, Normalisation n) {
  list.for_each_element([&](const RowsEntry& p, std::int64_t element) {
    const std::int32_t k = static_cast<std::int32_t>(element);
    const std::int32_t i = k / n.width, j = k - i * n.width;
    const std::int32_t r = i - p.row_offset;
    const std::int32_t s = (p.mirrored ? n.width - 1 - j : j) - p.column_offset;
    Rgb sum;
    if (r >= 0 && r < p.table.kept && s >= 0 && s < p.columns) {
      const std::int32_t count = p.table.count(r);
      const std::int64_t row_bytes = std::int64_t{3} * p.columns;
      const std::uint8_t* pixel = p.x + (p.table.first(r) - p.first_row) * row_bytes + 3 * s;
      for (std::int32_t t = 0; t < count; ++t, pixel += row_bytes) {
        sum.add(p.table.weight(r, t), pixel);
      }
    }
    const std::int32_t sums[3] = {sum.r, sum.g, sum.b};
    T* y = static_cast<T*>(p.y) + 3 * element;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const float unit = static_cast<float>(byte_of(sums[c])) / 255.0f;
      y[c] = static_cast<T>((unit - n.mean[c]) / n.std[c]);
    }
  });
}

// ---- the contract -------------------------------------------------------------------------------

std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

void run(Stream stream, const PreprocessProblem& p, std::span<const PreprocessPicture> pictures,
         View workspace, View y_view) {
  check_preprocess(p, pictures, workspace, y_view);
  with_f32_or_bf16("preprocess.run", y_view.dtype, [&]<class T>(T) {
    T* y = y_view.as<T>();
    // The tables first: so they are aligned, whatever the pictures' sizes.
    std::int32_t* number = static_cast<std::int32_t*>(workspace.data);
    std::vector<AxisEntry> axes;
    const auto add_axis = [&](const PreprocessAxis& a) {
      const Table table = {number, narrow(a.kept)};
      axes.push_back({table, narrow(a.length), narrow(a.resized), narrow(a.first), a.kept});
      number += a.kept * (2 + most_resize_inputs(a.length, a.resized));
      return table;
    };
    std::vector<ColumnsEntry> columns;
    std::vector<RowsEntry> rows;
    const std::int64_t pixels = p.height * p.width;
    for (const PreprocessPicture& picture : pictures) {
      const PreprocessAxis &h = picture.rows, &w = picture.columns;
      const ResizeInputs last = resize_inputs(h.length, h.resized, h.first + h.kept - 1);
      const std::int64_t begin = resize_inputs(h.length, h.resized, h.first).first;
      const std::int64_t count = last.first + last.count - begin;
      const std::uint8_t* x =
          picture.x.as<std::uint8_t>() + ((h.begin + begin) * w.size + w.begin) * 3;
      columns.push_back({x, nullptr, add_axis(w), narrow(w.size * 3), count * w.kept});
      rows.push_back({nullptr, y, add_axis(h), narrow(begin), narrow(w.kept), narrow(h.offset),
                      narrow(w.offset), picture.mirrored, pixels});
      y += pixels * 3;
    }
    std::uint8_t* between = reinterpret_cast<std::uint8_t*>(number);
    for (std::size_t k = 0; k < pictures.size(); ++k) {
      columns[k].y = between;
      rows[k].x = between;
      between += columns[k].size * 3;
    }
    Normalisation n = {narrow(p.width), {}, {}};
    for (std::size_t c = 0; c < 3; ++c) {
      n.mean[c] = p.mean[c];
      n.std[c] = p.std[c];
    }
    launch_over_tensors<set_weights>(stream, axes);
    launch_over_tensors<resize_columns>(stream, columns);
    launch_over_tensors<resize_rows<T>>(stream, rows, n);
  });
}

}  // namespace

void install_preprocess(Backend& b) { b.preprocess.run = run; }

}  // namespace tl::TL_DEVICE_NAMESPACE
