// Tiles of a matrix product y [rows, columns] = a [rows, depth] * b [depth, columns] in shared
// memory, and how a block loads them. Read then register_product.cuh or tensor_product.cuh (how
// tiles are multiplied) and a kernel that uses both, conv2d_forward_tiles.cuh.
//
// A tile of a is `side` rows by `depth`, one of b `side` columns by `depth`. It lies in shared
// memory in lines along the direction in which its source is contiguous, so that packs can be
// copied as they are:
//
//   Along::depth   a line is one row of a (one column of b): all of its depths
//   Along::side    a line is one depth: all of its rows (columns)
//
// There are two buffers per operand. While the block multiplies from one, the next step's tiles are
// on their way to the other: with cp.async where elements are copied unchanged, through registers
// where they are converted or transformed.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/compat.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

enum class Along { depth, side };

/// How a tile of elements S lies in shared memory.
template <class S, int side, int depth, Along along>
struct TileLayout {
  using Element = S;
  static constexpr Along kAlong = along;
  static constexpr int kSide = side, kDepth = depth;
  static constexpr int kLines = along == Along::depth ? side : depth;
  static constexpr int kLength = along == Along::depth ? depth : side;
  /// Lines are padded by 16 bytes: then 8 neighbouring lines begin in different banks.
  static constexpr int kPitch = kLength + kVectorOf<S>;
  static constexpr int kElements = kLines * kPitch;
};

/// One thread's part in loading the tiles of one operand. The Operand says where elements come
/// from:
///
///   Element, kVector      what it is made of, and how many of them are fetched at once
///   Position position(p, step)    what is known of place p within a line, in this step; where
///                                 kAlong is Along::side it must be the same in every step
///   const Element* source(line, position, step)    nullptr: zeros
///   const Element* base()                          any valid address, aligned for packs
///   kTransforms, float transform(value, position, e)   of element e of the pack, before it is used
template <class Layout, class Operand, int threads>
class Stage {
 public:
  using Stored = typename Layout::Element;

  explicit __device__ Stage(const Operand& operand) : operand_(operand) {
    if constexpr (Layout::kAlong == Along::side) position_ = operand_.position(first_place(), 0);
  }

  /// Asks for the tile of `step`.
  __device__ void begin(int step, Stored* tile) {
    if constexpr (Layout::kAlong == Along::depth)
      position_ = operand_.position(first_place(), step);
    if constexpr (kAsync) {
#pragma unroll
      for (int i = 0; i < kLoads; ++i) {
        constexpr std::size_t kBytes = sizeof(Element) * kVector;
        const Element* from = operand_.source(line(i), position_, step);
        __pipeline_memcpy_async(place(tile, i), from ? from : operand_.base(), kBytes,
                                from ? 0 : kBytes);
      }
      __pipeline_commit();
    } else if constexpr (kAhead) {
      inside_ = 0;
#pragma unroll
      for (int i = 0; i < kLoads; ++i) {
        const Element* from = operand_.source(line(i), position_, step);
        if (!from) continue;
        inside_ |= 1u << i;
        pack_[i] = load_pack<kVector>(from);
      }
    }
  }

  /// The tile of the step that was begun is complete once all threads have come back from here and
  /// met at a barrier.
  __device__ void finish(int step, Stored* tile) {
    if constexpr (kAsync) {
      __pipeline_wait_prior(0);
    } else if constexpr (kAhead) {
#pragma unroll
      for (int i = 0; i < kLoads; ++i) convert(pack_[i], inside_ >> i & 1, place(tile, i));
    } else {
#pragma unroll 4
      for (int i = 0; i < kLoads; ++i) {
        const Element* from = operand_.source(line(i), position_, step);
        Pack<Element, kVector> pack;
        if (from) pack = load_pack<kVector>(from);
        convert(pack, from != nullptr, place(tile, i));
      }
    }
  }

 private:
  using Element = typename Operand::Element;
  static constexpr int kVector = Operand::kVector;
  static constexpr int kPacksPerLine = Layout::kLength / kVector;
  static constexpr int kLinesAtOnce = threads / kPacksPerLine;
  static constexpr int kLoads = Layout::kLines / kLinesAtOnce;
  static_assert(kPacksPerLine * kLinesAtOnce == threads && kLinesAtOnce * kLoads == Layout::kLines);

  static constexpr bool kAsync =
      std::is_same_v<Element, Stored> && !Operand::kTransforms && sizeof(Element) * kVector >= 4;
  /// Otherwise: loaded into registers one step ahead, if they are few enough.
  static constexpr bool kAhead = !kAsync && kLoads <= 8;

  __device__ void convert(const Pack<Element, kVector>& pack, bool inside, Stored* to) const {
    Pack<Stored, kVector> converted;
#pragma unroll
    for (int e = 0; e < kVector; ++e) {
      float value = 0;
      if (inside) {
        value = pack.x[e];
        if constexpr (Operand::kTransforms) value = operand_.transform(value, position_, e);
      }
      converted.x[e] = static_cast<Stored>(value);
    }
    store_pack(to, converted);
  }

  __device__ int first_place() const { return threadIdx.x % kPacksPerLine * kVector; }
  __device__ int line(int i) const { return threadIdx.x / kPacksPerLine + i * kLinesAtOnce; }
  __device__ Stored* place(Stored* tile, int i) const {
    return tile + line(i) * Layout::kPitch + first_place();
  }

  Operand operand_;
  typename Operand::Position position_;
  Pack<Element, kVector> pack_[kAhead ? kLoads : 1];
  unsigned inside_;  // bit i: pack_[i] is not zeros
};

/// The shared memory of a product: two buffers per operand, and in their place at the end the sums.
template <class LayoutA, class LayoutB>
union TileBuffers {
  static constexpr int kSumPitch = LayoutB::kSide + 4;
  struct {
    alignas(128) typename LayoutA::Element a[2][LayoutA::kElements];
    alignas(128) typename LayoutB::Element b[2][LayoutB::kElements];
  } tiles;
  alignas(128) float sums[LayoutA::kSide][kSumPitch];
};

}  // namespace tl::TL_DEVICE_NAMESPACE
