// global_average_pool: chunks of pictures; channels are vector lanes. Forward keeps the sums of a
// few vectors of channels in registers while the pixels go by.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/global_average_pool.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// y = mean over all pixels of kVectors vectors of channels; x and y point at the first of them.
template <int kVectors, class D>
HWY_INLINE void average_channels(D d, const GlobalAveragePoolProblem& p, const float* x, float* y) {
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<D> sum[kVectors];
  for (auto& s : sum) s = hn::Zero(d);
  for (std::int64_t h = 0; h < p.h; ++h) {
    hn::Vec<D> row[kVectors];
    for (auto& r : row) r = hn::Zero(d);
    for (std::int64_t w = 0; w < p.w; ++w, x += p.c) {
      for (int v = 0; v < kVectors; ++v) row[v] = hn::Add(row[v], hn::LoadU(d, x + v * lanes));
    }
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::Add(sum[v], row[v]);
  }
  const auto pixels = hn::Set(d, static_cast<float>(p.pixels()));
  for (int v = 0; v < kVectors; ++v) hn::StoreU(hn::Div(sum[v], pixels), d, y + v * lanes);
}

void forward(const GlobalAveragePoolProblem& p, const float* x, float* y) {
  const hn::ScalableTag<float> d;
  const std::int64_t four = 4 * static_cast<std::int64_t>(hn::Lanes(d));
  parallel_ranges(p.n, rows_per_chunk(p.pixels() * p.c), [=, &p](Range pictures) {
    for (std::int64_t n = pictures.begin; n < pictures.end; ++n) {
      const float* picture = x + n * p.pixels() * p.c;
      float* means = y + n * p.c;
      std::int64_t c = 0;
      for (; c + four <= p.c; c += four) average_channels<4>(d, p, picture + c, means + c);
      for_each_vector({c, p.c}, [=, &p](auto tag, std::int64_t i) {
        average_channels<1>(tag, p, picture + i, means + i);
      });
    }
  });
}

void backward(const GlobalAveragePoolProblem& p, const float* dy, float* dx) {
  parallel_ranges(p.n, rows_per_chunk(p.pixels() * p.c), [=, &p](Range pictures) {
    for (std::int64_t i = pictures.begin * p.pixels(); i < pictures.end * p.pixels(); ++i) {
      const float* from = dy + i / p.pixels() * p.c;
      float* to = dx + i * p.c;
      for_each_vector({0, p.c}, [=, &p](auto d, std::int64_t c) {
        const auto pixels = hn::Set(d, static_cast<float>(p.pixels()));
        hn::StoreU(hn::Div(hn::LoadU(d, from + c), pixels), d, to + c);
      });
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

void run_forward(Stream, const GlobalAveragePoolProblem& p, ConstView x, View y) {
  const char* op = "global_average_pool.forward";
  HWY_DYNAMIC_DISPATCH(forward)(p, floats(op, x), floats(op, y));
}

void run_backward(Stream, const GlobalAveragePoolProblem& p, ConstView dy, View dx) {
  const char* op = "global_average_pool.backward";
  HWY_DYNAMIC_DISPATCH(backward)(p, floats(op, dy), floats(op, dx));
}

}  // namespace

void install_global_average_pool(Backend& b) {
  b.global_average_pool.forward = run_forward;
  b.global_average_pool.backward = run_backward;
}

}  // namespace tl::cpu
#endif
