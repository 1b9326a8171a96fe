// channel_reduce: one result per channel from all rows of x [rows, channels], in two kernels:
//
//   1. x is cut into tiles of kChunkRows rows by 32 channels. A block takes one tile: lane by lane
//      along the channels, which lie side by side in memory, with kRowLanes rows at a time. It
//      leaves one partial result per channel.
//   2. One block per channel merges the partial results of all chunks.
//
// Chunks are cut by shape only and merged in a fixed tree: same bits in every run. No atomics, no
// waiting between blocks.
//
// What is computed is a Reduction, a plain struct handed to both kernels:
//
//   using Value = ...;                        what is collected; Value{} is "nothing yet"
//   Value collect(Strip strip) const;         of a thread's elements
//   Value merge(Value a, Value b) const;
//   void finish(Value total, std::int64_t c) const;   writes the result of channel c
#pragma once

#include <cstdint>

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/compat.cuh"
#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

inline constexpr int kChannelLanes = 32, kRowLanes = 8;
inline constexpr int kChunkRows = 256;
inline constexpr int kFinishThreads = 128;

/// The part of x [rows, channels] that one thread of a block (kChannelLanes, kRowLanes) has: rows
/// row, row + kRowLanes, ... below end_row of one channel.
struct ChannelTile {
  std::int64_t chunk, channel, row, end_row;

  __device__ ChannelTile(std::int64_t rows, std::int64_t channels) {
    const std::int64_t tiles = ceil_div(channels, kChannelLanes);
    chunk = blockIdx.x / tiles;
    channel = blockIdx.x % tiles * kChannelLanes + threadIdx.x;
    row = chunk * kChunkRows + threadIdx.y;
    end_row = channel < channels ? min(rows, (chunk + 1) * kChunkRows) : 0;
  }
};

/// A thread's elements: first, first + step, ... below end, all of one channel.
struct Strip {
  std::int64_t first, step, end, channel;
};

inline unsigned channel_tiles(std::int64_t rows, std::int64_t channels) {
  return static_cast<unsigned>(ceil_div(rows, kChunkRows) * ceil_div(channels, kChannelLanes));
}

template <class Reduction>
static __global__ void channel_reduce_chunks(Reduction reduction, std::int64_t rows,
                                             std::int64_t channels,
                                             typename Reduction::Value* partial) {
  using Value = typename Reduction::Value;
  __shared__ Value lanes[kRowLanes][kChannelLanes];
  const ChannelTile tile(rows, channels);
  const int lane = threadIdx.x, row_lane = threadIdx.y;

  Value value{};
  if (tile.row < tile.end_row) {
    value = reduction.collect({tile.row * channels + tile.channel, kRowLanes * channels,
                               tile.end_row * channels, tile.channel});
  }
  lanes[row_lane][lane] = value;
  __syncthreads();
  for (int half = kRowLanes / 2; half > 0; half /= 2) {
    if (row_lane < half) {
      lanes[row_lane][lane] = reduction.merge(lanes[row_lane][lane], lanes[row_lane + half][lane]);
    }
    __syncthreads();
  }
  if (row_lane == 0 && tile.channel < channels) {
    partial[tile.chunk * channels + tile.channel] = lanes[0][lane];
  }
}

template <class Reduction>
static __global__ void channel_reduce_finish(Reduction reduction, std::int64_t chunks,
                                             std::int64_t channels,
                                             const typename Reduction::Value* partial) {
  using Value = typename Reduction::Value;
  const std::int64_t channel = blockIdx.x;
  Value value{};
  for (std::int64_t chunk = threadIdx.x; chunk < chunks; chunk += kFinishThreads) {
    value = reduction.merge(value, partial[chunk * channels + channel]);
  }
  value = block_reduce<kFinishThreads>(
      value, [&](const Value& a, const Value& b) { return reduction.merge(a, b); });
  if (threadIdx.x == 0) reduction.finish(value, channel);
}

/// Bytes of workspace that channel_reduce needs.
template <class Reduction>
std::int64_t channel_reduce_bytes(std::int64_t rows, std::int64_t channels) {
  return ceil_div(rows, kChunkRows) * channels *
         static_cast<std::int64_t>(sizeof(typename Reduction::Value));
}

/// No rows: finish gets Value{}.
template <class Reduction>
void channel_reduce(cudaStream_t stream, const Reduction& reduction, std::int64_t rows,
                    std::int64_t channels, void* workspace) {
  if (channels == 0) return;
  const auto partial = static_cast<typename Reduction::Value*>(workspace);
  if (rows > 0) {
    launch<channel_reduce_chunks<Reduction>>(channel_tiles(rows, channels),
                                             dim3(kChannelLanes, kRowLanes), 0, stream, reduction,
                                             rows, channels, partial);
  }
  launch<channel_reduce_finish<Reduction>>(static_cast<unsigned>(channels), kFinishThreads, 0,
                                           stream, reduction, ceil_div(rows, kChunkRows), channels,
                                           partial);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
