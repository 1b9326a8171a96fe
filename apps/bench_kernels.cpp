// Read bench_kernels.h first. Here: buffers; how one run is timed; then the kernels, first those
// that memory holds up, then gemm and conv2d with all their variants.
#include "apps/bench_kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/random.h"

namespace tl {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A block on the device, 0.1 times numbers of the normal distribution in it.
class Buffer {
 public:
  Buffer(const Backend& b, DType dtype, std::int64_t size) : b_(&b), view_{nullptr, dtype, size} {
    b.memory.allocate(bytes(), &view_.data);
    if (dtype == DType::u8 || size == 0) return;
    // One piece of random numbers, again and again: they need not differ all along.
    static const std::vector<double> numbers = Generator(1).normal(1 << 20);
    with_type(dtype, [&]<class T>(T) {
      const std::int64_t piece = std::min<std::int64_t>(size, 1 << 20);
      std::vector<T> host(static_cast<std::size_t>(piece));
      for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<T>(0.1 * numbers[i]);
      for (std::int64_t at = 0; at < size; at += piece) {
        const std::int64_t count = std::min(piece, size - at);
        b.memory.copy_from_host({}, view_of(static_cast<const T*>(host.data()), count),
                                {static_cast<T*>(view_.data) + at, dtype, count});
      }
    });
  }
  Buffer(Buffer&& other) noexcept : b_(other.b_), view_(std::exchange(other.view_, {})) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() {
    if (view_.data) b_->memory.release({}, bytes(), view_.data);
  }
  operator View() const { return view_; }       // NOLINT: stands for its view
  operator ConstView() const { return view_; }  // NOLINT

 private:
  std::int64_t bytes() const {
    return view_.size * static_cast<std::int64_t>(size_of(view_.dtype));
  }

  const Backend* b_;
  View view_;
};

class Bench {
 public:
  explicit Bench(const KernelBenchOptions& options)
      : o_(options),
        b_(backend(options.device)),
        start_(Clock::now()),
        probe_(b_, DType::i32, 1),
        copied_per_second_(measure_copy()) {}

  void run_all();

 private:
  bool is_wanted(std::string_view kernel) const {
    if (seconds_since(start_) > o_.budget) return false;
    return o_.only.empty() || std::find(o_.only.begin(), o_.only.end(), kernel) != o_.only.end();
  }

  /// Returns when all that was queued is done.
  void wait() const {
    std::int32_t value = 0;
    b_.memory.copy_to_host({}, probe_, view_of(&value, 1));
  }

  /// Median seconds of one f(), as bench_kernels.h says.
  template <class F>
  double time_of(const F& f) const {
    const auto time_many = [&](int count) {
      const auto begin = Clock::now();
      for (int i = 0; i < count; ++i) f();
      wait();
      return seconds_since(begin);
    };
    time_many(1);  // plans, caches
    const double once = std::max(time_many(1), 1e-7);
    const int count = static_cast<int>(std::clamp(o_.seconds / 5 / once, 1.0, 10000.0));
    std::vector<double> seconds;
    for (int i = 0; i < 5; ++i) seconds.push_back(time_many(count) / count);
    std::nth_element(seconds.begin(), seconds.begin() + 2, seconds.end());
    return seconds[2];
  }

  double measure_copy() const {
    const std::int64_t size = o_.tiny ? 1 << 16 : o_.device == Device::cuda ? 1 << 28 : 1 << 25;
    const Buffer x(b_, DType::f32, size), y(b_, DType::f32, size);
    const double bytes = 2.0 * static_cast<double>(size) * sizeof(float);
    const double seconds = time_of([&] { b_.memory.copy({}, x, y); });
    print("memory.copy", "", DType::f32, concat(size, " elements"), seconds, bytes, 0,
          bytes / seconds);
    return bytes / seconds;
  }

