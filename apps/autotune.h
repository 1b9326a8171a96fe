// --autotune: before a network is trained, all variants of its kernels are timed, and what was
// found is remembered.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "engine/tuning.h"
#include "models/resnet_config.h"

namespace tl {

/// What a network is asked to do again and again.
struct TunedWork {
  ResNetConfig config;
  std::int64_t batch, size;  ///< pictures of size x size
  bool frozen;               ///< features of a frozen network; else a training step
};

/// While the result lives, the device takes for this work the variants that were fastest when they
/// were measured: now, with a step on zeros, or before on the same machine by the same program with
/// as many threads, as `folder`/variants.json says; an empty folder remembers nothing. Prints a
/// line on it. Another variant rounds otherwise, so results are those of this table of variants
/// (config.json has it). Throws on other devices than cpu, where kernels do not wait to be timed.
std::unique_ptr<ScopedBackend> autotune(Device device, const TunedWork& work,
                                        const std::filesystem::path& folder);

}  // namespace tl
