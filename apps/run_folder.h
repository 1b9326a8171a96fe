// Where runs are kept: runs/1, runs/2, ...
#pragma once

#include <filesystem>

namespace tl {

/// Creates and returns `wanted`, or runs/N with the next free N when it is empty.
std::filesystem::path make_run_folder(const std::filesystem::path& wanted);

/// The model of the newest run; throws when there is none.
std::filesystem::path newest_model();

}  // namespace tl
