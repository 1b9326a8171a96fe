// nvcuda::wmma: matrix products of a whole warp, as tensor cores do them (CUDA C++ Programming
// Guide, "Warp Matrix Functions"), for bf16 16 x 16 x 16 and tf32 16 x 16 x 8 with f32 sums.
//
// A fragment is a matrix whose elements are spread over the lanes. Which lane has which element is
// nobody's business and other than on a GPU, so a kernel that relies on it is wrong here. What was
// neither loaded nor filled is NaN.
//
// Products are exact; sums are rounded to f32 term by term in order of k. A GPU rounds in another
// order, and differently: compare within a bound.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/error.h"
#include "kernels/simt/barriers.h"
#include "kernels/simt/bfloat16.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt::nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;
}

/// Rounded to the 10 mantissa bits of tf32, to the nearest, ties away from zero.
inline float __float_to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;  // infinity, NaN
  return std::bit_cast<float>((bits + 0x1000u) & ~0x1fffu);
}

namespace detail {

using tl::simt::detail::running;

template <class T>
struct Element {
  using Type = T;
};
template <>
struct Element<precision::tf32> {
  using Type = float;
};

template <class Use, int M, int N, int K>
struct Extents;
template <int M, int N, int K>
struct Extents<matrix_a, M, N, K> {
  static constexpr int rows = M, columns = K;
};
template <int M, int N, int K>
struct Extents<matrix_b, M, N, K> {
  static constexpr int rows = K, columns = N;
};
template <int M, int N, int K>
struct Extents<accumulator, M, N, K> {
  static constexpr int rows = M, columns = N;
};

}  // namespace detail

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  static constexpr bool is_bf16 = std::is_same_v<T, __nv_bfloat16> && K == 16;
  static constexpr bool is_tf32 = std::is_same_v<T, precision::tf32> && K == 8;
  static constexpr bool is_sum = std::is_same_v<T, float> && std::is_same_v<Use, accumulator>;
  static_assert(M == 16 && N == 16 && (is_bf16 || is_tf32 || is_sum));

  using Extents = detail::Extents<Use, M, N, K>;
  using storage_element_type = typename detail::Element<T>::Type;
  static constexpr int num_elements = Extents::rows * Extents::columns / 32;
  storage_element_type x[num_elements];

  fragment() {
    for (auto& element : x) {
      element = storage_element_type(std::numeric_limits<float>::quiet_NaN());
    }
  }
};

template <class Use, int M, int N, int K, class T, class Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout>& f, float value) {
  for (auto& element : f.x) {
    element = typename fragment<Use, M, N, K, T, Layout>::storage_element_type(value);
  }
}

