#include "io/read_weights.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "io/byte_reader.h"
#include "io/hdf5_weights.h"
#include "io/other_weights.h"
#include "io/printable.h"
#include "io/pytorch_file.h"
#include "io/safetensors.h"
#include "io/shared_bytes.h"
#include "io/zip_archive.h"

namespace tl {
namespace {

using namespace std::string_view_literals;

/// The first bytes of a file: the pickles and headers of usual files, so that one knows how to lay
/// the file in memory.
std::string head_of(const RegularFile& file) {
  constexpr uint64_t most = uint64_t{1} << 20;
  std::string head(static_cast<size_t>(std::min(file.bytes, most)), '\0');
  head.resize(read_at(file, 0, std::as_writable_bytes(std::span(head))));
  return head;
}

std::string text_at(const RegularFile& file, uint64_t place, size_t bytes) {
  std::string text(bytes, '\0');
  text.resize(read_at(file, place, std::as_writable_bytes(std::span(text))));
  return text;
}

/// HDF5's signature stands at the start, or behind a block of 512 bytes, or twice as many, ...
bool is_hdf5(const RegularFile& file) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n"sv;
  for (uint64_t at = 0; at < file.bytes; at = at == 0 ? 512 : 2 * at) {
    if (text_at(file, at, signature.size()) == signature) return true;
  }
  return false;
}

/// Where the elements of a safetensors file begin, by its first bytes: behind the header, whose
/// size they state. 0 where it is no such file; text that happens to have a brace there states a
/// size that no file has.
uint64_t safetensors_elements(std::span<const std::byte> head) {
  constexpr size_t size_bytes = 8;
  if (head.size() <= size_bytes) return 0;
  ByteReader in(head, "");
  const auto header_bytes = in.number<uint64_t>();
  return header_bytes < uint64_t{1} << 40 && in.text(1) == "{" ? size_bytes + header_bytes : 0;
}

/// Tensors may share their elements (PyTorch's views, HDF5's links), which honest files do for a
/// few: all together have four times the elements that there are, or a file of 1 MB could be a
/// thousand copies of itself to whoever takes each tensor for what it says.
void check_sharing(const WeightsFile& file) {
  constexpr uint64_t most_times = 4, small = uint64_t{32} << 20;
  std::vector<std::span<const std::byte>> places;
  for (const auto& [name, array] : file.arrays)
    if (array.bytes() > 0) places.emplace_back(array.data.get(), array.bytes());
  std::ranges::sort(places, std::less<>(), [](const auto& place) { return place.data(); });
  uint64_t stated = 0, stored = 0;
  const std::byte* end = nullptr;
  for (const auto& place : places) {
    const std::byte* place_end = place.data() + place.size();
    stated += place.size();
    if (end == nullptr || place.data() >= end) {
      stored += place.size();
    } else if (place_end > end) {
      stored += static_cast<uint64_t>(place_end - end);
    }
    end = std::max(end, place_end, std::less<>());
  }
  check(stated <= most_times * stored + small, "its tensors state ", stated,
        " bytes, of which it has ", stored, ": too many share their elements");
}

/// PyTorch's, or Keras's (.keras), which has an HDF5 file in it; beside that, what Keras's older
/// form has in attributes.
WeightsFile read_zip(const SharedBytes& file) {
  const ZipArchive archive(file.span());
  const auto stored = [&](std::string_view name) {
    const auto entry = std::ranges::find(archive.entries(), name, &ZipArchive::Entry::name);
    const bool is_stored =
        entry != archive.entries().end() && entry->method == 0 && !entry->is_encrypted;
    return is_stored ? entry->bytes : std::span<const std::byte>();
  };
  const auto weights = stored("model.weights.h5"), config = stored("config.json");
  if (weights.empty()) return read_pytorch_zip(file);
  WeightsFile keras = read_hdf5(file.part(weights));
  if (!config.empty())
    keras.attributes["model_config"] = {reinterpret_cast<const char*>(config.data()),
                                        config.size()};
  return keras;
}

[[noreturn]] void refuse(const RegularFile& file, std::string_view head) {
  constexpr size_t tail_bytes = 8;
  const std::string tail =
      text_at(file, file.bytes - std::min(file.bytes, uint64_t{tail_bytes}), tail_bytes);
  const std::string what = name_of_other_weights(head, tail, file.bytes);
  throw Error(what.empty()
                  ? "holds no weights in a format that is read: HDF5, safetensors, PyTorch's .pth"
                  : what);
}

/// With the cause alone.
WeightsFile read_by_content(const RegularFile& file) {
  const std::string head = head_of(file);
  const auto bytes = std::as_bytes(std::span(head));
  if (head.starts_with("PK\3\4"sv)) return read_zip(read_shared_bytes(file));
  if (const uint64_t elements = safetensors_elements(bytes))
    return read_safetensors(read_shared_bytes(file, elements));
  if (head.starts_with('\x80'))
    return read_pytorch_legacy(read_shared_bytes(file, pytorch_legacy_elements(bytes)));
  if (is_hdf5(file)) return read_hdf5(read_shared_bytes(file));
  refuse(file, head);
}

}  // namespace

WeightsFile read_weights(const std::filesystem::path& path) {
  try {
    if (const std::string advice = advice_on_path(path); !advice.empty()) throw Error(advice);
    const RegularFile file = open_regular_file(path);
    check(file.bytes > 0, "empty file");
    WeightsFile weights = read_by_content(file);
    check_sharing(weights);
    return weights;
  } catch (const std::exception& error) {
    throw Error(concat(path.string(), ": ", one_line(error.what())));
  }
}

}  // namespace tl
