// tlbench: how long the network takes, on random pictures that are in memory already, and how long
// each kernel by itself (bench_kernels.h).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/bench_kernels.h"
#include "apps/command_line.h"
#include "apps/force_variant.h"
#include "apps/mixed_precision.h"
#include "apps/nvtx_ranges.h"
#include "apps/process_memory.h"
#include "apps/profile_report.h"
#include "engine/allocator.h"
#include "engine/captured_step.h"
#include "kernels/parallel_for.h"
#include "models/resnet.h"
#include "nn/frozen.h"
#include "nn/optimizer.h"

namespace tl {
namespace {

struct Options {
  std::string arch = "resnet18", mode = "infer", device = "cpu", amp = "off";
  std::int64_t batch = 32, size = 224;
  int runs = 10, threads = 0;
  bool json = false, profile = false;
  std::string trace;
  std::vector<std::string> variants;
};

struct Times {
  double minimum, median, maximum;  // seconds
};

/// Two calls to warm up (in the second a GPU's work is captured), then `runs` that count.
template <class F>
Times time_of(int runs, const F& work) {
  work();
  work();
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2], seconds.back()};
}

/// Returns when the device has done all that was queued: `small` is copied to the host.
void wait_for(const Tensor& small) { small.to_vector<std::int32_t>(); }

/// One more run under watch; what it printed stays apart from the times.
template <class F>
void profile_run(const Options& o, const Module& network, F&& f) {
  if (!o.profile && o.trace.empty()) return;
  Profile profile;
  f();
  if (o.profile) std::fprintf(stderr, "%s\n", profile_report(profile, network).c_str());
  if (!o.trace.empty()) write_profile_trace(o.trace, profile, network);
}

/// Features of a network in evaluation: in its frozen form, which is f32, else layer by layer.
Times time_infer(const Options& o, ResNet& network, const Tensor& x, const Tensor& labels) {
  network.eval();
  std::optional<FrozenNetwork> frozen;
  if (network.activation_dtype == x.dtype()) {
    frozen.emplace(network, [&network](PlanBuilder& plan, const PlanValue& v) {
      return network.lower_features(plan, v);
    });
  }
  CapturedStep captured(x.device());  // of what is not frozen: that captures itself
  Tensor features;
  const auto run = [&] {
    const NoGrad no_grad;
    if (frozen) {
      features = (*frozen)(x);
    } else {
      captured.run([&] { features = network.features(x); });
    }
  };
  const Times times = time_of(o.runs, [&] {
    run();
    wait_for(labels);
  });
  profile_run(o, network, run);
  return times;
}

/// What training adds at its peak to the memory that pictures, parameters and the optimizer's state
/// have taken before the first step.
struct PeakMemory {
  std::int64_t process = 0, tensors = 0;  // bytes; tensors: as the allocator rounds them
};

/// A step of full fine-tuning: forward, backward, SGD with momentum.
Times time_train(const Options& o, ResNet& network, const Tensor& x, const Tensor& labels,
                 PeakMemory& peak) {
  Sgd optimizer(network.parameters(), 1e-3, {.momentum = 0.9});
  const MemorySpace space = memory_space(x.device());
  const std::int64_t resident = process_memory().resident;
  const std::int64_t in_tensors = memory_stats(space).current;
  reset_peak(space);
  CapturedStep captured(x.device());
  const auto step = [&] {
    captured.run([&] {
      backward(cross_entropy(network(x), labels));
      optimizer.step();
      optimizer.clear_gradients();
    });
    wait_for(labels);
  };
  const Times times = time_of(o.runs, step);
  peak = {.process = process_memory().peak - resident,
          .tensors = memory_stats(space).peak - in_tensors};
  profile_run(o, network, step);
  return times;
}

