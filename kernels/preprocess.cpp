// What all backends of kernels/preprocess.h check and need.
#include "kernels/preprocess.h"

#include "kernels/resize_weights.h"

namespace tl {
namespace {

constexpr const char* kOp = "preprocess.run";

/// First input, count and weights of each output, as i32.
std::int64_t table_bytes(const PreprocessAxis& axis) {
  return axis.kept * (2 + most_resize_inputs(axis.length, axis.resized)) *
         static_cast<std::int64_t>(sizeof(std::int32_t));
}

void check_axis(std::size_t picture, const char* name, const PreprocessAxis& a, std::int64_t out) {
  check(0 <= a.begin && 1 <= a.length && a.begin <= a.size - a.length, kOp, ": picture ", picture,
        ": ", name, " ", a.begin, " and ", a.length, " after it are no part of ", a.size);
  check(a.resized <= INT32_MAX && 0 <= a.first && 1 <= a.kept && a.first <= a.resized - a.kept, kOp,
        ": picture ", picture, ": ", name, " ", a.first, " and ", a.kept,
        " after it are no part of ", a.resized);
  check(0 <= a.offset && a.offset <= out - a.kept, kOp, ": picture ", picture, ": ", a.kept, " ",
        name, " from ", a.offset, " on do not fit into ", out);
}

}  // namespace

std::int64_t preprocess_workspace_bytes(std::span<const PreprocessPicture> pictures) {
  std::int64_t bytes = 0;
  for (const PreprocessPicture& p : pictures) {
    const PreprocessAxis& rows = p.rows;
    const ResizeInputs last = resize_inputs(rows.length, rows.resized, rows.first + rows.kept - 1);
    const std::int64_t end = last.first + last.count;
    const std::int64_t begin = resize_inputs(rows.length, rows.resized, rows.first).first;
    bytes += table_bytes(rows) + table_bytes(p.columns) + (end - begin) * p.columns.kept * 3;
  }
  return bytes;
}

void check_preprocess(const PreprocessProblem& p, std::span<const PreprocessPicture> pictures,
                      const ConstView& workspace, const ConstView& y) {
  check(static_cast<std::int64_t>(pictures.size()) == p.n, kOp, ": needs ", p.n, " pictures, got ",
        pictures.size());
  check(p.height >= 1 && 1 <= p.width && p.width <= INT32_MAX / 3 / p.height && p.n >= 0 &&
            y.size == p.y_size(),
        kOp, ": y must be [", p.n, ", ", p.height, ", ", p.width, ", 3], got ", y.size,
        " elements");
  for (std::size_t k = 0; k < pictures.size(); ++k) {
    const PreprocessPicture& picture = pictures[k];
    check(picture.x.dtype == DType::u8, kOp, ": picture ", k, ": needs u8, got ", picture.x.dtype);
    check_axis(k, "rows", picture.rows, p.height);
    check_axis(k, "columns", picture.columns, p.width);
    const std::int64_t rows = picture.rows.size, columns = picture.columns.size;
    check(columns <= INT32_MAX / 3 / rows && picture.x.size == rows * columns * 3, kOp,
          ": picture ", k, ": needs [", rows, ", ", columns, ", 3] below 2^31 bytes, got ",
          picture.x.size);
    check(picture.columns.kept <= INT32_MAX / 3 / rows, kOp, ": picture ", k, ": ", rows,
          " rows of ", picture.columns.kept, " columns are 2^31 bytes or more");
  }
  const std::int64_t needed = preprocess_workspace_bytes(pictures);
  check(workspace.size >= needed, kOp, ": needs a workspace of ", needed, " bytes, got ",
        workspace.size);
}

}  // namespace tl