namespace detail {

/// The element in row `r` and column `c` of the fragment whose parts the lanes have brought: row by
/// row, each row in one lane or in neighbouring lanes.
template <class Fragment>
auto& element(Fragment* const* parts, int r, int c) {
  constexpr int kColumns = Fragment::Extents::columns, kEach = Fragment::num_elements;
  const int i = r * kColumns + c;
  return parts[i / kEach]->x[i % kEach];
}

inline void check_all_lanes(std::uint32_t lanes, const char* name) {
  if (lanes != ~0u) {
    running->fail("completes ", name, " without all 32 lanes: 0x", std::hex, lanes);
  }
}

// ---- loads and stores ---------------------------------------------------------------------------

template <class Fragment, class T>
struct Transfer {
  Fragment* part;
  T* matrix;
  unsigned step;  // elements from one row (or column) to the next
  bool row_by_row;
  const char* name;
};

/// `load`: from memory into the fragment; otherwise the other way.
template <bool load, class Fragment, class T>
void transfer_lanes(void* const* operands, std::uint32_t lanes) {
  const auto& first = *static_cast<const Transfer<Fragment, T>*>(operands[std::countr_zero(lanes)]);
  check_all_lanes(lanes, first.name);
  Fragment* parts[32];
  for (int i = 0; i < 32; ++i) {
    const auto& mine = *static_cast<const Transfer<Fragment, T>*>(operands[i]);
    if (mine.matrix != first.matrix || mine.step != first.step ||
        mine.row_by_row != first.row_by_row) {
      running->fail("completes ", first.name, " in which lane ", i,
                    " passes another address, step or layout than lane 0");
    }
    parts[i] = mine.part;
  }
  for (int r = 0; r < Fragment::Extents::rows; ++r) {
    for (int c = 0; c < Fragment::Extents::columns; ++c) {
      const std::size_t place = first.row_by_row ? static_cast<std::size_t>(r) * first.step + c
                                                 : static_cast<std::size_t>(c) * first.step + r;
      if constexpr (load) {
        element(parts, r, c) = first.matrix[place];
      } else {
        first.matrix[place] = element(parts, r, c);
      }
    }
  }
}

template <bool load, class Fragment, class T>
void transfer(Fragment& f, T* matrix, unsigned step, bool row_by_row, const char* name,
              Place place) {
  Scheduler& scheduler = running_scheduler(name);
  if (reinterpret_cast<std::uintptr_t>(matrix) % 32 != 0) {
    scheduler.fail("calls ", name, " with the address ", static_cast<const void*>(matrix),
                   ", not a multiple of 32");
  }
  if (step * sizeof(T) % 16 != 0) {
    scheduler.fail("calls ", name, " with a step of ", step, " elements of ", sizeof(T),
                   " bytes, not a multiple of 16 bytes");
  }
  Transfer<Fragment, T> operand{&f, matrix, step, row_by_row, name};
  scheduler.meet_warp(~0u, &operand, transfer_lanes<load, Fragment, T>, name, place);
}

// ---- products -----------------------------------------------------------------------------------

template <class A, class B, class C>
struct Product {
  C* d;
  const A* a;
  const B* b;
  const C* c;
};

/// A tensor core reads only the bits of tf32; whether it drops or rounds the others is not
/// specified.
template <class Fragment, class T>
float operand(T x) {
  if constexpr (Fragment::is_tf32) {
    if (std::bit_cast<std::uint32_t>(x) & 0x1fffu) {
      running->fail("completes wmma::mma_sync with the tf32 operand ", x,
                    ", which __float_to_tf32 has not rounded");
    }
  }
  return x;
}

template <int M, int N, int K, class A, class B, class C>
void multiply_lanes(void* const* operands, std::uint32_t lanes) {
  check_all_lanes(lanes, "wmma::mma_sync");
  const A* a_parts[32];
  const B* b_parts[32];
  const C* c_parts[32];
  C* d_parts[32];
  for (int i = 0; i < 32; ++i) {
    const auto& mine = *static_cast<const Product<A, B, C>*>(operands[i]);
    a_parts[i] = mine.a, b_parts[i] = mine.b, c_parts[i] = mine.c, d_parts[i] = mine.d;
  }
  float b[K][N], sums[M][N];
  for (int k = 0; k < K; ++k) {
    for (int n = 0; n < N; ++n) b[k][n] = operand<B>(element(b_parts, k, n));
  }
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) sums[m][n] = element(c_parts, m, n);
    for (int k = 0; k < K; ++k) {
      const float a = operand<A>(element(a_parts, m, k));
      for (int n = 0; n < N; ++n) sums[m][n] += a * b[k][n];
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) element(d_parts, m, n) = sums[m][n];
  }
}

}  // namespace detail

/// Reads the matrix from `matrix`, whose rows (row_major) or columns (col_major) lie `step`
/// elements apart: a multiple of 16 bytes; `matrix` is a multiple of 32.
template <class Use, int M, int N, int K, class T, class Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& f,
                      const typename detail::Element<T>::Type* matrix, unsigned step,
                      Place place = Place::current()) {
  static_assert(!std::is_void_v<Layout>, "the load of an accumulator is told the layout");
  detail::transfer<true>(f, matrix, step, std::is_same_v<Layout, row_major>,
                         "wmma::load_matrix_sync", place);
}
template <int M, int N, int K, class T>
void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const T* matrix, unsigned step,
                      layout_t layout, Place place = Place::current()) {
  detail::transfer<true>(f, matrix, step, layout == mem_row_major, "wmma::load_matrix_sync", place);
}
template <int M, int N, int K, class T>
void store_matrix_sync(T* matrix, const fragment<accumulator, M, N, K, T>& f, unsigned step,
                       layout_t layout, Place place = Place::current()) {
  detail::transfer<false>(f, matrix, step, layout == mem_row_major, "wmma::store_matrix_sync",
                          place);
}

/// d = a * b + c; d may be c.
template <int M, int N, int K, class T, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, M, N, K, float>& d,
              const fragment<matrix_a, M, N, K, T, LayoutA>& a,
              const fragment<matrix_b, M, N, K, T, LayoutB>& b,
              const fragment<accumulator, M, N, K, float>& c, Place place = Place::current()) {
  using A = fragment<matrix_a, M, N, K, T, LayoutA>;
  using B = fragment<matrix_b, M, N, K, T, LayoutB>;
  using C = fragment<accumulator, M, N, K, float>;
  detail::Product<A, B, C> operand{&d, &a, &b, &c};
  running_scheduler("wmma::mma_sync")
      .meet_warp(~0u, &operand, detail::multiply_lanes<M, N, K, A, B, C>, "wmma::mma_sync", place);
}

}  // namespace tl::simt::nvcuda::wmma
