// config.json: what a run was asked for and what it ran on, so that it can be understood, and
// repeated, later.
#pragma once

#include <filesystem>
#include <string>

#include "apps/training_job.h"

namespace tl {

/// All options, version, classes, preprocessing, counts of pictures, architecture, threads, SIMD
/// target, the variants of each kernel in the order of preference, and what --autotune found: on
/// the same target with the same variants the results are the same bits.
std::string config_json(const TrainingJob& job);

/// How a run split pictures that came without a validation folder.
struct SplitOptions {
  double val_fraction = 0.2;
  std::uint64_t seed = 0;
};
/// Of the config.json in the model's folder; the defaults where there is none that can be read.
SplitOptions split_of_run(const std::filesystem::path& model);

}  // namespace tl
