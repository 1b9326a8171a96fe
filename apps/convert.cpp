#include "apps/convert.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/array_tensor.h"
#include "apps/run_folder.h"
#include "apps/weights_format.h"
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
  WeightsFile content =
      content_of_model(*model.network, {model.classes.value_or(std::vector<std::string>()),
                                        model.preprocessing.value_or(Preprocessing())});
  if (!model.classes) content.attributes.erase("classes");
  if (!model.preprocessing) content.attributes.erase("preprocessing");
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

/// Whether torchvision has networks of this form, which compute the same.
bool is_torchvisions(const ResNetConfig& config) {
  return config.stem == ResNetStem::conv7_pool && config.shortcut == ShortcutKind::option_b &&
         config.unseen == UnseenConfig();
}

void say_how_to_use(const WholeNetwork& model, const fs::path& out) {
  const ResNetConfig& config = model.network->config;
  if (!is_safetensors(out)) {
    std::printf("next      tlrun %s %s %s\n", model.classes ? "predict --model" : "--weights",
                out.c_str(), model.classes ? "PICTURE" : "--data FOLDER");
  } else if (is_torchvisions(config)) {
    std::printf(
        "next      from safetensors.torch import load_file\n"
        "          model.load_state_dict(load_file(\"%s\"))\n",
        out.c_str());
  } else {
    std::printf(
        "          names and axis orders are torchvision's, which has no such network (%s)\n",
        name_of(config).c_str());
  }
}

/// Why the file is copied as it is; "" where it is a network, or says that it is one of ours.
std::string why_no_network(const WeightsFile& file) {
  if (file.attributes.contains("architecture")) return "";
  try {
    model_of(file);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

void convert_network(const fs::path& in, const WeightsFile& file, const fs::path& out) {
  const WholeNetwork model = whole_network_of(in, file);
  const WeightsFile content = content_of(model, out);
  print_what_was_read(in, file, model);
  write(out, content);
  say_how_to_use(model, out);
}

void copy_arrays(const fs::path& in, WeightsFile file, const std::string& why,
                 const fs::path& out) {
  std::printf("read      %s: %s; %s\n", in.c_str(), format_of(in, file).c_str(), why.c_str());
  std::printf("          copied as it is: names, axis orders, dtypes\n");
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
  WeightsFile file = read_weights(in);
  check_not_overwritten(in, file, out);
  const std::string why = why_no_network(file);
  why.empty() ? convert_network(in, file, out) : copy_arrays(in, std::move(file), why, out);
}

}  // namespace tl
