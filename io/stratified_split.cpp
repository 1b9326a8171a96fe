#include "io/stratified_split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "kernels/error.h"
#include "kernels/philox.h"

namespace tl {
namespace {

/// An integer in [0, n), n under 2^32, from one Philox block per (seed, label, draw). The last word
/// keeps these streams apart from those of engine/random.h under the same seed, where it is 0.
uint64_t draw_below(uint64_t n, uint64_t seed, int label, uint64_t draw) {
  const auto words = philox({static_cast<uint32_t>(draw), static_cast<uint32_t>(draw >> 32),
                             static_cast<uint32_t>(label), 0x53504c54u},  // "SPLT"
                            {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return (uint64_t{words[0]} * n) >> 32;
}

/// Which of n pictures of a class go to validation: the first `count` of a Fisher-Yates shuffle.
std::vector<bool> draw_validation(size_t n, double fraction, uint64_t seed, int label) {
  auto count = static_cast<size_t>(std::llround(fraction * static_cast<double>(n)));
  if (fraction > 0) count = std::max<size_t>(count, 1);
  count = std::min(count, n - 1);
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  std::vector<bool> chosen(n, false);
  for (size_t i = 0; i < count; ++i) {
    std::swap(order[i], order[i + draw_below(n - i, seed, label, i)]);
    chosen[order[i]] = true;
  }
  return chosen;
}

}  // namespace

void check_val_fraction(double fraction) {
  check(fraction >= 0 && fraction < 1, "validation fraction ", fraction,
        ", expected at least 0 and under 1");
}

void stratified_split(std::vector<Sample>& train, std::vector<Sample>& val, double fraction,
                      uint64_t seed) {
  check_val_fraction(fraction);
  std::map<int, size_t> sizes;
  for (const Sample& sample : train) ++sizes[sample.label];
  std::map<int, std::vector<bool>> chosen;
  for (const auto& [label, n] : sizes) chosen[label] = draw_validation(n, fraction, seed, label);

  std::map<int, size_t> seen;
  std::vector<Sample> kept;
  for (Sample& sample : train) {
    const bool is_val = chosen.at(sample.label)[seen[sample.label]++];
    (is_val ? val : kept).push_back(std::move(sample));
  }
  train = std::move(kept);
}

}  // namespace tl
