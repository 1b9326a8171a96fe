// Read run.h first. Here: which problems; what the machine can do; then case after case.
#include "apps/bench/run.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "apps/bench/alternate.h"
#include "apps/bench/buffer.h"
#include "apps/bench/peak.h"
#include "apps/bench/run_report.h"
#include "apps/bench/yardsticks/open_yardsticks.h"
#include "models/resnet_config.h"

namespace tl {
namespace {

/// Calls f with every slot that a case can be of.
template <class F>
void for_each_slot(const Backend& b, const F& f) {
  f(b.gemm.run);
  f(b.conv2d.forward);
  f(b.conv2d.backward_data);
  f(b.conv2d.backward_weight);
  f(b.batch_norm.train);
  f(b.batch_norm.train_backward);
  f(b.batch_norm.eval);
  f(b.max_pool2d.forward);
  f(b.max_pool2d.backward);
  f(b.average_pool2d.forward);
  f(b.average_pool2d.backward);
  f(b.elementwise.unary);
  f(b.elementwise.accumulate);
  f(b.softmax.forward);
  f(b.global_average_pool.forward);
}

std::vector<BenchProblem> network_or_file(const RunBenchOptions& o) {
  if (std::filesystem::exists(o.shapes)) return read_problems(o.shapes);
  const std::vector<std::string> networks = resnet_names();
  if (std::find(networks.begin(), networks.end(), o.shapes) == networks.end()) {
    std::string names;
    for (const std::string& name : networks) names += (names.empty() ? "" : ", ") + name;
    throw Error(concat("--shapes ", o.shapes, ": no such file, and no network; there are ", names));
  }
  return network_problems(o.shapes, o.batch, o.size);
}

std::vector<BenchProblem> problems_of(const RunBenchOptions& o) {
  std::vector<BenchProblem> problems;
  for (const std::string& line : o.problems)
    problems.push_back(parse_problem(line, concat("--problem '", line, "'")));
  if (problems.empty()) problems = network_or_file(o);
  if (o.fused) {
    for (BenchProblem& problem : problems) {
      if (auto* conv = std::get_if<Conv2dProblem>(&problem.sizes)) conv->bias = conv->relu = true;
    }
  }
  return problems;
}

DType parse_dtype(const std::string& name) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    if (name == name_of(dtype)) return dtype;
  }
  throw Error(concat("--dtype ", name, ": needs f32 or bf16"));
}

void check_variant(const CaseOptions& o) {
  bool is_known = o.variant == "all" || o.variant == "chosen";
  std::string names;
  const auto add = [&](const std::string& name) {
    if (names.find(name) == std::string::npos) names += (names.empty() ? "" : ", ") + name;
  };
  for_each_slot(o.b, [&](const auto& slot) {
    if constexpr (requires { slot.all(); }) {
      for (const auto& variant : slot.all()) {
        if (!o.wants_slot(slot.name())) continue;
        is_known |= o.variant == variant.name;
        add(variant.name);
      }
    }
  });
  for (const Yardstick* yardstick : o.yardsticks) {
    is_known |= o.variant.starts_with(yardstick->name());
    add(yardstick->name());
  }
  check(is_known, "--variant ", o.variant, ": ", o.op,
        " has no such variant; there are all, chosen, ", names);
}

class Run {
 public:
  explicit Run(const RunBenchOptions& options)
      : o_(options), b_(backend(options.device)), report_(options.device, options.json) {
    if (o_.device == Device::cpu && o_.yardsticks) yardsticks_ = open_yardsticks(missing_);
    timing_.seconds = o_.seconds;
    if (o_.device == Device::cuda) {
      timing_.wait = [this, probe = std::make_shared<Buffer>(b_, DType::i32, 1)] {
        std::int32_t value = 0;
        b_.memory.copy_to_host({}, *probe, view_of(&value, 1));
      };
    }
  }

  bool run_all() {
    const std::vector<BenchProblem> problems = problems_of(o_);
    check_variant(case_options(DType::f32));
    if (!o_.once) measure_roofline();
    for (const std::string& dtype : o_.dtypes) {
      const CaseOptions options = case_options(parse_dtype(dtype));
      for (const BenchProblem& problem : problems) run_problem(options, problem);
    }
    check(did_something_, "nothing to measure: no problem of ", o_.shapes, " is one of ", o_.op,
          " that ", o_.variant == "all" ? "a variant" : o_.variant, " supports");
    report_.print_sums();
    return all_right_;
  }

