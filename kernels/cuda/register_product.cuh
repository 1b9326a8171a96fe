// RegisterProduct: a block's tile of y as patches of 8x8 sums in the registers of its threads.
//
// A thread takes 8 elements of a and 8 of b from shared memory and makes 64 products of them, so
// each element that a warp reads is used 8 times. Reads are 16 bytes wide: along the depth where
// the tile's lines run that way, across it otherwise.
//
// A thread's rows are not neighbours. In a tile along the depth they are every 8th (16th) line,
// so that the lanes of a warp read lines that begin in different banks; in a tile along the side
// they are two runs of four, read as two packs.
#pragma once

#include "kernels/cuda/tile.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

template <class LayoutA, class LayoutB>
class RegisterProduct {
 public:
  static constexpr int kPatch = 8;
  static constexpr int kPatchesDown = LayoutA::kSide / kPatch;
  static constexpr int kPatchesAcross = LayoutB::kSide / kPatch;
  static constexpr int kThreads = kPatchesDown * kPatchesAcross;

  /// Adds the product of two tiles.
  __device__ void multiply(const float* a_tile, const float* b_tile) {
    const int down = threadIdx.x / kPatchesAcross, across = threadIdx.x % kPatchesAcross;
#pragma unroll(kUnroll)
    for (int d = 0; d < LayoutA::kDepth; d += kDepths) {
      float a[kPatch][kDepths];
      load<LayoutA, kPatchesDown>(a_tile, down, d, a);
      if constexpr (LayoutB::kAlong == Along::depth) {
#pragma unroll
        for (int j = 0; j < kPatch; ++j) {
          const Pack<float, kDepths> b =
              load_pack<kDepths>(b_tile + (across + j * kPatchesAcross) * LayoutB::kPitch + d);
#pragma unroll
          for (int k = 0; k < kDepths; ++k) {
#pragma unroll
            for (int i = 0; i < kPatch; ++i) sum_[i][j] += a[i][k] * b.x[k];
          }
        }
      } else {
        float b[kPatch][kDepths];
        load<LayoutB, kPatchesAcross>(b_tile, across, d, b);
#pragma unroll
        for (int k = 0; k < kDepths; ++k) {
#pragma unroll
          for (int i = 0; i < kPatch; ++i) {
#pragma unroll
            for (int j = 0; j < kPatch; ++j) sum_[i][j] += a[i][k] * b[j][k];
          }
        }
      }
    }
  }

  /// Leaves the sums in shared memory, row by row.
  template <int pitch>
  __device__ void store(float (*sums)[pitch]) const {
    const int down = threadIdx.x / kPatchesAcross, across = threadIdx.x % kPatchesAcross;
#pragma unroll
    for (int i = 0; i < kPatch; ++i) {
      float* row = sums[place<LayoutA, kPatchesDown>(down, i)];
#pragma unroll
      for (int j = 0; j < kPatch; ++j) row[place<LayoutB, kPatchesAcross>(across, j)] = sum_[i][j];
    }
  }

 private:
  /// Depths that are loaded at once: a pack, where lines run along the depth.
  static constexpr int kDepths =
      LayoutA::kAlong == Along::depth || LayoutB::kAlong == Along::depth ? 4 : 1;
  /// Where both operands need 8 packs for 4 depths, the next ones would find no registers.
  static constexpr int kUnroll =
      LayoutA::kAlong == Along::depth && LayoutB::kAlong == Along::depth ? 1 : LayoutA::kDepth;

  /// Row (column) `i` of 8 in the patch of a thread.
  template <class Layout, int patches>
  static __device__ int place(int patch, int i) {
    if constexpr (Layout::kAlong == Along::depth) return patch + i * patches;
    return i / 4 * (Layout::kSide / 2) + patch * 4 + i % 4;
  }

  template <class Layout, int patches>
  static __device__ void load(const float* tile, int patch, int d, float (&to)[kPatch][kDepths]) {
    if constexpr (Layout::kAlong == Along::depth) {
#pragma unroll
      for (int i = 0; i < kPatch; ++i) {
        load_floats(tile + place<Layout, patches>(patch, i) * Layout::kPitch + d, to[i]);
      }
    } else {
#pragma unroll
      for (int k = 0; k < kDepths; ++k) {
#pragma unroll
        for (int i = 0; i < kPatch; i += 4) {
          const Pack<float, 4> pack =
              load_pack<4>(tile + (d + k) * Layout::kPitch + place<Layout, patches>(patch, i));
#pragma unroll
          for (int e = 0; e < 4; ++e) to[i + e][k] = pack.x[e];
        }
      }
    }
  }

  float sum_[kPatch][kPatch] = {};
};

}  // namespace tl::TL_DEVICE_NAMESPACE
