#include "io/shared_bytes.h"

#include <sys/mman.h>

#include "io/check_system.h"
#include "io/regular_file.h"

namespace tl {

SharedBytes map_file(const std::filesystem::path& path) {
  const RegularFile file = open_regular_file(path);
  check(file.bytes > 0, "empty file");
  void* address = ::mmap(nullptr, file.bytes, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
  check_system(address != MAP_FAILED, "cannot be mapped");
  const size_t bytes = file.bytes;
  return {{static_cast<const std::byte*>(address),
           [address, bytes](const std::byte*) { ::munmap(address, bytes); }},
          bytes};
}

}  // namespace tl
