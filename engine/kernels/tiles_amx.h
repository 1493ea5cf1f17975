// The tile registers of AMX, by number. For *_avx512amx.cc files only, inside their
// #if defined(__x86_64__). Assembly where the compiler has intrinsics: those take a number only as
// a literal, and do not say that they read memory. Everything is inlined by force.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lode::engine {

/// Rows of a tile register, and bytes of each of its rows, at most.
inline constexpr std::int64_t kTileRows = 16;
inline constexpr std::int64_t kTileRowBytes = 64;

/// The extents of the registers, as ldtilecfg reads them.
struct TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  [[gnu::always_inline]] void set(int tile, std::int64_t row_count, std::int64_t bytes) {
    rows[tile] = static_cast<std::uint8_t>(row_count);
    row_bytes[tile] = static_cast<std::uint16_t>(bytes);
  }
};
static_assert(sizeof(TileShapes) == 64);

/// Sets all registers to zero. To be undone with release_tiles(): what the registers hold is saved
/// at every switch of threads as long as they are in use.
[[gnu::always_inline]] inline void configure_tiles(const TileShapes& shapes) {
  __asm__ volatile("ldtilecfg %0" : : "m"(shapes) : "memory");
}
[[gnu::always_inline]] inline void release_tiles() {
  __asm__ volatile("tilerelease" : : : "memory");
}

/// Calls visit with 0, 1, ... kCount - 1, each a type, as numbers of registers have to be.
template <int kCount, typename Visit>
[[gnu::always_inline]] inline void for_each_index(const Visit& visit) {
  if constexpr (kCount > 1) for_each_index<kCount - 1>(visit);
  visit(std::integral_constant<int, kCount - 1>());
}

/// Rows `pitch` bytes apart.
template <int kTile>
[[gnu::always_inline]] inline void load_tile(const void* from, std::int64_t pitch) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2"
                   :
                   : "r"(from), "r"(pitch), "i"(kTile)
                   : "memory");
}
template <int kTile>
[[gnu::always_inline]] inline void store_tile(void* to, std::int64_t pitch) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(pitch), "i"(kTile) : "memory");
}

/// sums + x times w: row i of x holds unsigned bytes, row k of w four signed ones a column; bytes
/// 4 k to 4 k + 3 of a row meet those of row k.
template <int kSums, int kX, int kW>
[[gnu::always_inline]] inline void add_products() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kX), "i"(kW));
}
/// The same for bfloat16, two of a row meeting two of a column, in float: the products of the even
/// elements of the row are summed up, and those of the odd ones, then the two, then that is added
/// to the sum. Each result is rounded to the nearest even; what is below the normal range counts
/// as zero.
template <int kSums, int kX, int kW>
[[gnu::always_inline]] inline void add_bf16_products() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kX), "i"(kW));
}

}  // namespace lode::engine
