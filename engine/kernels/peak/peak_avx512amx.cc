// The limit of products of bytes with AMX: a product of tiles has a result four products later, so
// six chains are enough.
#if defined(__x86_64__)
#include "engine/kernels/peak/peak.h"
#include "engine/kernels/tiles_amx.h"

namespace lode::engine {

namespace {

constexpr int kChains = 6;
constexpr int kX = 6;
constexpr int kW = 7;
constexpr std::int64_t kElements = kTileRows * kTileRowBytes / 4;

/// Each chain begins at its number.
template <int kChain>
[[gnu::always_inline]] inline void begin_chain() {
  std::int32_t start[kTileRowBytes / 4];
  for (std::int32_t& each : start) each = kChain;
  load_tile<kChain>(start, 0);
}

template <int kChain>
[[gnu::always_inline]] inline std::int32_t end_of_chain() {
  std::int32_t sums[kElements];
  store_tile<kChain>(sums, kTileRowBytes);
  return sums[0];
}

float multiply_add(std::int64_t rounds) {
  TileShapes shapes;
  for (int tile = 0; tile < 8; ++tile) shapes.set(tile, kTileRows, kTileRowBytes);
  configure_tiles(shapes);
  std::int32_t bytes[kElements];
  for (std::int32_t& each : bytes) each = 0x01020304;
  load_tile<kX>(bytes, kTileRowBytes);
  load_tile<kW>(bytes, kTileRowBytes);
  begin_chain<0>();
  begin_chain<1>();
  begin_chain<2>();
  begin_chain<3>();
  begin_chain<4>();
  begin_chain<5>();
  for (std::int64_t round = 0; round < rounds; ++round) {
    add_products<0, kX, kW>();
    add_products<1, kX, kW>();
    add_products<2, kX, kW>();
    add_products<3, kX, kW>();
    add_products<4, kX, kW>();
    add_products<5, kX, kW>();
  }
  const std::int32_t result = end_of_chain<0>() ^ end_of_chain<1>() ^ end_of_chain<2>() ^
                              end_of_chain<3>() ^ end_of_chain<4>() ^ end_of_chain<5>();
  release_tiles();
  return static_cast<float>(result);
}

}  // namespace

constexpr BytePeakKernel avx512amx_u8_peak = {
    .name = "avx512amx_u8_peak",
    .isa = Isa::kAvx512Amx,
    .ops_per_round = 2 * kChains * kElements * kTileRowBytes,
    .multiply_add = multiply_add};

}  // namespace lode::engine
#endif
