// SharedBytes: the bytes of a file, kept while anybody points into them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace tl {

struct SharedBytes {
  std::shared_ptr<const std::byte> data;
  size_t size = 0;

  std::span<const std::byte> span() const { return {data.get(), size}; }
  /// A part of it, which keeps the whole.
  SharedBytes part(std::span<const std::byte> within) const {
    return {{data, within.data()}, within.size()};
  }
};

/// A file mapped into memory, of which only what is touched is loaded. A file that another program
/// cuts short meanwhile ends this one (SIGBUS); one that is replaced, as all of ours are, does not.
/// Throws Error with the cause alone.
SharedBytes map_file(const std::filesystem::path& path);

}  // namespace tl
