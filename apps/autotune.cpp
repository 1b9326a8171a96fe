#include "apps/autotune.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/program_digest.h"
#include "io/atomic_file.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/parallel_for.h"
#include "models/resnet.h"
#include "nn/frozen.h"

namespace tl {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// "model name" of the first processor; "" where the system does not say.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

/// What times depend on besides the problem.
std::string machine_key() {
  return concat(processor(), ", ", cpu::simd_target_name(), ", ", thread_count(),
                " threads, program ", program_digest());
}

/// All that is remembered, by machine_key(); an empty object where there is nothing that can be
/// read.
Json read_tables(const fs::path& path) {
  std::ifstream file(path);
  Json tables = Json::parse(file, nullptr, false);
  return tables.is_object() ? tables : Json::object();
}

TunedVariants table_from(const Json& json) {
  TunedVariants table;
  try {
    for (const auto& [slot, problems] : json.items()) {
      for (const auto& [problem, variant] : problems.items())
        table.emplace(std::pair(slot, problem), variant.get<std::string>());
    }
  } catch (const Json::exception&) {
    return {};
  }
  return table;
}

Json json_of(const TunedVariants& table) {
  Json json = Json::object();
  for (const auto& [key, variant] : table) json[key.first][key.second] = variant;
  return json;
}

/// What cannot be written is given up, and said.
void remember(const fs::path& folder, Json tables, const std::string& key,
              const TunedVariants& found) {
  tables[key] = json_of(found);
  try {
    fs::create_directories(folder);
    write_file_atomically(folder / "variants.json", tables.dump(1) + "\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "what was measured is not remembered: %s\n", error.what());
  }
}

/// Does the work once, on zeros.
void do_once(const TunedWork& work) {
  Generator zeros = Generator::of_zeros();
  ResNet network(work.config, zeros, {DType::f32, Device::cpu});
  const Tensor x = Tensor::zeros({work.batch, work.size, work.size, work.config.in_channels},
                                 DType::f32, Device::cpu);
  if (work.frozen) {
    network.eval();
    const NoGrad no_grad;
    FrozenNetwork(network, [&network](PlanBuilder& plan, const PlanValue& v) {
      return network.lower_features(plan, v);
    })(x);
    return;
  }
  const Tensor labels = Tensor::zeros({work.batch}, DType::i32, Device::cpu);
  backward(cross_entropy(network(x), labels));
}

}  // namespace

std::unique_ptr<ScopedBackend> autotune(Device device, const TunedWork& work,
                                        const fs::path& folder) {
  check(device == Device::cpu, "--autotune: measures on cpu, not on ", device);
  const auto start = std::chrono::steady_clock::now();
  const std::string key = machine_key();
  Json tables = folder.empty() ? Json::object() : read_tables(folder / "variants.json");
  Tuning tuning(tables.contains(key) ? table_from(tables[key]) : TunedVariants{});
  do_once(work);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  if (tuning.measured() > 0) {
    std::printf(
        "autotune  %d problems measured in %.1f s: for %d another variant is faster than "
        "the one of least estimated cost\n",
        tuning.measured(), time.count(), tuning.changed());
    if (!folder.empty()) remember(folder, std::move(tables), key, tuning.found());
  } else if (!folder.empty()) {
    std::printf("autotune  variants as remembered in %s\n", (folder / "variants.json").c_str());
  }
  return std::make_unique<ScopedBackend>(device, with_tuned_variants(device, tuning.found()));
}

}  // namespace tl