  void print(std::string_view kernel, std::string_view variant, DType dtype,
             const std::string& problem, double seconds, double bytes, double flop,
             double copied_per_second) const {
    const double moved = bytes / seconds;
    if (o_.json) {
      nlohmann::ordered_json line = {{"kernel", kernel},
                                     {"variant", variant},
                                     {"dtype", name_of(dtype)},
                                     {"device", name_of(o_.device)},
                                     {"problem", problem},
                                     {"seconds", seconds},
                                     {"gbytes", 1e-9 * moved},
                                     {"of_copy", moved / copied_per_second},
                                     {"gflops", 1e-9 * flop / seconds}};
      std::printf("%s\n", line.dump().c_str());
    } else {
      std::printf("%-24.*s %-22.*s %-4s %10.3f ms %9.1f GB/s %5.1f%% of copy %10.1f GFLOP/s  %s\n",
                  static_cast<int>(kernel.size()), kernel.data(), static_cast<int>(variant.size()),
                  variant.data(), name_of(dtype), 1e3 * seconds, 1e-9 * moved,
                  100 * moved / copied_per_second, 1e-9 * flop / seconds, problem.c_str());
    }
    std::fflush(stdout);
  }

  /// A kernel without variants; a dtype or slot that the device has not is passed over.
  template <class F>
  void time_kernel(std::string_view kernel, DType dtype, const std::string& problem, double bytes,
                   const F& f) const {
    if (!is_wanted(kernel)) return;
    try {
      print(kernel, "", dtype, problem, time_of(f), bytes, 0, copied_per_second_);
    } catch (const Error& error) {
      std::fprintf(stderr, "tlbench: %.*s passed over: %s\n", static_cast<int>(kernel.size()),
                   kernel.data(), error.what());
    }
  }

  /// Every variant of a slot that supports p. `arguments(variant, workspace, prepared)` gives what
  /// it runs on.
  template <class Problem, class Args, class Arguments>
  void time_variants(const VariantSlot<Problem, Args>& slot, const Problem& p, DType dtype,
                     ConstView weights, const Arguments& arguments) const {
    for (const auto& variant : slot.all()) {
      if (!is_wanted(slot.name())) return;
      try {
        if (!variant.supports(p)) continue;
        const Buffer workspace(b_, DType::u8, variant.workspace_size(p));
        const std::int64_t prepared_size = variant.prepared_size(p);
        const Buffer prepared(b_, DType::u8, prepared_size);
        if (prepared_size > 0) variant.prepare({}, p, weights, prepared);
        const Args args = arguments(workspace, prepared_size > 0 ? ConstView(prepared) : weights);
        const double seconds = time_of([&] { variant.run({}, p, args); });
        double flop = 0;
        if constexpr (requires { p.multiply_adds(); }) flop = 2 * p.multiply_adds();
        print(slot.name(), variant.name, dtype, concat(p), seconds, p.bytes(), flop,
              copied_per_second_);
      } catch (const Error& error) {
        std::fprintf(stderr, "tlbench: %s %s passed over: %s\n", slot.name(), variant.name,
                     error.what());
      }
    }
  }

  void memory_bound(DType dtype) const;
  void poolings(DType dtype) const;
  void gemms(DType dtype) const;
  void convolutions(DType dtype) const;

