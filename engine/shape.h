// Shape: the extents of a tensor, outermost first.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <ostream>
#include <utility>
#include <vector>

#include "kernels/error.h"

namespace tl {

class Shape {
 public:
  Shape() = default;
  /// Throws for a negative extent, and when the product of the extents, not counting zeros, is more
  /// than an int64 holds: products of any of them are then safe.
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::vector<std::int64_t>(dims)) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {
    std::int64_t product = 1;
    for (std::int64_t d : dims_) {
      check(d >= 0, "shape ", *this, ": an extent is negative");
      if (d == 0) continue;
      check(product <= std::numeric_limits<std::int64_t>::max() / d, "shape ", *this,
            ": more elements than can be counted");
      product *= d;
    }
  }

  int rank() const { return static_cast<int>(dims_.size()); }
  /// Extent of dimension i; negative i counts from the end.
  std::int64_t operator[](int i) const {
    const int k = i < 0 ? i + rank() : i;
    check(k >= 0 && k < rank(), "shape ", *this, " has no dimension ", i);
    return dims_[static_cast<std::size_t>(k)];
  }
  /// Number of elements; 1 for rank 0.
  std::int64_t size() const {
    std::int64_t n = 1;
    for (std::int64_t d : dims_) n *= d;
    return n;
  }
  const std::vector<std::int64_t>& dims() const { return dims_; }
  bool operator==(const Shape&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << "[";
    for (std::size_t i = 0; i < shape.dims_.size(); ++i) out << (i ? ", " : "") << shape.dims_[i];
    return out << "]";
  }

 private:
  std::vector<std::int64_t> dims_;
};

}  // namespace tl
