// average_pool2d "channel_lanes": channels are vector lanes; chunks are rows of the output
// (forward) or of dx (backward). Backward gathers, as in max_pool2d.cpp: each element of dx adds
// its shares of the windows that hold it.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/average_pool2d.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void forward(const AveragePool2dProblem& p, const float* x, float* y) {
  const std::int64_t out_h = p.rows.outputs, out_w = p.columns.outputs;
  parallel_ranges(p.n * out_h, rows_per_chunk(out_w * p.c), [=](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const float* picture = x + row / out_h * p.rows.size * p.columns.size * p.c;
      const AverageWindow hs = p.rows.window(row % out_h);
      for (std::int64_t ow = 0; ow < out_w; ++ow) {
        const AverageWindow ws = p.columns.window(ow);
        const float count = static_cast<float>(hs.count * ws.count);
        float* means = y + (row * out_w + ow) * p.c;
        for_each_vector({0, p.c}, [=](auto d, std::int64_t c) {
          auto sum = hn::Zero(d);
          for (std::int64_t h = hs.begin; h < hs.end; ++h) {
            auto of_row = hn::Zero(d);
            for (std::int64_t w = ws.begin; w < ws.end; ++w) {
              of_row = hn::Add(of_row, hn::LoadU(d, picture + (h * p.columns.size + w) * p.c + c));
            }
            sum = hn::Add(sum, of_row);
          }
          hn::StoreU(hn::Div(sum, hn::Set(d, count)), d, means + c);
        });
      }
    }
  });
}

void backward(const AveragePool2dProblem& p, const float* dy, float* dx) {
  const std::int64_t height = p.rows.size, width = p.columns.size;
  parallel_ranges(p.n * height, rows_per_chunk(width * p.c), [=](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t n = row / height, h = row % height;
      const Range ohs = {p.rows.first_over(h), p.rows.end_over(h)};
      for (std::int64_t w = 0; w < width; ++w) {
        const Range ows = {p.columns.first_over(w), p.columns.end_over(w)};
        for_each_vector({0, p.c}, [=](auto d, std::int64_t c) {
          auto sum = hn::Zero(d);
          for (std::int64_t oh = ohs.begin; oh < ohs.end; ++oh) {
            for (std::int64_t ow = ows.begin; ow < ows.end; ++ow) {
              const std::int64_t count = p.rows.window(oh).count * p.columns.window(ow).count;
              const std::int64_t output =
                  ((n * p.rows.outputs + oh) * p.columns.outputs + ow) * p.c + c;
              const auto share =
                  hn::Div(hn::LoadU(d, dy + output), hn::Set(d, static_cast<float>(count)));
              sum = hn::Add(sum, share);
            }
          }
          hn::StoreU(sum, d, dx + (row * width + w) * p.c + c);
        });
      }
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

bool supports(const AveragePool2dProblem& p) { return p.dtype == DType::f32; }

void run_forward(Stream, const AveragePool2dProblem& p, const AveragePool2dForwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(forward)(p, args.x.as<float>(), args.y.as<float>());
}

void run_backward(Stream, const AveragePool2dProblem& p, const AveragePool2dBackwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(backward)(p, args.dy.as<float>(), args.dx.as<float>());
}

}  // namespace

void install_average_pool2d(Backend& b) {
  const char* name = "channel_lanes";
  b.average_pool2d.forward.add({.name = name, .supports = supports, .run = run_forward});
  b.average_pool2d.backward.add({.name = name, .supports = supports, .run = run_backward});
}

}  // namespace tl::cpu
#endif
