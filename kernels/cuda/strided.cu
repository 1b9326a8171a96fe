// strided: the contract of kernels/strided.h, in one of two ways.
//
//   copy_words       a thread per word, in the order of y. Words are as large as the runs that are
//                    contiguous in x and y allow: whole rows are moved 16 bytes at a time.
//   copy_tiles       a transposition: neighbours in x are far apart in y. A block takes a tile of
//                    32 by 32 elements, reads it along x, turns it round in shared memory, and
//                    writes it along y, so that a warp moves whole lines on both sides.
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"
#include "kernels/cuda/words.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr std::size_t kRank = StridedCopyProblem::kMaxRank, kLast = kRank - 1;

/// The sizes and steps of some dimensions, innermost first. D: Divisor or WideDivisor.
template <class D>
struct Box {
  int rank = 0;
  D size[kRank];
  std::int64_t x_step[kRank], y_step[kRank];

  void add(std::int64_t extent, std::int64_t x, std::int64_t y) {
    if (extent == 1) return;
    size[rank] = D(extent);
    x_step[rank] = x;
    y_step[rank++] = y;
  }

  struct Place {
    std::int64_t x, y;
  };
  __device__ Place operator()(std::int64_t i) const {
    Place place{};
#pragma unroll
    for (int k = 0; k < static_cast<int>(kRank); ++k) {
      if (k == rank) break;
      const Division at = size[k](i);
      place.x += at.remainder * x_step[k];
      place.y += at.remainder * y_step[k];
      i = at.quotient;
    }
    return place;
  }
};

// ---- words --------------------------------------------------------------------------------------

template <class W, class D>
__global__ void copy_words(Box<D> box, std::int64_t count, const W* x, W* y) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const auto place = box(i);
    store_word(y + place.y, load_word(x + place.x));
  }
}

/// The largest words that the runs along the last dimension consist of.
std::int64_t word_of(const StridedCopyProblem& p, std::int64_t element, const char* x,
                     const char* y) {
  if (p.size[kLast] == 1 || p.x_step[kLast] != 1 || p.y_step[kLast] != 1) return element;
  std::int64_t word = largest_word(element, p.size[kLast] * element, address_of(x), address_of(y));
  for (std::size_t k = 0; k < kLast; ++k) {
    if (p.size[k] == 1) continue;
    word = std::min(word, largest_word(element, p.x_step[k] * element, p.y_step[k] * element));
  }
  return word;
}

void run_words(Stream stream, const StridedCopyProblem& p, std::int64_t element, const char* x,
               char* y) {
  const std::int64_t bytes = word_of(p, element, x, y), elements = bytes / element;
  const std::int64_t count = p.elements() / elements;
  with_divisor(count, [&]<class D>(D) {
    Box<D> box;
    box.add(p.size[kLast] / elements, p.x_step[kLast], p.y_step[kLast]);
    for (std::size_t k = kLast; k-- > 0;) {
      box.add(p.size[k], p.x_step[k] / elements, p.y_step[k] / elements);
    }
    with_word(bytes, [&]<class W>(W) {
      launch<copy_words<W, D>>(blocks_for(count), kThreads, 0, native(stream), box, count,
                               reinterpret_cast<const W*>(x), reinterpret_cast<W*>(y));
    });
  });
}

// ---- tiles --------------------------------------------------------------------------------------

constexpr int kTile = 32, kTileRows = 8;

/// What copy_tiles goes through: tiles of dimensions `across`, which is contiguous in x, and
/// `along`, which is so in y; and all other dimensions.
struct Tiles {
  std::int64_t across, along;   // sizes
  std::int64_t x_step, y_step;  // of `along` in x, of `across` in y; the others are 1
  Divisor across_tiles, along_tiles;
  Box<Divisor> others;
};

template <class T>
__global__ void copy_tiles(Tiles p, const T* x, T* y) {
  __shared__ T tile[kTile][kTile + 1];  // one more: a column's elements lie in different banks
  const int lane = threadIdx.x;
  const Division a = p.across_tiles(blockIdx.x), b = p.along_tiles(a.quotient);
  const std::int64_t across = a.remainder * kTile, along = b.remainder * kTile;
  const auto place = p.others(b.quotient);

  for (int row = threadIdx.y; row < kTile; row += kTileRows) {
    if (along + row < p.along && across + lane < p.across) {
      tile[row][lane] = x[place.x + (along + row) * p.x_step + across + lane];
    }
  }
  __syncthreads();
  for (int row = threadIdx.y; row < kTile; row += kTileRows) {
    if (across + row < p.across && along + lane < p.along) {
      y[place.y + (across + row) * p.y_step + along + lane] = tile[lane][row];
    }
  }
}

/// Tiles do not pay where one of the two dimensions is short.
constexpr std::int64_t kShort = 8;

/// Which dimension is `across`, with the last one `along`; kLast: this is no transposition.
std::size_t find_across(const StridedCopyProblem& p) {
  if (p.y_step[kLast] != 1 || p.x_step[kLast] == 1 || p.size[kLast] < kShort) return kLast;
  for (std::size_t k = 0; k < kLast; ++k) {
    if (p.x_step[k] == 1 && p.size[k] >= kShort) return k;
  }
  return kLast;
}

/// Returns whether it did so: blocks are counted in 31 bits.
bool run_tiles(Stream stream, const StridedCopyProblem& p, std::int64_t element, const char* x,
               char* y) {
  const std::size_t across = find_across(p);
  if (across == kLast) return false;
  const std::int64_t across_tiles = ceil_div(p.size[across], kTile),
                     along_tiles = ceil_div(p.size[kLast], kTile);
  const std::int64_t others = p.elements() / (p.size[across] * p.size[kLast]);
  const std::int64_t blocks = across_tiles * along_tiles * others;
  if (blocks >= Divisor::kLimit) return false;
  Tiles tiles = {.across = p.size[across],
                 .along = p.size[kLast],
                 .x_step = p.x_step[kLast],
                 .y_step = p.y_step[across],
                 .across_tiles = Divisor(across_tiles),
                 .along_tiles = Divisor(along_tiles),
                 .others = {}};
  for (std::size_t k = kLast; k-- > 0;) {
    if (k != across) tiles.others.add(p.size[k], p.x_step[k], p.y_step[k]);
  }
  with_word(element, [&]<class W>(W) {
    launch<copy_tiles<W>>(static_cast<unsigned>(blocks), dim3(kTile, kTileRows), 0, native(stream),
                          tiles, reinterpret_cast<const W*>(x), reinterpret_cast<W*>(y));
  });
  return true;
}

void copy(Stream stream, const StridedCopyProblem& p, ConstView x_view, View y_view) {
  check(x_view.dtype == y_view.dtype, "strided.copy: needs equal dtypes, got ", x_view.dtype,
        " and ", y_view.dtype);
  if (p.elements() == 0) return;
  const auto element = static_cast<std::int64_t>(size_of(y_view.dtype));
  const char* x = static_cast<const char*>(x_view.data) + p.x_offset * element;
  char* y = static_cast<char*>(y_view.data) + p.y_offset * element;
  if (!run_tiles(stream, p, element, x, y)) run_words(stream, p, element, x, y);
}

}  // namespace

void install_strided(Backend& b) { b.strided.copy = copy; }

}  // namespace tl::TL_DEVICE_NAMESPACE
