#include "io/read_weights.h"

#include <string_view>

#include "io/byte_reader.h"
#include "io/hdf5_weights.h"
#include "io/printable.h"
#include "io/pytorch_file.h"
#include "io/safetensors.h"
#include "io/shared_bytes.h"

namespace tl {
namespace {

using namespace std::string_view_literals;

/// HDF5's signature stands at the start, or behind a block of 512 bytes, or twice as many, ...
bool is_hdf5(std::string_view file) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n"sv;
  for (size_t at = 0; at < file.size(); at = at == 0 ? 512 : 2 * at) {
    if (file.substr(at).starts_with(signature)) return true;
  }
  return false;
}

/// The header's size, then its brace. Text that happens to have one there states a size that no
/// file has.
bool is_safetensors(const SharedBytes& file) {
  constexpr size_t size_bytes = 8;
  if (file.size <= size_bytes) return false;
  ByteReader in(file.span(), "");
  return in.number<uint64_t>() < uint64_t{1} << 40 && in.text(1) == "{";
}

}  // namespace

WeightsFile read_weights(const std::filesystem::path& path) {
  try {
    const SharedBytes file = map_file(path);
    const std::string_view text(reinterpret_cast<const char*>(file.data.get()), file.size);
    if (text.starts_with("PK\3\4"sv)) return read_pytorch_zip(file);
    if (is_safetensors(file)) return read_safetensors(file);
    if (text.starts_with('\x80')) return read_pytorch_legacy(file);
    check(is_hdf5(text),
          "holds no weights in a format that is read: HDF5, safetensors, PyTorch's .pth");
  } catch (const std::exception& error) {
    throw Error(concat(path.string(), ": ", one_line(error.what())));
  }
  return read_hdf5(path);
}

}  // namespace tl
