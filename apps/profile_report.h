// What --profile prints and writes.
#pragma once

#include <filesystem>
#include <string>

#include "engine/profile.h"
#include "nn/module.h"

namespace tl {

/// Three tables: by kernel (time, calls, bytes, FLOP, rates; the FLOP of a convolution are
/// those of the direct sum, by whatever variant it ran), by layer of `network` (time forward
/// and backward), and memory: the peak, and which kernel and layer it was reached in. At most
/// `rows` lines each, the largest first; what is left is summed in one line.
std::string profile_report(const Profile& profile, const Module& network, std::size_t rows = 20);

/// Every kernel and the memory in use over time, as a trace for Perfetto or chrome://tracing.
/// Atomic; throws Error("path: cause").
void write_profile_trace(const std::filesystem::path& path, const Profile& profile,
                         const Module& network);

}  // namespace tl
