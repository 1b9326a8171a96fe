#include "apps/picture_files.h"

#include <cstdio>
#include <memory>
#include <numeric>

#include "apps/standard_streams.h"
#include "kernels/error.h"

namespace tl {

void BrokenPictures::add(const std::string& path, const std::string& cause) {
  check(!strict_, path, ": ", cause, " (--strict stops here)");
  if (paths_.insert(path).second)
    std::fprintf(stderr, "%s: %s, skipped\n", printable(path).c_str(), printable(cause).c_str());
}

BatchSource batches_of(const std::vector<Sample>& samples, std::vector<std::int64_t> order,
                       const Preprocessing& preprocessing, const LoaderOptions& options,
                       BrokenPictures& broken) {
  const auto loader =
      std::make_shared<BatchLoader>(samples, std::move(order), preprocessing, options);
  return [loader, &broken, told = std::size_t{0}](Batch& batch) mutable {
    const bool is_batch = loader->next(batch);
    for (; told < loader->failures().size(); ++told) {
      const LoadFailure& failure = loader->failures()[told];
      broken.add(failure.path.string(), failure.cause);
    }
    return is_batch;
  };
}

BatchSource batches_of(const std::vector<Sample>& samples, const Preprocessing& preprocessing,
                       BrokenPictures& broken) {
  std::vector<std::int64_t> order(samples.size());
  std::iota(order.begin(), order.end(), 0);
  return batches_of(samples, std::move(order), preprocessing, {}, broken);
}

}  // namespace tl
