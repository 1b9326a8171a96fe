// Pinned memory: blocks of host memory of exactly the size asked for, known by their addresses.
#pragma once

#include <cstddef>

namespace tl::simt {

/// A block, aligned to 256 and filled with NaN; nullptr when there is no memory.
void* allocate_pinned_memory(std::size_t bytes);

/// At once, and filled with NaN before: a copy that is still queued finds no old values. Returns
/// false when `data` is no block. nullptr is ignored.
bool release_pinned_memory(void* data);

/// Whether these bytes lie within one block.
bool is_pinned_memory(const void* data, std::size_t bytes);

}  // namespace tl::simt
