// All that `tlrun --weights FILE` does before it looks at a picture: the file's format, its arrays,
// their names, the network that they make, its weights.
//
// Most made-up files end as damaged ones. So that names and shapes vary as well, an input that
// begins with a line "tensors" is a list of them, which becomes a sound file of safetensors:
//
//     tensors
//     conv1.weight 64 3 7 7
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>

#include <charconv>
#include <cmath>
#include <sstream>
#include <string>

#include "apps/starting_network.h"
#include "kernels/error.h"
#include "tests/fuzz/scratch_file.h"

namespace {

constexpr std::string_view is_list = "tensors\n";
constexpr int64_t max_elements = 1 << 20;

/// As a string in JSON, if the name is UTF-8.
std::string json_string(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) >= ' ') text += c;
  }
  return text + '"';
}

/// A file of safetensors with those tensors, all zero but where a line ends with "nan".
std::string file_of(const std::string& list) {
  std::string header, elements;
  std::istringstream lines(list);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, word;
    words >> name;
    std::vector<int64_t> shape;
    int64_t count = 1;
    float value = 0;
    while (words >> word) {
      int64_t dim = 0;
      if (word == "nan") value = NAN;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), dim);
      if (error != std::errc() || dim < 0 || dim > max_elements || shape.size() == 6) continue;
      if (count * dim > max_elements) continue;
      count *= dim;
      shape.push_back(dim);
    }
    const size_t begin = elements.size();
    if (begin + static_cast<size_t>(count) * 4 > size_t{max_elements} * 4) break;
    for (int64_t i = 0; i < count; ++i)
      elements.append(reinterpret_cast<const char*>(&value), sizeof value);
    std::string dims;
    for (const int64_t dim : shape) dims += (dims.empty() ? "" : ",") + std::to_string(dim);
    header +=
        tl::concat(header.empty() ? "{" : ",", json_string(name), ":{\"dtype\":\"F32\",\"shape\":[",
                   dims, "],\"data_offsets\":[", begin, ",", elements.size(), "]}");
  }
  header += header.empty() ? "{}" : "}";
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header + elements;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  ::pthread_atfork(nullptr, nullptr, [] { __sanitizer_set_death_callback(nullptr); });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tl::test::ScratchFile scratch;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with(is_list)) bytes = file_of(bytes.substr(is_list.size()));
  try {
    tl::TrainOptions options;
    options.weights = scratch.holding(bytes);
    tl::make_starting_network(options, 2, tl::Device::cpu);
  } catch (const tl::Error&) {
  }
  return 0;
}
