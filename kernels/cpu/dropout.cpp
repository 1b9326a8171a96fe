// dropout: Philox with a block of four words per lane; the words of one vector of blocks are
// written down in their order, then applied to as many elements. Bound by the ten rounds of Philox.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/dropout.cpp"
#include "hwy/foreach_target.h"
//
#include <cstring>
#include <limits>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"
#include "kernels/philox.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// words[4 * i + j] = word j of block first + i, for every lane i: philox_block() of
/// kernels/philox.h. A lane has 64 bits, so that it holds the product of two words; only the lower
/// half of an operand counts.
template <class D>
HWY_INLINE void philox_words([[maybe_unused]] D d, const DropoutProblem& p, std::uint64_t first,
                             std::uint64_t* words) {
#if HWY_TARGET == HWY_SCALAR  // one lane, which cannot be seen as two
  const auto block = philox_block(p.seed, p.call, first);
  std::memcpy(words, block.data(), sizeof(block));
#else
  const hn::Repartition<std::uint32_t, D> d32;
  const auto product = [=](auto a, std::uint64_t factor) {
    return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, hn::Set(d, factor)));
  };
  const auto high = [](auto a) { return hn::ShiftRight<32>(a); };
  const auto block = hn::Iota(d, first);
  auto c0 = block, c1 = high(block), c2 = hn::Set(d, p.call), c3 = hn::Set(d, p.call >> 32);
  std::uint64_t key0 = p.seed, key1 = p.seed >> 32;
  for (int round = 0; round < 10; ++round) {
    const auto product0 = product(c0, 0xD2511F53), product1 = product(c2, 0xCD9E8D57);
    c0 = hn::Xor(hn::Xor(high(product1), c1), hn::Set(d, key0));
    c2 = hn::Xor(hn::Xor(high(product0), c3), hn::Set(d, key1));
    c1 = product1;
    c3 = product0;
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  const auto low = hn::Set(d, 0xFFFFFFFF);
  const auto pair = [=](auto a, auto b) { return hn::Or(hn::And(a, low), hn::ShiftLeft<32>(b)); };
  hn::StoreInterleaved2(pair(c0, c1), pair(c2, c3), d, words);
#endif
}

void dropout(const DropoutProblem& p, const float* x, float* y, std::int64_t size) {
  const hn::ScalableTag<std::uint64_t> d64;
  const auto blocks = static_cast<std::int64_t>(hn::Lanes(d64));
  const auto threshold = static_cast<std::uint32_t>(p.threshold());
  const auto scale = static_cast<float>(p.scale());
  parallel_ranges(size, kChunk, [=, &p](Range chunk) {
    HWY_ALIGN std::uint64_t words[2 * hn::MaxLanes(d64)];
    for (std::int64_t at = chunk.begin; at < chunk.end; at += 4 * blocks) {
      philox_words(d64, p, static_cast<std::uint64_t>(at / 4), words);
      for_each_vector({at, std::min(at + 4 * blocks, chunk.end)}, [=, &words](auto d,
                                                                              std::int64_t i) {
        const hn::RebindToUnsigned<decltype(d)> du;
        const auto word = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(words) + (i - at));
        const auto keep = hn::RebindMask(d, hn::Not(hn::Lt(word, hn::Set(du, threshold))));
        const auto kept = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale));
        hn::StoreU(hn::IfThenElseZero(keep, kept), d, y + i);
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

HWY_EXPORT(dropout);

void run(Stream, DropoutProblem p, ConstView x_view, View y_view) {
  if (p.call_offset) p.call += *p.call_offset;
  const float* x = floats("dropout", x_view);
  float* y = floats("dropout", y_view);
  if (p.threshold() > std::numeric_limits<std::uint32_t>::max()) {  // no word reaches it
    std::fill_n(y, y_view.size, 0.0f);
    return;
  }
  HWY_DYNAMIC_DISPATCH(dropout)(p, x, y, y_view.size);
}

}  // namespace

void install_dropout(Backend& b) { b.dropout.run = run; }

}  // namespace tl::cpu
#endif
