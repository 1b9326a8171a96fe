// What --profile prints and writes, on two layers.
#include "apps/profile_report.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/ops.h"
#include "nn/layers.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

TEST_CASE("profile report: kernels and layers by name, the rest in a line, the trace is JSON") {
  Generator random(1);
  Sequential network;
  const Placement where{DType::f32, Device::ref};
  network.append<Linear>(3, 4, random, where);
  network.append<Linear>(4, 2, random, where);
  const Tensor x = Tensor::full({5, 3}, 1, DType::f32, Device::ref);
  Profile profile;
  backward(cross_entropy(network(x), Tensor::zeros({5}, DType::i32, Device::ref)));

  const std::string report = profile_report(profile, network);
  CAPTURE(report);
  for (const char* part : {"gemm naive", "\n0 ", "\n1 ", "(no layer)", "\nall ", "memory of"})
    CHECK(report.find(part) != std::string::npos);
  CHECK(report.find(" others") == std::string::npos);
  CHECK(profile_report(profile, network, 1).find(" others") != std::string::npos);

  const TemporaryFolder folder;
  write_profile_trace(folder.path() / "trace.json", profile, network);
  const auto trace = nlohmann::json::parse(std::ifstream(folder.path() / "trace.json"));
  const auto& events = trace.at("traceEvents");
  REQUIRE(events.size() == 2 * profile.events().size());
  CHECK(events[0].at("ph") == "X");
  CHECK(events[0].at("args").at("layer") == "0");
  CHECK(events[1].at("ph") == "C");
  CHECK(events[events.size() - 2].at("cat") == "backward");
}

}  // namespace
}  // namespace tl::test
