// elementwise: the binary functions of kernels/elementwise.h. Equal shapes are a map (map.cuh).
// With broadcasting, a thread finds out where its elements of y come from by dividing its number by
// one extent after the other. It does so once for a pack of neighbours where the innermost
// dimension is made of whole packs: it then reads a pack of a and of b, or one number that is
// repeated.
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/map.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <BinaryOp op>
struct Value {
  __device__ float operator()(float a, float b) const {
    if constexpr (op == BinaryOp::add) {
      return a + b;
    } else if constexpr (op == BinaryOp::sub) {
      return a - b;
    } else if constexpr (op == BinaryOp::mul) {
      return a * b;
    } else {
      static_assert(op == BinaryOp::div);
      return a / b;
    }
  }
};

/// BinaryProblem in packs of elements, innermost dimension first. D: Divisor or WideDivisor.
template <class D>
struct Packs {
  int rank;
  D extent[BinaryProblem::kMaxRank];
  std::int64_t a_step[BinaryProblem::kMaxRank], b_step[BinaryProblem::kMaxRank];
  bool repeat_a, repeat_b;  // along the innermost dimension

  Packs(const BinaryProblem& p, std::int64_t pack)
      : rank(p.rank),
        repeat_a(p.a_steps[static_cast<std::size_t>(rank - 1)] == 0),
        repeat_b(p.b_steps[static_cast<std::size_t>(rank - 1)] == 0) {
    for (int k = 0; k < rank; ++k) {
      const auto from = static_cast<std::size_t>(rank - 1 - k);
      const std::int64_t size = k == 0 ? pack : 1;
      extent[k] = D(p.extents[from] / size);
      a_step[k] = p.a_steps[from] * size;
      b_step[k] = p.b_steps[from] * size;
    }
  }

  struct Place {
    std::int64_t a, b;
  };
  /// Where in a and b pack `i` of y comes from.
  __device__ Place operator()(std::int64_t i) const {
    Place place{};
#pragma unroll
    for (int k = 0; k < BinaryProblem::kMaxRank; ++k) {
      if (k == rank) break;
      const Division at = extent[k](i);
      place.a += at.remainder * a_step[k];
      place.b += at.remainder * b_step[k];
      i = at.quotient;
    }
    return place;
  }
};

template <int N, class T>
__device__ Pack<T, N> load(const T* from, bool repeat) {
  if constexpr (N > 1) {
    if (repeat) {
      Pack<T, N> pack;
#pragma unroll
      for (int i = 0; i < N; ++i) pack.x[i] = *from;
      return pack;
    }
  }
  return load_pack<N>(from);
}

template <int N, class F, class T, class D>
__global__ void broadcast(F f, Packs<D> packs, std::int64_t count, const T* a, const T* b, T* y) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const auto place = packs(i);
    store_pack(y + i * N, map_packs<T, N>(f, load<N>(a + place.a, packs.repeat_a),
                                          load<N>(b + place.b, packs.repeat_b)));
  }
}

/// Whether an input can be read in packs of N: all of them are aligned, or hold one number.
template <int N, class T>
bool comes_in_packs(const BinaryProblem& p, const BinaryProblem::Dims& steps, const T* data) {
  const auto last = static_cast<std::size_t>(p.rank - 1);
  if (steps[last] == 0) return true;
  for (std::size_t k = 0; k < last; ++k) {
    if (steps[k] % N != 0) return false;
  }
  return is_aligned_for<N>(data);
}

bool is_plain(const BinaryProblem& p) {
  return p.rank == 1 && p.a_steps[0] == 1 && p.b_steps[0] == 1;
}

template <int N, class F, class T>
void run_broadcast(Stream stream, const F& f, const BinaryProblem& p, const T* a, const T* b,
                   T* y) {
  const std::int64_t count = p.size() / N;
  with_divisor(count, [&]<class D>(D) {
    launch<broadcast<N, F, T, D>>(blocks_for(count), kThreads, 0, native(stream), f, Packs<D>(p, N),
                                  count, a, b, y);
  });
}

template <class F, class T>
void run(Stream stream, const F& f, const BinaryProblem& p, const T* a, const T* b, T* y) {
  constexpr int kPack = kVectorOf<T>;
  if (is_plain(p)) return map(stream, f, p.size(), y, a, b);
  const bool packed = p.extents[static_cast<std::size_t>(p.rank - 1)] % kPack == 0 &&
                      is_aligned_for<kPack>(y) && comes_in_packs<kPack>(p, p.a_steps, a) &&
                      comes_in_packs<kPack>(p, p.b_steps, b);
  if (packed) {
    run_broadcast<kPack>(stream, f, p, a, b, y);
  } else {
    run_broadcast<1>(stream, f, p, a, b, y);
  }
}

void binary(Stream stream, const BinaryProblem& p, ConstView a_view, ConstView b_view,
            View y_view) {
  with_f32_or_bf16(name_of(p.op), y_view.dtype, [&]<class T>(T) {
    const T* a = a_view.as<T>();
    const T* b = b_view.as<T>();
    T* y = y_view.as<T>();
    if (p.size() == 0) return;
    switch (p.op) {
      case BinaryOp::add:
        return run(stream, Value<BinaryOp::add>{}, p, a, b, y);
      case BinaryOp::sub:
        return run(stream, Value<BinaryOp::sub>{}, p, a, b, y);
      case BinaryOp::mul:
        return run(stream, Value<BinaryOp::mul>{}, p, a, b, y);
      case BinaryOp::div:
        return run(stream, Value<BinaryOp::div>{}, p, a, b, y);
    }
    throw Error("elementwise.binary: no such function");
  });
}

}  // namespace

void install_elementwise_binary(Backend& b) { b.elementwise.binary = binary; }

}  // namespace tl::TL_DEVICE_NAMESPACE
