// The limits of products with AMX, of bytes and of pairs of bfloat16: a product of tiles has a
// result four products later, so six chains are enough.
#if defined(__x86_64__)
#include "engine/kernels/peak/peak.h"
#include "engine/kernels/tiles_amx.h"

namespace lode::engine {

namespace {

constexpr int kChains = 6;
constexpr int kX = 6;
constexpr int kW = 7;
constexpr std::int64_t kSums = kTileRowBytes / 4;
constexpr std::int64_t kElements = kTileRows * kSums;

struct Bytes {
  using Sum = std::int32_t;
  static constexpr std::int32_t kFactors = 0x01020304;

  template <int kChain>
  [[gnu::always_inline]] static void add() {
    add_products<kChain, kX, kW>();
  }
};

struct Bf16 {
  using Sum = float;
  static constexpr std::int32_t kFactors = 0x3F803F80;  // ones

  template <int kChain>
  [[gnu::always_inline]] static void add() {
    add_bf16_products<kChain, kX, kW>();
  }
};

/// Each chain begins at its number.
template <typename Kind, int kChain>
[[gnu::always_inline]] inline void begin_chain() {
  typename Kind::Sum start[kSums];
  for (auto& each : start) each = kChain;
  load_tile<kChain>(start, 0);
}

template <typename Kind, int kChain>
[[gnu::always_inline]] inline float end_of_chain() {
  typename Kind::Sum sums[kElements];
  store_tile<kChain>(sums, kTileRowBytes);
  return static_cast<float>(sums[0]);
}

template <typename Kind>
float multiply_add(std::int64_t rounds) {
  TileShapes shapes;
  for (int tile = 0; tile < 8; ++tile) shapes.set(tile, kTileRows, kTileRowBytes);
  configure_tiles(shapes);
  std::int32_t factors[kElements];
  for (std::int32_t& each : factors) each = Kind::kFactors;
  load_tile<kX>(factors, kTileRowBytes);
  load_tile<kW>(factors, kTileRowBytes);
  begin_chain<Kind, 0>();
  begin_chain<Kind, 1>();
  begin_chain<Kind, 2>();
  begin_chain<Kind, 3>();
  begin_chain<Kind, 4>();
  begin_chain<Kind, 5>();
  for (std::int64_t round = 0; round < rounds; ++round) {
    Kind::template add<0>();
    Kind::template add<1>();
    Kind::template add<2>();
    Kind::template add<3>();
    Kind::template add<4>();
    Kind::template add<5>();
  }
  const float result = end_of_chain<Kind, 0>() + end_of_chain<Kind, 1>() + end_of_chain<Kind, 2>() +
                       end_of_chain<Kind, 3>() + end_of_chain<Kind, 4>() + end_of_chain<Kind, 5>();
  release_tiles();
  return result;
}

}  // namespace

constexpr ProductPeakKernel avx512amx_u8_peak = {
    .name = "avx512amx_u8_peak",
    .isa = Isa::kAvx512Amx,
    .ops_per_round = 2 * kChains * kElements * kTileRowBytes,
    .multiply_add = multiply_add<Bytes>};
constexpr ProductPeakKernel avx512amx_f32_peak_bf16x3 = {
    .name = "avx512amx_f32_peak_bf16x3",
    .isa = Isa::kAvx512Amx,
    .ops_per_round = 2 * kChains * kElements * (kTileRowBytes / 2) / 3,
    .multiply_add = multiply_add<Bf16>};

}  // namespace lode::engine
#endif