  KernelBenchOptions o_;
  const Backend& b_;
  Clock::time_point start_;
  Buffer probe_;
  double copied_per_second_;
};

void Bench::memory_bound(DType dtype) const {
  // The activations of a ResNet-50's first stage.
  const std::int64_t side = o_.tiny ? 6 : 56, c = o_.tiny ? 16 : 256;
  const std::int64_t n = o_.tiny ? 1 : o_.batch, rows = n * side * side, size = rows * c;
  const double element = static_cast<double>(size_of(dtype)), all = static_cast<double>(size);
  const std::string shape = concat("[", n, ", ", side, ", ", side, ", ", c, "]");
  const Buffer x(b_, dtype, size), dy(b_, dtype, size), y(b_, dtype, size);
  const DType parameters = parameter_dtype(dtype);

  time_kernel("elementwise.unary", dtype, concat("relu ", shape), 2 * all * element,
              [&] { b_.elementwise.unary({}, {.op = UnaryOp::relu}, x, y); });
  time_kernel("elementwise.accumulate", dtype, shape, 3 * all * element,
              [&] { b_.elementwise.accumulate({}, x, y); });
  const GlobalAveragePoolProblem pool{.n = n, .h = side, .w = side, .c = c};
  const Buffer pooled(b_, dtype, n * c);
  time_kernel("global_average_pool.forward", dtype, shape, all * element,
              [&] { b_.global_average_pool.forward({}, pool, x, pooled); });
  time_kernel("softmax.forward", dtype, concat("[", rows, ", ", c, "]"), 2 * all * element,
              [&] { b_.softmax.forward({}, c, x, y); });

  BatchNormProblem norm;
  norm.rows = rows, norm.channels = c, norm.x_dtype = dtype, norm.stat_dtype = parameters;
  const Buffer gamma(b_, parameters, c), beta(b_, parameters, c), mean(b_, parameters, c),
      inv_std(b_, parameters, c), running_mean(b_, parameters, c), running_var(b_, parameters, c),
      dgamma(b_, parameters, c), dbeta(b_, parameters, c);
  b_.memory.fill({}, 1, running_var);
  b_.memory.fill({}, 1, inv_std);
  time_variants(b_.batch_norm.train, norm, dtype, {}, [&](const Buffer& workspace, ConstView) {
    return BatchNormTrainArgs{x,       gamma,        beta,        y,         mean,
                              inv_std, running_mean, running_var, workspace, {}};
  });
  time_variants(b_.batch_norm.train_backward, norm, dtype, {},
                [&](const Buffer& workspace, ConstView) {
                  return BatchNormTrainBackwardArgs{x,      dy,    gamma,     mean, inv_std, y,
                                                    dgamma, dbeta, workspace, beta, {},      {}};
                });
  time_variants(b_.batch_norm.eval, norm, dtype, {}, [&](const Buffer&, ConstView) {
    return BatchNormEvalArgs{x, gamma, beta, running_mean, running_var, y, {}};
  });
}

void Bench::poolings(DType dtype) const {
  // The ResNet's only one, 3x3 every 2, as a maximum and as a mean.
  const std::int64_t side = o_.tiny ? 6 : 112, c = o_.tiny ? 16 : 64, n = o_.tiny ? 1 : o_.batch;
  MaxPool2dProblem largest{.n = n, .h = side, .w = side, .c = c, .kernel_h = 3, .kernel_w = 3};
  largest.pad_h = largest.pad_w = 1, largest.dtype = dtype;
  const Buffer x(b_, dtype, largest.x_size()), y(b_, dtype, largest.y_size());
  const Buffer position(b_, DType::i32, largest.y_size());
  for (const bool positions : {false, true}) {
    largest.positions = positions;
    time_variants(b_.max_pool2d.forward, largest, dtype, {}, [&](View workspace, ConstView) {
      return MaxPool2dForwardArgs{x, y, positions ? View(position) : View(), workspace};
    });
  }
  b_.memory.fill({}, 0, position);
  time_variants(b_.max_pool2d.backward, largest, dtype, {}, [&](View workspace, ConstView) {
    return MaxPool2dBackwardArgs{y, position, x, workspace};
  });
  const AverageAxis axis = AverageAxis::sliding(side, 3, 2, 1, false, true);
  const AveragePool2dProblem mean{.n = n, .c = c, .rows = axis, .columns = axis, .dtype = dtype};
  time_variants(b_.average_pool2d.forward, mean, dtype, {}, [&](View workspace, ConstView) {
    return AveragePool2dForwardArgs{x, y, workspace};
  });
  time_variants(b_.average_pool2d.backward, mean, dtype, {}, [&](View workspace, ConstView) {
    return AveragePool2dBackwardArgs{y, x, workspace};
  });
}

void Bench::gemms(DType dtype) const {
  // A square one, the 1x1 convolutions of the third stage, and the classifier.
  std::vector<GemmProblem> problems = {
      {.m = 4096, .n = 4096, .k = 4096},
      {.m = o_.batch * 14 * 14, .n = 1024, .k = 256, .trans_b = true},
      {.m = o_.batch * 14 * 14, .n = 256, .k = 1024, .trans_b = true},
      {.m = 1024, .n = 256, .k = o_.batch * 14 * 14, .trans_a = true},
      {.m = o_.batch, .n = 1000, .k = 2048, .trans_b = true, .bias = true}};
  if (o_.tiny)
    problems = {{.m = 33, .n = 34, .k = 35},
                {.m = 8, .n = 16, .k = 24, .trans_b = true, .bias = true}};
  for (GemmProblem p : problems) {
    if (!is_wanted(b_.gemm.run.name())) return;
    p.dtype = dtype;
    const Buffer a(b_, dtype, p.m * p.k), weights(b_, dtype, p.k * p.n), y(b_, dtype, p.m * p.n),
        bias(b_, parameter_dtype(dtype), p.n);
    time_variants(b_.gemm.run, p, dtype, weights, [&](const Buffer& workspace, ConstView b) {
      return GemmArgs{a, b, p.bias ? ConstView(bias) : ConstView(), y, workspace};
    });
  }
}

void Bench::convolutions(DType dtype) const {
  const auto conv = [&](std::int64_t side, std::int64_t in, std::int64_t out, std::int64_t kernel,
                        std::int64_t stride) {
    Conv2dProblem p{.n = o_.batch, .h = side, .w = side, .c_in = in, .c_out = out};
    p.kh = p.kw = kernel;
    p.stride_h = p.stride_w = stride;
    p.pad_h = p.pad_w = kernel / 2;
    p.x_dtype = p.w_dtype = p.y_dtype = dtype;
    return p;
  };
  // The kinds of convolution of a ResNet-50.
  std::vector<Conv2dProblem> problems = {
      conv(224, 3, 64, 7, 2),     conv(56, 64, 64, 1, 1),    conv(56, 64, 64, 3, 1),
      conv(56, 64, 256, 1, 1),    conv(56, 256, 64, 1, 1),   conv(56, 128, 128, 3, 2),
      conv(56, 256, 512, 1, 2),   conv(28, 128, 128, 3, 1),  conv(28, 128, 512, 1, 1),
      conv(14, 256, 256, 3, 1),   conv(14, 256, 1024, 1, 1), conv(14, 1024, 256, 1, 1),
      conv(14, 1024, 2048, 1, 2), conv(7, 512, 512, 3, 1),   conv(7, 2048, 512, 1, 1)};
  if (o_.tiny) problems = {conv(9, 3, 8, 7, 2), conv(6, 16, 16, 3, 1), conv(5, 16, 32, 1, 1)};
  for (Conv2dProblem p : problems) {
    if (o_.tiny) p.n = 1;
    const auto& kernels = b_.conv2d;
    if (!is_wanted(kernels.forward.name()) && !is_wanted(kernels.backward_data.name()) &&
        !is_wanted(kernels.backward_weight.name()))
      continue;
    const DType parameters = parameter_dtype(dtype);
    const Buffer x(b_, dtype, p.x_size()), w(b_, dtype, p.w_size()), y(b_, dtype, p.y_size()),
        dw(b_, parameters, p.w_size()), bias(b_, parameters, p.c_out);
    for (const bool is_fused : {false, true}) {
      Conv2dProblem forward = p;
      forward.bias = forward.relu = is_fused;
      time_variants(kernels.forward, forward, dtype, w,
                    [&](const Buffer& workspace, ConstView weights) {
                      Conv2dForwardArgs args;
                      args.x = x, args.w = weights, args.y = y, args.workspace = workspace;
                      if (is_fused) args.bias = bias;
                      return args;
                    });
    }
    time_variants(kernels.backward_data, p, dtype, w,
                  [&](const Buffer& workspace, ConstView weights) {
                    Conv2dBackwardDataArgs args;
                    args.dy = y, args.w = weights, args.dx = x, args.workspace = workspace;
                    return args;
                  });
    Conv2dProblem backward_weight = p;
    backward_weight.w_dtype = parameters;
    time_variants(kernels.backward_weight, backward_weight, dtype, {},
                  [&](const Buffer& workspace, ConstView) {
                    Conv2dBackwardWeightArgs args;
                    args.x = x, args.dy = y, args.dw = dw, args.workspace = workspace;
                    return args;
                  });
  }
}

DType parse_dtype(const std::string& name) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    if (name == name_of(dtype)) return dtype;
  }
  throw Error(concat("--dtype ", name, ": needs f32 or bf16"));
}

void Bench::run_all() {
  for (const std::string& name : o_.dtypes) {
    const DType dtype = parse_dtype(name);
    memory_bound(dtype);
    poolings(dtype);
    gemms(dtype);
    convolutions(dtype);
  }
}

}  // namespace

void bench_kernels(const KernelBenchOptions& options) { Bench(options).run_all(); }

}  // namespace tl
