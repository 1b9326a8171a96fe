// Features of pictures on disk, of which a cache may know some: what a head is trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "apps/extract_features.h"
#include "apps/feature_cache.h"
#include "apps/picture_files.h"
#include "nn/frozen.h"

namespace tl {

/// Pictures that go through the network together.
inline constexpr std::int64_t kFeatureBatch = 32;

/// Reads every sample's file; a picture that `cache` knows needs no more, the others go through
/// `network` and into the cache. Threads share the pictures of a batch to read, decode and resize
/// them, then the network's work on it: one pool, no thread besides.
///
/// A picture's features are the same bits whichever of them the cache knew: it goes through the
/// network in a batch of the size that its place in `samples` gives it (kFeatureBatch, at the
/// end what is left), filled up with zeros where a run has fewer to compute.
///
/// Broken pictures have no row. `progress`, if given, is told how many samples have been read.
Features features_of_files(FrozenNetwork& network, const std::vector<Sample>& samples,
                           const Preprocessing& preprocessing, Device device, FeatureCache& cache,
                           BrokenPictures& broken,
                           const std::function<void(std::int64_t)>& progress = {});

}  // namespace tl
