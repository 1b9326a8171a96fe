// What the cases share when they ask `ref` in f64 for the truth.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/backend.h"

namespace tl {

using Doubles = std::vector<double>;

inline const Backend& ref() {
  static const Backend b = ref_backend();
  return b;
}

inline Doubles widen(const std::vector<float>& x) { return {x.begin(), x.end()}; }

/// Piece number `i` of those of `size` elements that x consists of.
inline std::vector<float> piece(const std::vector<float>& x, std::int64_t i, std::int64_t size) {
  const auto begin = x.begin() + i * size;
  return {begin, begin + size};
}

/// The columns [first, first + count) of a matrix of `columns`.
inline std::vector<float> columns_of(const std::vector<float>& x, std::int64_t columns,
                                     std::int64_t first, std::int64_t count) {
  std::vector<float> part;
  part.reserve(x.size() / static_cast<std::size_t>(columns) * static_cast<std::size_t>(count));
  for (auto row = x.begin(); row < x.end(); row += columns)
    part.insert(part.end(), row + first, row + first + count);
  return part;
}

inline View view_of(Doubles& x) { return view_of(x.data(), static_cast<std::int64_t>(x.size())); }
inline ConstView view_of(const Doubles& x) {
  return view_of(x.data(), static_cast<std::int64_t>(x.size()));
}

/// The first, one in the middle, and the last of `count` things, each once.
inline std::vector<std::int64_t> some_of(std::int64_t count) {
  std::vector<std::int64_t> some;
  for (const std::int64_t i : {std::int64_t{0}, count / 2, count - 1}) {
    if (some.empty() || some.back() != i) some.push_back(i);
  }
  return some;
}

/// ||a - b|| / ||b||; NaN when either holds one, infinity where b is 0 and a is not.
inline double relative_error(const std::vector<float>& a, const Doubles& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference / size);
}

/// The larger, or NaN if there is one.
inline double worse(double a, double b) { return std::isnan(a) || a > b ? a : b; }

/// The largest relative error of several outputs.
inline double relative_error(const std::vector<std::vector<float>>& a,
                             const std::vector<Doubles>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < b.size(); ++i) worst = worse(relative_error(a[i], b[i]), worst);
  return worst;
}

/// Returns what says how far outputs are from truth(), a list of Doubles that is made when it is
/// first needed.
template <class Truth>
auto error_against(const Truth& truth) {
  return [truth,
          known = std::vector<Doubles>()](const std::vector<std::vector<float>>& outputs) mutable {
    if (known.empty()) known = truth();
    return relative_error(outputs, known);
  };
}

}  // namespace tl
