// HDF5 files, read as users read them: by a child process. The child may die, which is an Error;
// this process may not, and the child may not compute for over 10 seconds.
//
// What the child covers, libFuzzer does not see. What it says instead guides the search: each kind
// of answer counts as a place in the program.
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/resource.h>

#include <cctype>
#include <cstdlib>
#include <string>

#include "io/hdf5_weights.h"
#include "tests/fuzz/fuzz_reader.h"
#include "tests/fuzz/scratch_file.h"

namespace {

constexpr size_t kinds = 4096;
__attribute__((section("__libfuzzer_extra_counters"))) uint8_t counters[kinds];

/// Without digits, in which answers of one kind differ.
void count(const std::string& answer) {
  size_t hash = 14695981039346656037u;
  for (const char c : answer) {
    if (std::isdigit(static_cast<unsigned char>(c))) continue;
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  counters[hash % kinds] = 1;
}

/// Of all children so far.
double child_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // The child is not libFuzzer: what the sanitizer finds in it ends it, and is no finding.
  ::pthread_atfork(nullptr, nullptr, [] { __sanitizer_set_death_callback(nullptr); });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tl::test::ScratchFile scratch;
  const std::string path = scratch.holding({reinterpret_cast<const char*>(data), size});
  const double before = child_seconds();
  try {
    const tl::WeightsFile file = tl::read_hdf5(path);
    tl::test::check_cost(file, size);
    tl::test::touch(file);
    std::string shapes;
    for (const auto& [name, array] : file.arrays)
      shapes += tl::concat(array.dtype, std::string(array.shape.size(), 'x'));
    count(shapes);
  } catch (const tl::Error& error) {
    count(error.what());
  }
  if (child_seconds() - before > 10) std::abort();
  return 0;
}
