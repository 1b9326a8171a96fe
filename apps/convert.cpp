#include "apps/convert.h"

#include <algorithm>
#include <cstdio>

#include "apps/array_tensor.h"
#include "apps/run_folder.h"
#include "apps/starting_network.h"
#include "apps/whole_network.h"
#include "io/hdf5_weights.h"
#include "io/read_weights.h"
#include "io/safetensors.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

std::string ending_of(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return ending;
}

bool is_safetensors(const fs::path& path) { return ending_of(path) == ".safetensors"; }

/// In the form of our model files, less what is not known. In safetensors, "format" is the library
/// whose names and orders the tensors have: other programs look there.
WeightsFile content_of(const WholeNetwork& model, const fs::path& out) {
  WeightsFile content = content_of_model(*model.network, model.info.value_or(ModelInfo{}));
  if (!model.info) {
    content.attributes.erase("classes");
    content.attributes.erase("preprocessing");
  }
  if (model.network->config.classes == 0)
    std::erase_if(content.arrays, [](const auto& entry) { return is_head(entry.first); });
  if (is_safetensors(out)) content.attributes["format"] = "pt";
  return content;
}

/// HDF5 has no bf16; f32 holds each of its numbers.
void widen_bf16(WeightsFile& content) {
  for (auto& [name, array] : content.arrays) {
    if (array.dtype == DType::bf16) array = to_array(to_tensor(array).to(Device::ref, DType::f32));
  }
}

void write(const fs::path& out, const WeightsFile& content) {
  is_safetensors(out) ? write_safetensors(out, content) : write_hdf5(out, content);
  std::printf("written   %s: %zu tensors, %.1f MB\n", out.c_str(), content.arrays.size(),
              static_cast<double>(fs::file_size(out)) / 1e6);
}

void say_how_to_use(const WholeNetwork& model, const fs::path& out) {
  if (is_safetensors(out)) {
    std::printf(
        "next      from safetensors.torch import load_file\n"
        "          model.load_state_dict(load_file(\"%s\"))\n",
        out.c_str());
  } else if (model.info) {
    std::printf("next      tlrun predict --model %s PICTURE\n", out.c_str());
  } else {
    std::printf("next      tlrun --weights %s --data FOLDER\n", out.c_str());
  }
}

/// Why the arrays are no ResNet's; "" if they are.
std::string why_no_resnet(const WeightsFile& file) {
  std::map<std::string, Shape> shapes;
  try {
    for (const auto& [name, array] : file.arrays) shapes.emplace(name, Shape(array.shape));
    recognise_resnet(shapes);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

void convert_network(const fs::path& in, const fs::path& out) {
  const WholeNetwork model = read_whole_network(in);
  std::printf("read      %s: %s\n", in.c_str(), describe(model).c_str());
  if (!model.unused.empty())
    std::printf("          in the file, not used: %s\n", joined(model.unused, 4).c_str());
  write(out, content_of(model, out));
  say_how_to_use(model, out);
}

void copy_arrays(const fs::path& in, WeightsFile file, const std::string& why,
                 const fs::path& out) {
  std::printf("read      %s: %s\n", in.c_str(), why.c_str());
  std::printf("          copied as they are: names, axis orders, dtypes\n");
  if (!is_safetensors(out)) widen_bf16(file);
  write(out, file);
}

}  // namespace

std::string check_convert_target(const std::string& out) {
  const std::string ending = ending_of(out);
  if (ending == ".h5" || ending == ".hdf5" || ending == ".safetensors") return "";
  if (ending == ".onnx") return out + ": tlrun export writes ONNX";
  if (ending == ".pth" || ending == ".pt") {
    const std::string instead = fs::path(out).replace_extension(".safetensors").string();
    return concat(out, ": PyTorch's pickles are read, not written; write ", instead,
                  " and load it with: from safetensors.torch import load_file; "
                  "model.load_state_dict(load_file(\"",
                  instead, "\"))");
  }
  return out + ": the name must end in .h5, .hdf5 or .safetensors";
}

void convert(const ConvertOptions& options) {
  const fs::path in = find_model(options.in), out = options.out;
  check_not_overwritten(in, out);
  WeightsFile file = read_weights(in);
  const bool is_ours = file.attributes.contains("architecture");
  const std::string why = is_ours ? "" : why_no_resnet(file);
  why.empty() ? convert_network(in, out) : copy_arrays(in, std::move(file), why, out);
}

}  // namespace tl
