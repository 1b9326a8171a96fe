#include "apps/autotune.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_folder.h"

namespace tl {
namespace {

ResNetConfig small_config() {
  ResNetConfig config;
  config.depths = {1, 1, 1, 1};
  config.width = 16;
  config.classes = 2;
  return config;
}

nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("autotune: every convolution of the work gets a variant, and the table is remembered") {
  for (const bool frozen : {false, true}) {
    CAPTURE(frozen);
    const test::TemporaryFolder folder;
    const TunedWork work = {small_config(), 2, 64, frozen};
    const auto before = backend(Device::cpu).conv2d.forward.preferred();
    std::map<std::string, std::string> tuned;
    {
      const auto scoped = autotune(Device::cpu, work, folder.path());
      tuned = backend(Device::cpu).conv2d.forward.preferred();
      CHECK(tuned.size() > before.size());
      CHECK(backend(Device::cpu).conv2d.backward_weight.preferred().empty() == frozen);
    }
    CHECK(backend(Device::cpu).conv2d.forward.preferred() == before);

    const auto written = std::filesystem::last_write_time(folder.path() / "variants.json");
    const auto scoped = autotune(Device::cpu, work, folder.path());
    CHECK(backend(Device::cpu).conv2d.forward.preferred() == tuned);
    CHECK(std::filesystem::last_write_time(folder.path() / "variants.json") == written);

    const nlohmann::json tables = read_json(folder.path() / "variants.json");
    REQUIRE(tables.size() == 1);
    CHECK(tables.begin()->contains("conv2d.backward_data") == !frozen);
  }
}

TEST_CASE("autotune: a file that is not a table is replaced") {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "variants.json") << "[1, 2";
  autotune(Device::cpu, {small_config(), 1, 32, true}, folder.path());
  CHECK(read_json(folder.path() / "variants.json").is_object());
}

TEST_CASE("autotune: other devices are refused") {
  CHECK_THROWS_WITH_AS(autotune(Device::ref, {small_config(), 1, 32, true}, ""),
                       "--autotune: measures on cpu, not on ref", Error);
}

}  // namespace tl
