#include "io/shared_bytes.h"

#include <sys/mman.h>
#include <unistd.h>

#include "io/check_system.h"

namespace tl {
namespace {

uint64_t bytes_of_machine() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Zeroed memory that goes away with the last pointer to it.
std::shared_ptr<std::byte> mapped_memory(size_t bytes) {
  void* address =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check_system(address != MAP_FAILED, "no memory for its ", bytes, " bytes");
  // One page fault for 2 MiB instead of 512: most of the time that a plain read() takes. Where the
  // kernel has no such pages, the advice fails and nothing is lost.
  ::madvise(address, bytes, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(address), [bytes](std::byte* p) { ::munmap(p, bytes); }};
}

}  // namespace

SharedBytes read_shared_bytes(const RegularFile& file, uint64_t aligned_at) {
  check(file.bytes > 0, "empty file");
  check(file.bytes <= bytes_of_machine(), "has ", file.bytes, " bytes, this machine's memory ",
        bytes_of_machine());
  const uint64_t before = (array_alignment - aligned_at % array_alignment) % array_alignment;
  const std::shared_ptr<std::byte> memory = mapped_memory(before + file.bytes);
  const std::span bytes(memory.get() + before, file.bytes);
  check(read_at(file, 0, bytes) == bytes.size(), "was cut short while it was read");
  return {{memory, bytes.data()}, bytes.size()};
}

SharedBytes read_shared_bytes(const std::filesystem::path& path) {
  return read_shared_bytes(open_regular_file(path));
}

}  // namespace tl