void run_model(const Options& o) {
  if (o.threads > 0) set_thread_count(o.threads);
  const Placement where{DType::f32, parse_device(o.device)};
  std::vector<std::unique_ptr<ScopedBackend>> forced;
  for (const std::string& choice : o.variants)
    forced.push_back(force_variant(where.device, choice));
  Generator random(0);
  ResNet network(resnet_config(o.arch), random, where);
  network.activation_dtype = activation_dtype(o.amp, where.device);
  const auto ranges = nvtx_ranges(network);
  const Shape shape{o.batch, o.size, o.size, 3};
  const Tensor x = Tensor::from(random.normal(shape.size()), shape, where.dtype, where.device);
  const Tensor labels = Tensor::zeros({o.batch}, DType::i32, where.device);
  const bool training = o.mode == "train";
  PeakMemory peak;
  const Times t =
      training ? time_train(o, network, x, labels, peak) : time_infer(o, network, x, labels);
  const double rate = static_cast<double>(o.batch) / t.median;
  if (o.json) {
    nlohmann::json result = {{"arch", o.arch},
                             {"mode", o.mode},
                             {"device", o.device},
                             {"batch", o.batch},
                             {"threads", thread_count()},
                             {"runs", o.runs},
                             {"variants", o.variants},
                             {"amp", o.amp},
                             {"seconds_min", t.minimum},
                             {"seconds_median", t.median},
                             {"seconds_max", t.maximum},
                             {"images_per_second", rate}};
    if (training) {
      result["peak_process_bytes"] = peak.process;
      result["peak_tensor_bytes"] = peak.tensors;
    }
    std::printf("%s\n", result.dump().c_str());
  } else {
    std::printf(
        "%s %s on %s%s, batch %lld, %d threads: %.1f images/s; %.2f ms median, %.2f to %.2f\n",
        o.arch.c_str(), o.mode.c_str(), o.device.c_str(), o.amp == "off" ? "" : " in bf16",
        static_cast<long long>(o.batch), thread_count(), rate, 1e3 * t.median, 1e3 * t.minimum,
        1e3 * t.maximum);
    if (training) {
      std::printf("peak memory of a step: %.1f MB of the process, %.1f MB of tensors\n",
                  1e-6 * static_cast<double>(peak.process),
                  1e-6 * static_cast<double>(peak.tensors));
    }
  }
}

}  // namespace
}  // namespace tl

int main(int argc, char** argv) {
  CLI::App app{"Times a network, or its kernels.", "tlbench"};
  tl::use_short_help(app);
  app.require_subcommand(1);
  tl::Options o;
  CLI::App* model =
      app.add_subcommand("model", "Times the features of a frozen ResNet, or a training step.");
  model->add_option("ARCH", o.arch)->required();
  model->add_option("--mode", o.mode, "infer or train")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember({"infer", "train"}));
  model->add_option("--batch", o.batch, "pictures per run")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  model->add_option("--size", o.size, "height and width of the pictures")
      ->type_name("PIXELS")
      ->capture_default_str()
      ->check(CLI::Range(32, 2048));
  model->add_option("--runs", o.runs, "runs that count")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  model->add_option("--threads", o.threads, "threads [all that this process may use]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  model->add_option("--device", o.device, "cpu, cuda[:N], auto, ref or simt")
      ->type_name("DEVICE")
      ->capture_default_str();
  model
      ->add_option("--amp", o.amp,
                   "bf16: mixed precision, not on cpu; infer then runs layer by layer")
      ->type_name("off|bf16")
      ->capture_default_str()
      ->check(CLI::IsMember({"off", "bf16"}));
  model
      ->add_option("--variant", o.variants,
                   "compute by this variant, e.g. conv2d=implicit_gemm; may be repeated")
      ->type_name("SLOT=NAME");
  model->add_flag("--profile", o.profile, "then profile one run, by kernel and layer (on stderr)");
  model->add_option("--trace", o.trace, "write that run for Perfetto or chrome://tracing")
      ->type_name("FILE");
  model->add_flag("--json", o.json, "one JSON object instead of a sentence");
  tl::KernelBenchOptions k;
  CLI::App* kernels =
      app.add_subcommand("kernels", "Times each kernel at a ResNet's shapes, with every variant.");
  kernels->add_option("--device", o.device, "cpu, cuda[:N], auto, ref or simt")
      ->type_name("DEVICE")
      ->capture_default_str();
  kernels->add_option("--only", k.only, "this kernel, e.g. gemm; may be repeated [all]")
      ->type_name("NAME");
  kernels->add_option("--dtype", k.dtypes, "f32 or bf16; may be repeated")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  kernels->add_option("--batch", k.batch, "pictures")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  kernels->add_option("--seconds", k.seconds, "of one measurement")
      ->type_name("S")
      ->capture_default_str();
  kernels->add_option("--budget", k.budget, "begin nothing new after this many seconds")
      ->type_name("S")
      ->default_str("");
  kernels->add_option("--threads", o.threads, "threads [all that this process may use]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  kernels->add_flag("--tiny", k.tiny, "shapes for devices that are no GPU");
  kernels->add_flag("--json", k.json, "one JSON object per line");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::fprintf(stderr, "tlbench: %s\ntlbench --help lists what there is\n",
                 tl::explain_wrong_usage(app, error).c_str());
    return 2;
  }
  try {
    if (*kernels) {
      if (o.threads > 0) tl::set_thread_count(o.threads);
      k.device = tl::parse_device(o.device);
      tl::bench_kernels(k);
    } else {
      tl::run_model(o);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tlbench: %s\n", error.what());
    return 1;
  }
}
