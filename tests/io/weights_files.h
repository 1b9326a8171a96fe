// Files of weights for the tests, put together byte by byte, so that each can be wrong in one
// place.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl::test {

using namespace std::string_literals;

/// A copy that ends where the bytes end, so that a sanitizer sees what is read beyond.
inline SharedBytes shared(std::string_view bytes) {
  const std::shared_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  return {{copy, copy.get()}, bytes.size()};
}

/// The number's lowest `count` bytes.
inline std::string little_text(uint64_t value, size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i, value >>= 8) bytes += static_cast<char>(value);
  return bytes;
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Every element can be read.
inline void touch(const WeightsFile& file) {
  volatile uint8_t sum = 0;
  for (const auto& [name, array] : file.arrays)
    for (size_t i = 0; i < array.bytes(); ++i)
      sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(array.data.get()[i]));
}

// ---- zip

struct ZipEntry {
  std::string name, bytes;
  uint16_t method = 0, flags = 0;
};

/// With `zip64`, all sizes and places stand in its fields.
inline std::string zip_of(const std::vector<ZipEntry>& entries, bool zip64 = false) {
  std::string file, directory;
  for (const ZipEntry& entry : entries) {
    const std::string size = little_text(entry.bytes.size(), 4),
                      wide = little_text(entry.bytes.size(), 8);
    const std::string start = little_text(file.size(), 8);
    const std::string common =
        little_text(entry.flags, 2) + little_text(entry.method, 2) + little_text(0, 8);
    const std::string name_bytes = little_text(entry.name.size(), 2);
    const std::string in_extra = little_text(0xffffffff, 4);
    const std::string extra =
        zip64 ? little_text(1, 2) + little_text(24, 2) + wide + wide + start : "";
    file += "PK\3\4" + little_text(45, 2) + common + size + size + name_bytes + little_text(3, 2) +
            entry.name + "pad" + entry.bytes;
    directory += "PK\1\2" + little_text(45, 2) + little_text(45, 2) + common;
    directory += zip64 ? in_extra + in_extra : size + size;
    directory += name_bytes + little_text(extra.size(), 2) + little_text(0, 10);
    directory += (zip64 ? in_extra : start.substr(0, 4)) + entry.name + extra;
  }
  const std::string at = little_text(file.size(), 8), bytes = little_text(directory.size(), 8);
  const std::string count = little_text(entries.size(), 8);
  std::string end;
  if (zip64) {
    end = "PK\6\6" + little_text(44, 8) + little_text(0, 12) + count + count + bytes + at;
    end += "PK\6\7" + little_text(0, 4) + little_text(file.size() + directory.size(), 8) +
           little_text(1, 4);
  }
  end += "PK\5\6" + little_text(0, 4);
  end += zip64 ? std::string(12, '\xff')
               : count.substr(0, 2) + count.substr(0, 2) + bytes.substr(0, 4) + at.substr(0, 4);
  return file + directory + end + little_text(0, 2);
}

// ---- pickles: instructions as text

inline std::string pickle(const std::string& body) { return "\x80\2" + body + "."; }
inline std::string text(const std::string& value) {
  return "X" + little_text(value.size(), 4) + value;
}
inline std::string integer(int64_t value) {
  return "\x8a\x8"s + little_text(static_cast<uint64_t>(value), 8);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::string>& values) {
  std::string all = "(";
  for (const std::string& value : values) all += value;
  return all + "t";
}
inline std::string tuple_of(const std::vector<int64_t>& numbers) {
  std::vector<std::string> values;
  for (const int64_t number : numbers) values.push_back(integer(number));
  return tuple(values);
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string all = "}(";
  for (const auto& [key, value] : pairs) all += text(key) + value;
  return all + "u";
}

inline std::string storage(const std::string& type, const std::string& key, int64_t count) {
  return tuple({text("storage"), global("torch", type + "Storage"), text(key), text("cpu"),
                integer(count)}) +
         "Q";
}
inline std::string tensor(const std::string& storage, int64_t first,
                          const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  const std::string hooks = global("collections", "OrderedDict") + ")R";
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple({storage, integer(first), tuple_of(shape), tuple_of(strides), "\x89", hooks}) + "R";
}

struct StorageBytes {
  std::string key, bytes;
  uint64_t count = 0;  // in the legacy format
};

inline std::string pytorch_zip(const std::string& body, const std::vector<StorageBytes>& storages,
                               const std::string& order = "little") {
  std::vector<ZipEntry> entries{{"archive/data.pkl", pickle(body)}, {"archive/byteorder", order}};
  for (const auto& [key, bytes, count] : storages)
    entries.push_back({"archive/data/" + key, bytes});
  return zip_of(entries);
}

inline std::string pytorch_legacy(const std::string& body,
                                  const std::vector<StorageBytes>& storages) {
  std::string keys = "](", data;
  for (const auto& [key, bytes, count] : storages) {
    keys += text(key);
    data += little_text(count, 8) + bytes;
  }
  return pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"s) + pickle(integer(1001)) +
         pickle(dict({{"little_endian", "\x88"}})) + pickle(body) + pickle(keys + "e") + data;
}

// ---- safetensors

inline std::string safetensors_of(const std::string& header, const std::string& data) {
  return little_text(header.size(), 8) + header + data;
}

}  // namespace tl::test
