#include "kernels/cpu/amx.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TL_WITH_AMX
#endif

namespace tl::cpu::amx {
namespace {
bool on = false;
}

bool is_on() { return on; }
void set_on(bool to) { on = to; }

#ifdef TL_WITH_AMX
namespace {

bool processor_has_it() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;  // leaf 7, edx
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  return (edx & kBf16) && (edx & kTile);
}

/// Tiles are 8 KB more that the system saves for a thread: Linux wants to be asked once.
bool system_allows_it() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // asm/prctl.h
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kConfig;

constexpr std::int64_t kTile = kPieceNumbers / 2;  // numbers of one tile
constexpr std::size_t kRowBytes = 64;
constexpr int kHigh = 0, kMiddle = 1, kLow = 2;

}  // namespace

// Tile registers: sums 0 to 3, of A 4 and 5, of B 6 and 7. Their numbers are parts of instructions.
#define TL_AMX __attribute__((target("amx-tile,amx-bf16")))
#define TL_LOAD_A(piece)                                \
  _tile_loadd(4, a + (piece)*kPieceNumbers, kRowBytes); \
  if constexpr (kTwo) _tile_loadd(5, a + (piece)*kPieceNumbers + kTile, kRowBytes)
#define TL_LOAD_B(piece)                                \
  _tile_loadd(6, b + (piece)*kPieceNumbers, kRowBytes); \
  _tile_loadd(7, b + (piece)*kPieceNumbers + kTile, kRowBytes)
#define TL_MULTIPLY()                          \
  _tile_dpbf16ps(0, 4, 6);                     \
  _tile_dpbf16ps(1, 4, 7);                     \
  if constexpr (kTwo) _tile_dpbf16ps(2, 5, 6); \
  if constexpr (kTwo) _tile_dpbf16ps(3, 5, 7)

namespace {

TL_AMX void configure() { _tile_loadconfig(&kConfig); }
TL_AMX void release() { _tile_release(); }

inline void fetch(Soon& soon) {
  constexpr std::int64_t kLineFloats = 16;
  for (std::int64_t i = 0; i < soon.lines; ++i) {
    const float* row = soon.base + (soon.offsets ? *soon.offsets : 0);
    __builtin_prefetch(row + soon.taken * kLineFloats, 0, 2);
    if (++soon.taken < soon.row_lines) continue;
    soon.taken = 0;
    soon.base += soon.step;
    if (soon.offsets) ++soon.offsets;
    if (--soon.rows == 0) soon.lines = 0;
  }
}

inline void go_on_with(Meanwhile& meanwhile) {
  for (Soon& soon : meanwhile.soon) fetch(soon);
  if (meanwhile.work) meanwhile.work(meanwhile);
}

/// kTwo: 32 rows instead of 16. The order of the products changes one factor at a time.
template <bool kTwo>
TL_AMX void multiply_rows(const std::uint16_t* a, const std::uint16_t* b, std::int64_t blocks,
                          bool from_zero, float* c, Meanwhile& meanwhile) {
  constexpr std::size_t kStepBytes = kBlock * sizeof(float);
  constexpr std::int64_t kLower = 16 * kBlock;
  if (from_zero) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, c, kStepBytes);
    _tile_loadd(1, c + 16, kStepBytes);
    if constexpr (kTwo) _tile_loadd(2, c + kLower, kStepBytes);
    if constexpr (kTwo) _tile_loadd(3, c + kLower + 16, kStepBytes);
  }
  for (std::int64_t block = 0; block < blocks; ++block) {
    TL_LOAD_A(kHigh);
    TL_LOAD_B(kLow);
    TL_MULTIPLY();
    go_on_with(meanwhile);
    TL_LOAD_B(kMiddle);
    TL_MULTIPLY();
    go_on_with(meanwhile);
    TL_LOAD_A(kMiddle);
    TL_MULTIPLY();
    go_on_with(meanwhile);
    TL_LOAD_B(kHigh);
    TL_MULTIPLY();
    go_on_with(meanwhile);
    TL_LOAD_A(kLow);
    TL_MULTIPLY();
    go_on_with(meanwhile);
    TL_LOAD_A(kHigh);
    TL_MULTIPLY();
    go_on_with(meanwhile);
    a += kBlockNumbers;
    b += kBlockNumbers;
  }
  _tile_stored(0, c, kStepBytes);
  _tile_stored(1, c + 16, kStepBytes);
  if constexpr (kTwo) _tile_stored(2, c + kLower, kStepBytes);
  if constexpr (kTwo) _tile_stored(3, c + kLower + 16, kStepBytes);
}

}  // namespace

bool is_available() {
  static const bool available = processor_has_it() && system_allows_it();
  return available;
}

Tiles::Tiles() { configure(); }
Tiles::~Tiles() { release(); }

void multiply(std::int64_t rows, const std::uint16_t* a, const std::uint16_t* b,
              std::int64_t blocks, bool from_zero, float* c, Meanwhile& meanwhile) {
  rows > 16 ? multiply_rows<true>(a, b, blocks, from_zero, c, meanwhile)
            : multiply_rows<false>(a, b, blocks, from_zero, c, meanwhile);
}

#else

bool is_available() { return false; }
Tiles::Tiles() = default;
Tiles::~Tiles() = default;
void multiply(std::int64_t, const std::uint16_t*, const std::uint16_t*, std::int64_t, bool, float*,
              Meanwhile&) {}

#endif

}  // namespace tl::cpu::amx
