#include "apps/bench/model.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "apps/autotune.h"
#include "apps/bench/times.h"
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

/// Two calls to warm up (in the second a GPU's work is captured), then `runs` that count.
template <class F>
Times time_of(int runs, const F& work) {
  work();
  work();
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    work();
    seconds.push_back(seconds_since(start));
  }
  return times_of(std::move(seconds));
}

/// Returns when the device has done all that was queued: `small` is copied to the host.
void wait_for(const Tensor& small) { small.to_vector<std::int32_t>(); }

/// One more run under watch; what it printed stays apart from the times.
template <class F>
void profile_run(const ModelBenchOptions& o, const Module& network, F&& f) {
  if (!o.profile && o.trace.empty()) return;
  Profile profile;
  f();
  if (o.profile) std::fprintf(stderr, "%s\n", profile_report(profile, network).c_str());
  if (!o.trace.empty()) write_profile_trace(o.trace, profile, network);
}

/// Features of a network in evaluation: in its frozen form, which is f32, else layer by layer.
Times time_infer(const ModelBenchOptions& o, ResNet& network, const Tensor& x,
                 const Tensor& labels) {
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

/// What a step adds at its peak; model.h says to what.
struct PeakMemory {
  std::int64_t process = 0, tensors = 0;  // bytes; tensors: as the allocator rounds them
};

/// A step of full fine-tuning: forward, backward, SGD with momentum.
Times time_train(const ModelBenchOptions& o, ResNet& network, const Tensor& x, const Tensor& labels,
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

}  // namespace

void bench_model(const ModelBenchOptions& o) {
  if (o.threads > 0) set_thread_count(o.threads);
  const Placement where{DType::f32, parse_device(o.device)};
  std::vector<std::unique_ptr<ScopedBackend>> forced;
  for (const std::string& choice : o.variants)
    forced.push_back(force_variant(where.device, choice));
  if (o.autotune)
    forced.push_back(
        autotune(where.device, {resnet_config(o.arch), o.batch, o.size, o.mode == "infer"}, ""));
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

}  // namespace tl
