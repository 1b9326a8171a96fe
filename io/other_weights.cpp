// Signatures first, then formats that have none and are known by how they begin (protocol buffers,
// Torch7), then text of any kind.
// Sources: RFC 1952, the xz, bzip2, zstd and lz4 frame formats, POSIX ustar; TensorFlow
// core/lib/io/format.h (the last bytes of a checkpoint's index) and saved_model.proto; onnx.proto;
// TensorFlow Lite's schema.fbs; numpy/lib/format.py; ggml's gguf.md; Torch7's File.lua.
#include "io/other_weights.h"

#include <algorithm>
#include <cctype>

#include "io/printable.h"
#include "kernels/error.h"

namespace tl {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view as_state_dict =
    "; load it with the library that wrote it and save the weights alone, as a state_dict "
    "(torch.save) or in safetensors";
constexpr std::string_view as_h5 = "; load it in TensorFlow and save the weights as HDF5 (.h5)";

struct Signature {
  size_t at;
  std::string_view bytes, name;
};
constexpr Signature signatures[] = {
    {0, "\x1f\x8b"sv, "is packed by gzip; unpack it first: gunzip"},
    {0, "\xfd\x37zXZ\0"sv, "is packed by xz; unpack it first: unxz"},
    {0, "BZh"sv, "is packed by bzip2; unpack it first: bunzip2"},
    {0, "\x28\xb5\x2f\xfd"sv, "is packed by zstd; unpack it first: unzstd"},
    {0, "\x04\x22\x4d\x18"sv, "is packed by lz4; unpack it first: unlz4"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "is a 7z archive; unpack it first: 7z x"},
    {0, "Rar!\x1a\x07"sv, "is a RAR archive; unpack it first: unrar x"},
    {0, "\x93NUMPY"sv, "is one array of NumPy (.npy), without names; expected all of a network's"},
    {0, "GGUF"sv, "is a GGUF file, which holds language models; expected a ResNet"},
    {0, "\xff\xd8\xff"sv, "is a picture; pictures go into the folder of --data"},
    {0, "\x89PNG\r\n\x1a\n"sv, "is a picture; pictures go into the folder of --data"},
    {0, "%PDF"sv, "is a PDF"},
    {0,
     "\x7f"
     "ELF"sv,
     "is a program"},
};

bool has_at(std::string_view text, size_t place, std::string_view part) {
  return text.size() >= place && text.substr(place).starts_with(part);
}

/// Up to the first byte that is no text.
bool is_text(std::string_view head) {
  return std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);  // UTF-8 has none over 0xf4
    return (byte >= ' ' && byte <= 0xf4 && byte != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

std::string lower(std::string_view text) {
  std::string all(text);
  std::ranges::transform(all, all.begin(), [](unsigned char c) { return std::tolower(c); });
  return all;
}

/// The value behind "key " on a line of its own.
std::string value_of(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = text.substr(at + key.size());
  return shown(rest.substr(0, rest.find('\n')));
}

std::string name_of_text(std::string_view head) {
  if (head.starts_with("version https://git-lfs.github.com/")) {
    const std::string bytes = value_of(head, "\nsize ");
    return concat("is a Git LFS pointer", bytes.empty() ? "" : " to a file of " + bytes + " bytes",
                  ", not the file; fetch it: git lfs pull");
  }
  const std::string text = lower(head);
  if (text.find("<!doctype html") != text.npos || text.find("<html") != text.npos)
    return "is a web page, not weights; open it in a browser to see what the server said, and "
           "download the file itself";
  if (text.starts_with("<?xml") || text.starts_with("<error"))
    return "is XML, perhaps a server's error message, not weights";
  if (text.find("\"weight_map\"") != text.npos)
    return "is the index of weights in several files; expected all of them in one";
  if (text.starts_with("4\n1\n3\nv 1\n")) return concat("is a file of Torch7 (Lua)", as_state_dict);
  if (text.find("model_checkpoint_path") == 0)
    return concat("is the list of TensorFlow's checkpoints", as_h5);
  if (text.find_first_not_of(" \r\n\t") != text.npos &&
      text[text.find_first_not_of(" \r\n\t")] == '{')
    return "is JSON text, not weights";
  return "is text, not weights";
}

/// The bytes of a protocol buffer's field of text or bytes, if one with that number begins here.
std::string_view field(std::string_view text, unsigned char tag) {
  if (text.size() < 2 || static_cast<unsigned char>(text[0]) != tag) return {};
  const auto bytes = static_cast<unsigned char>(text[1]);
  return bytes < 0x80 && text.size() >= 2u + bytes ? text.substr(2, bytes) : std::string_view();
}

bool is_word(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

std::string name_of_protocol_buffer(std::string_view head) {
  // ModelProto: ir_version, then producer_name or what follows it; SavedModel: its version, 1, and
  // a MetaGraphDef; GraphDef: nodes, each a name and an operation.
  if (head.size() > 4 && head[0] == 0x08 && head[2] == 0x12) {
    const int version = static_cast<unsigned char>(head[1]);
    if (version >= 3 && version < 32 && is_word(field(head.substr(2), 0x12)))
      return concat("is an ONNX model", as_state_dict);
    if (version == 1) return concat("is a TensorFlow SavedModel", as_h5);
  }
  const std::string_view start = head.substr(0, 512);
  const bool has_nodes =
      start.find("\x12\x0bPlaceholder"sv) != start.npos || start.find(
                                                               "\x12\x05"
                                                               "Const"sv) != start.npos;
  if (head.starts_with('\x0a') && has_nodes) return concat("is a TensorFlow graph", as_h5);
  return "";
}

bool is_torch7(std::string_view head) {
  // A type (3: a table, 4: an object), its number, then perhaps the version and the class.
  const bool begins =
      head.starts_with("\3\0\0\0\1\0\0\0"sv) || head.starts_with("\4\0\0\0\1\0\0\0"sv);
  const std::string_view start = head.substr(0, 256);
  return begins && (start.find("V 1"sv) != start.npos || start.find("torch."sv) != start.npos ||
                    start.find("nn."sv) != start.npos);
}

std::string name_of_tar(std::string_view head) {
  const std::string first(head.substr(0, head.find('\0')));
  for (const char* name : {"sys_info", "pickle", "storages", "tensors"}) {
    if (first == name || first == std::string("./") + name)
      return concat("is a tar archive of PyTorch's first versions", as_state_dict);
  }
  return concat(
      "is a tar archive; unpack it (tar -xf) and take the weights in it",
      is_word(first) && !first.starts_with("././@") ? "; it begins with " + shown(first) : "");
}

}  // namespace

std::string name_of_other_weights(std::string_view head, std::string_view tail, uint64_t bytes) {
  for (const Signature& known : signatures) {
    if (has_at(head, known.at, known.bytes)) return std::string(known.name);
  }
  if (has_at(head, 257, "ustar")) return name_of_tar(head);
  if (has_at(head, 4, "TFL3")) return concat("is a TensorFlow Lite model", as_h5);
  if (tail == "\x57\xfb\x80\x8b\x24\x75\x47\xdb"sv)
    return concat("is the index of a TensorFlow checkpoint", as_h5);
  if (is_torch7(head)) return concat("is a file of Torch7 (Lua)", as_state_dict);
  if (const std::string name = name_of_protocol_buffer(head); !name.empty()) return name;
  if (std::ranges::all_of(head, [](char c) { return c == '\0'; }))
    return concat("begins with ", head.size(), " zeros; was it downloaded to its end? It has ",
                  bytes, " bytes");
  return is_text(head.substr(0, 1024)) ? name_of_text(head.substr(0, 1024)) : "";
}

std::string advice_on_path(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto exists = [&](const std::string& name) {
    return std::filesystem::exists(name, ignored);
  };
  const std::string name = path.string();
  for (const char* file : {"model.safetensors", "pytorch_model.bin", "model.h5"}) {
    if (exists(name + "/" + file)) return concat("is a folder; the weights in it are ", file);
  }
  if (exists(name + "/saved_model.pb")) return concat("is a TensorFlow SavedModel", as_h5);
  // A checkpoint is called by what its files have in common: x.index, x.data-00000-of-00001.
  const bool is_part = path.filename().string().find(".data-0") != std::string::npos;
  if (is_part || (exists(name + ".index") && !exists(name)))
    return concat("is a TensorFlow checkpoint", as_h5);
  return "";
}

}  // namespace tl