 private:
  CaseOptions case_options(DType dtype) const {
    CaseOptions options{
        .b = b_, .dtype = dtype, .op = o_.op, .variant = o_.variant, .once = o_.once};
    if (dtype == DType::f32) options.yardsticks = yardsticks_;
    return options;
  }

  void measure_roofline() {
    const std::int64_t size = o_.device == Device::cuda   ? 1 << 28
                              : o_.device == Device::simt ? 1 << 16
                                                          : 1 << 25;
    const Buffer x(b_, DType::f32, size), y(b_, DType::f32, size);
    const Contestant copy{.name = "", .run = [&](int) { b_.memory.copy({}, x, y); }};
    const Times times = time_alternating({&copy}, 1, timing_)[0];
    roofline_.copied = 2.0 * static_cast<double>(size) * sizeof(float) / times.minimum;
    roofline_.bytes = roofline_.copied;
    if (o_.device == Device::cpu) {
      roofline_.flops = measure_flops();
      for (const MemoryUse use : {MemoryUse::read, MemoryUse::copy})
        roofline_.bytes = std::max(roofline_.bytes, measure_bandwidth(MemoryLevel::dram, use));
    }
    report_.print_head(roofline_, yardsticks_, missing_);
    report_.print_copy(times, size, roofline_);
  }

  void run_problem(const CaseOptions& options, const BenchProblem& problem) {
    if (seconds_since(start_) > o_.budget) return;
    try {
      for_each_case(options, problem, [&](const BenchCase& c) {
        if (seconds_since(start_) < o_.budget) o_.once ? run_once(c) : measure(c);
      });
    } catch (const Error& error) {
      std::fprintf(stderr, "tlbench: passed over: %s\n", error.what());
    }
  }

  void run_once(const BenchCase& c) {
    for (const Contestant& contestant : c.contestants) {
      if (contestant.yardstick && contestant.name != o_.variant) continue;
      contestant.run(0);
      if (timing_.wait) timing_.wait();
      std::printf("once: %s %s %s\n", c.slot.c_str(), contestant.name.c_str(), c.problem.c_str());
      did_something_ = true;
    }
  }

  double most_error(const BenchCase& c, const Contestant& contestant) const {
    return c.dtype == DType::bf16 ? 2e-2 : contestant.rounds_more ? 1e-2 : 1e-3;
  }

  /// Those that are right.
  std::vector<Result> verify(const BenchCase& c) {
    std::vector<Result> right;
    for (const Contestant& contestant : c.contestants) {
      try {
        c.spoil_outputs();
        contestant.run(0);
        const double error = c.error(contestant.outputs());
        if (error <= most_error(c, contestant)) {
          right.push_back({&contestant, error, {}});
          continue;
        }
        std::fprintf(stderr, "tlbench: %s %s is wrong: relative error %.2g, at most %.2g: %s\n",
                     c.slot.c_str(), contestant.name.c_str(), error, most_error(c, contestant),
                     c.problem.c_str());
        all_right_ = false;
      } catch (const Error& error) {
        std::fprintf(stderr, "tlbench: %s %s passed over: %s\n", c.slot.c_str(),
                     contestant.name.c_str(), error.what());
      }
    }
    return right;
  }

  void measure(const BenchCase& c) {
    did_something_ |= !c.contestants.empty();
    std::vector<Result> results = verify(c);
    std::vector<const Contestant*> contestants;
    for (const Result& result : results) contestants.push_back(result.who);
    const std::vector<Times> times = time_alternating(contestants, c.copies, timing_);
    for (std::size_t i = 0; i < results.size(); ++i) results[i].times = times[i];
    report_.add(c, results, roofline_);
  }

  RunBenchOptions o_;
  const Backend& b_;
  RunReport report_;
  Clock::time_point start_ = Clock::now();
  std::vector<Yardstick*> yardsticks_;
  std::vector<std::string> missing_;
  TimingOptions timing_;
  Roofline roofline_;
  bool did_something_ = false, all_right_ = true;
};

}  // namespace

std::vector<std::string> bench_ops() {
  std::vector<std::string> ops;
  for_each_slot(ref_backend(), [&](const auto& slot) {
    const std::string name = slot.name(), contract = name.substr(0, name.find('.'));
    if (std::find(ops.begin(), ops.end(), contract) == ops.end()) ops.push_back(contract);
    if (name != contract) ops.push_back(name);
  });
  return ops;
}

bool bench_run(const RunBenchOptions& options) { return Run(options).run_all(); }

}  // namespace tl
