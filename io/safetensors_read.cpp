// read_safetensors: the header's size (64 bits), the header, the elements.
#include <algorithm>

#include "io/byte_reader.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace tl {
namespace {

/// Real headers have some hundred bytes per tensor.
constexpr uint64_t max_header_bytes = uint64_t{1} << 24;

/// The elements of all tensors fill the rest of the file, each byte once.
void check_places(const std::vector<SafetensorsEntry>& entries, uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> by_place;
  for (const SafetensorsEntry& entry : entries) by_place.push_back(&entry);
  std::ranges::sort(by_place, {}, [](const auto* e) { return std::pair(e->begin, e->end); });
  uint64_t end = 0;
  for (const SafetensorsEntry* entry : by_place) {
    check(entry->begin == end, entry->name, ": begins at byte ", entry->begin, ", expected ", end,
          ": tensors overlap or leave a gap");
    end = entry->end;
  }
  check(end <= data_bytes, "truncated safetensors file (", data_bytes, " of ", end,
        " bytes of tensors)");
  check(end == data_bytes, "damaged safetensors file (", data_bytes - end,
        " bytes after the last tensor)");
}

}  // namespace

WeightsFile read_safetensors(const SharedBytes& file) {
  ByteReader in(file.span(), "safetensors file");
  const auto header_bytes = in.number<uint64_t>();
  check(header_bytes <= in.left(), "truncated safetensors file");
  check(header_bytes <= max_header_bytes, "a safetensors header of ", header_bytes,
        " bytes, over the limit of ", max_header_bytes);
  SafetensorsHeader header = parse_safetensors_header(in.text(header_bytes));
  check_places(header.entries, in.left());

  const std::span<const std::byte> data = in.take(in.left());
  WeightsFile weights;
  weights.attributes = std::move(header.metadata);
  ArrayMaker maker(file.size);
  for (SafetensorsEntry& entry : header.entries) {
    const SharedBytes bytes = file.part(data.subspan(entry.begin, entry.end - entry.begin));
    try {
      weights.arrays.emplace_back(entry.name,
                                  maker.make(bytes, {.type = entry.type,
                                                     .shape = entry.shape,
                                                     .strides = row_major(entry.shape)}));
    } catch (const Error& error) {
      throw Error(concat(entry.name, ": ", error.what()));
    }
  }
  return weights;
}

}  // namespace tl
