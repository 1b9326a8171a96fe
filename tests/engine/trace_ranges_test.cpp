// Observers: told of starts and ends in order, nested as the layers are; several at a time; also
// where a kernel throws. TraceRanges: what a tracing tool is told.
#include "engine/trace_ranges.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Lines = std::vector<std::string>;

/// Writes down what it is told.
class Witness : public KernelObserver, public LayerObserver {
 public:
  explicit Witness(Lines* lines) : lines_(lines) {
    kernel_observers.add(*this);
    layer_observers.add(*this);
  }
  ~Witness() override {
    layer_observers.remove(*this);
    kernel_observers.remove(*this);
  }
  void starts(const KernelCall& call) noexcept override {
    CHECK(call.begin == std::chrono::steady_clock::time_point{});
    write(concat("starts ", call.slot, " ", call.variant));
  }
  void ran(const KernelCall& call) noexcept override {
    CHECK(call.end >= call.begin);
    write(concat("ran ", call.slot, " ", call.variant));
  }
  void enters(const LayerContext& context) noexcept override {
    write(context.is_backward ? "enters backward" : "enters");
  }
  void leaves() noexcept override { write("leaves"); }

 private:
  void write(const std::string& line) {
    if (line.find(" memory.") == std::string::npos) lines_->push_back(line);
  }
  Lines* lines_;
};

/// What `tool` was told, a space before a range for each one around it.
Lines told;
int depth = 0;
const RangeTool tool = {
    [](const char* name) {
      told.push_back(std::string(static_cast<std::size_t>(depth++), ' ') + name);
    },
    [] { --depth; }};

TEST_CASE("observers: starts and ends in order, kernels within layers") {
  const Tensor x = Tensor::full({3}, 1, DType::f64, Device::ref);
  const int outer = 0, inner = 0;
  Lines lines;
  {
    const Witness witness(&lines);
    const LayerScope scope(&outer);
    relu(x);
    const LayerScope within(&inner, true);
    relu(x);
  }
  relu(x);
  CHECK(lines == Lines{"enters", "starts elementwise.unary relu", "ran elementwise.unary relu",
                       "enters backward", "starts elementwise.unary relu",
                       "ran elementwise.unary relu", "leaves", "leaves"});
}

TEST_CASE("observers: several at a time, gone in any order") {
  const Tensor x = Tensor::full({3}, 1, DType::f64, Device::ref);
  Lines lines[3];
  {
    auto first = std::make_unique<Witness>(&lines[0]);
    auto second = std::make_unique<Witness>(&lines[1]);
    const Witness third(&lines[2]);
    relu(x);
    second.reset();
    relu(x);
    first.reset();
    relu(x);
  }
  CHECK(lines[0].size() == 4);
  CHECK(lines[1].size() == 2);
  CHECK(lines[2].size() == 6);
  CHECK(kernel_observers.newest() == nullptr);
  CHECK(layer_observers.newest() == nullptr);
}

TEST_CASE("observers: who comes within a layer is not told of its end") {
  Lines lines;
  const int layer = 0;
  auto scope = std::make_unique<LayerScope>(&layer);
  const Witness witness(&lines);
  scope.reset();
  CHECK(lines.empty());
}

TEST_CASE("observers: a kernel that throws has ended") {
  Lines lines;
  const Witness witness(&lines);
  const Slot<void(int)> slot = [] {
    Slot<void(int)> s("test.slot");
    s = [](int) { throw Error("no"); };
    return s;
  }();
  CHECK_ERROR(slot(1), "no");
  CHECK(lines == Lines{"starts test.slot ", "ran test.slot "});
}

TEST_CASE("trace ranges: layers by name, kernels within them by slot and variant") {
  const Tensor x = Tensor::full({2, 3}, 1, DType::f64, Device::ref);
  const Tensor w = Tensor::full({4, 3}, 1, DType::f64, Device::ref).set_requires_grad();
  const int layer = 0;
  told.clear();
  {
    const TraceRanges ranges(
        tool, [&](Layer l) { return std::string(l == &layer ? "fc" : "(no layer)"); });
    Tensor y;
    {
      const LayerScope scope(&layer);
      y = linear(x, w, {});
    }
    backward(y, Tensor::full({2, 4}, 1, DType::f64, Device::ref));
  }
  CHECK(depth == 0);
  Lines found;
  for (const std::string& line : told) {
    if (line.find("memory.") == std::string::npos) found.push_back(line);
  }
  CHECK(found == Lines{"fc", " gemm naive", "fc, backward", " gemm naive"});
}

}  // namespace
}  // namespace tl::test
