// Tiles of 32 rows x 2 vectors of 16 sums with tdpbf16ps: for each step eight registers are loaded
// for twelve products.
#if defined(__x86_64__)

#include "engine/kernels/conv/bf16_tile.h"
#include "engine/kernels/gemm/tile_simd.h"
#include "engine/kernels/simd_avx512.h"
#include "engine/kernels/tiles_amx.h"

namespace lode::engine {
namespace {

static_assert(kBf16Step * 2 == kTileRowBytes);

constexpr std::int64_t kLanes = F32x16::kLanes;
static_assert(kLanes == kBf16Lanes);
constexpr int kMaxVectors = 2;
constexpr int kMaxRowTiles = 2;
/// Rows of the product that are worked on at once.
constexpr std::int64_t kTurnRows = kMaxRowTiles * kTileRows;
/// Elements of a register of weights: highs or lows.
constexpr std::int64_t kHalfTile = kBf16TileElements / 2;

// The registers behind those of the sums.
constexpr int kRows = 4;
constexpr int kWeights = 6;

// ---- floats to pairs

struct Pair {
  __m512i high;
  __m512i low;
};

/// Sixteen floats x, as high and low in the upper words of dwords; other bits of `low` are noise.
/// Half a unit is added to the high before bits are cut off: the nearest, ties away from zero. The
/// low is cut off: as it has either sign, that does not pull results to one side, and a NaN stays
/// one.
[[gnu::always_inline]] inline Pair pair_of(__m512 x) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  const __m512i half_unit = _mm512_set1_epi32(0x8000);
  const __m512i high = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half_unit), upper);
  return {high, _mm512_castps_si512(_mm512_sub_ps(x, _mm512_castsi512_ps(high)))};
}

/// The upper words of a's dwords below those of b's.
[[gnu::always_inline]] inline __m512i join_upper_words(__m512i a, __m512i b) {
  return _mm512_mask_blend_epi16(0xAAAAAAAA, _mm512_srli_epi32(a, 16), b);
}

/// A step: its first and its last sixteen channels; the lows go `low` elements further.
[[gnu::always_inline]] inline void store_step(__m512 a, __m512 b, std::uint16_t* to,
                                              std::int64_t low) {
  const Pair first = pair_of(a);
  const Pair second = pair_of(b);
  _mm512_storeu_si512(to, join_upper_words(first.high, second.high));
  _mm512_storeu_si512(to + low, join_upper_words(first.low, second.low));
}

enum class Prologue : std::uint8_t { kNone, kScale, kAffineRelu };

template <Prologue kPrologue>
[[gnu::always_inline]] inline __m512 load_channels(const Bf16Split& run, const float* x,
                                                   std::int64_t c, __mmask16 valid) {
  const F32x16 value = F32x16::load(x + c, valid);
  if constexpr (kPrologue == Prologue::kNone) return value.lanes;
  const F32x16 scale = F32x16::load(run.scale + c, valid);
  if constexpr (kPrologue == Prologue::kScale) return multiply(value, scale).lanes;
  return at_least(multiply_add(value, scale, F32x16::load(run.shift + c, valid)), F32x16::zero())
      .lanes;
}

template <Prologue kPrologue>
[[gnu::noinline]] void split_pixels(const Bf16Split& run) {
  const std::int64_t whole = run.channels / kBf16Step * kBf16Step;
  const std::int64_t left = run.channels - whole;
  const __mmask16 all = F32x16::first(kLanes);
  const __mmask16 first_half = F32x16::first(smaller(left, kLanes));
  const __mmask16 second_half = F32x16::first(left < kLanes ? 0 : left - kLanes);
  const float* x = run.x;
  std::uint16_t* pairs = run.pairs;
  for (std::int64_t i = 0; i < run.pixels; ++i, x += run.x_step, pairs += run.pitch) {
    for (std::int64_t c = 0; c < whole; c += kBf16Step) {
      store_step(load_channels<kPrologue>(run, x, c, all),
                 load_channels<kPrologue>(run, x, c + kLanes, all), pairs + c, run.low);
    }
    if (left == 0) continue;
    store_step(load_channels<kPrologue>(run, x, whole, first_half),
               load_channels<kPrologue>(run, x, whole + kLanes, second_half), pairs + whole,
               run.low);
  }
}

void split(const Bf16Split& run) {
  if (run.scale == nullptr) return split_pixels<Prologue::kNone>(run);
  if (run.shift == nullptr) return split_pixels<Prologue::kScale>(run);
  split_pixels<Prologue::kAffineRelu>(run);
}

constexpr std::int64_t kPairs = kBf16Step / 2;

/// The low to the nearest instead, ties to even; a NaN stays as it is.
[[gnu::always_inline]] inline __m512i nearest_upper(__m512i low) {
  const __m512 x = _mm512_castsi512_ps(low);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(low, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(low, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  return _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), low);
}

void pack(const Bf16Pack& run) {
  const float* from = run.weights;
  std::uint16_t* to = run.packed;
  if (run.half) {
    for (std::int64_t c = 0; c < kBf16Step; ++c, from += kLanes, to += kLanes) {
      const __m256i halves = _mm512_cvtps_ph(F32x16::load(from).lanes, _MM_FROUND_TO_NEAREST_INT);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves);
    }
    return;
  }
  for (std::int64_t pair = 0; pair < kPairs; ++pair, from += kLanes, to += kBf16Step) {
    const Pair first = pair_of(F32x16::load(from).lanes);
    const Pair second = pair_of(F32x16::load(from + kPairs * kLanes).lanes);
    _mm512_storeu_si512(to, join_upper_words(first.high, second.high));
    _mm512_storeu_si512(to + kHalfTile,
                        join_upper_words(nearest_upper(first.low), nearest_upper(second.low)));
  }
}

void widen_panel(const Bf16Widen& run) {
  const std::uint16_t* from = run.halves;
  std::uint16_t* to = run.weights;
  for (std::int64_t tile = 0; tile < run.steps * run.vectors; ++tile) {
    for (std::int64_t pair = 0; pair < kPairs; ++pair, from += kLanes, to += kBf16Step) {
      store_step(F32x16::load(from).lanes, F32x16::load(from + kPairs * kLanes).lanes, to,
                 kHalfTile);
    }
    from += kPairs * kLanes;
    to += kHalfTile;
  }
}

// ---- products

/// Registers for `rows` rows, in as many tiles as they need.
template <int kVectors>
[[gnu::always_inline]] inline void configure(std::int64_t rows) {
  TileShapes shapes;
  for (int i = 0; i < kMaxRowTiles; ++i) {
    const std::int64_t own = smaller(kTileRows, rows - i * kTileRows);
    if (own <= 0) break;
    for (int j = 0; j < kVectors; ++j) shapes.set(i * kVectors + j, own, kTileRowBytes);
    shapes.set(kRows + i, own, kTileRowBytes);
  }
  for (int j = 0; j < kVectors; ++j) shapes.set(kWeights + j, kBf16Step / 2, kTileRowBytes);
  configure_tiles(shapes);
}

/// The place of register (i, j) of the sums in memory, [rows][kVectors][16].
template <int kVectors>
[[gnu::always_inline]] inline std::int64_t sums_at(int i, int j) {
  return (i * kTileRows * kVectors + j) * kLanes;
}

/// Highs of the rows meet the lows of the weights last, so that either is loaded once.
template <int kRowTiles, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const std::uint16_t* x, const Bf16PanelRun& run,
                                                 const std::uint16_t* w) {
  const std::int64_t pitch = run.pitch * static_cast<std::int64_t>(sizeof(std::uint16_t));
  const std::int64_t next_tile = run.pitch * kTileRows;
  for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
    load_tile<kWeights + j>(w + j * kBf16TileElements, kTileRowBytes);
  });
  for_each_index<kRowTiles>([&](auto i) __attribute__((always_inline)) {
    load_tile<kRows + i>(x + i * next_tile + run.low, pitch);
    for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
      add_bf16_products<i * kVectors + j, kRows + i, kWeights + j>();
    });
  });
  for_each_index<kRowTiles>([&](auto i) __attribute__((always_inline)) {
    load_tile<kRows + i>(x + i * next_tile, pitch);
    for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
      add_bf16_products<i * kVectors + j, kRows + i, kWeights + j>();
    });
  });
  for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
    load_tile<kWeights + j>(w + j * kBf16TileElements + kHalfTile, kTileRowBytes);
    for_each_index<kRowTiles>([&](auto i) __attribute__((always_inline)) {
      add_bf16_products<i * kVectors + j, kRows + i, kWeights + j>();
    });
  });
}

template <int kRowTiles, int kVectors>
[[gnu::always_inline]] inline void sum_up(const Bf16PanelRun& run, std::int64_t row,
                                          const float* begun) {
  for_each_index<kRowTiles>([&](auto i) __attribute__((always_inline)) {
    for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
      if (run.bias != nullptr) {
        load_tile<i * kVectors + j>(run.bias + j * kLanes, 0);
      } else {
        load_tile<i * kVectors + j>(begun + sums_at<kVectors>(i, j), kVectors * kTileRowBytes);
      }
    });
  });
  const std::uint16_t* x = run.pairs + row * run.pitch;
  const std::uint16_t* w = run.weights;
  for (std::int64_t step = 0; step < run.steps; ++step) {
    multiply_step<kRowTiles, kVectors>(x + run.offsets[step], run, w);
    w += kVectors * kBf16TileElements;
  }
}

template <int kRowTiles, int kVectors>
[[gnu::always_inline]] inline void store_sums(float* sums) {
  for_each_index<kRowTiles>([&](auto i) __attribute__((always_inline)) {
    for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
      store_tile<i * kVectors + j>(sums + sums_at<kVectors>(i, j), kVectors * kTileRowBytes);
    });
  });
}

// ---- sums and outputs

/// Calls visit(first, pixel, count) for the parts of spans in rows [row, row + kTurnRows): `first`
/// counts from `row`. Rows ascend from call to call; `cursor` is the first span that is not over.
template <typename Visit>
[[gnu::always_inline]] inline void for_each_part(const Bf16PanelRun& run, std::int64_t row,
                                                 std::int64_t& cursor, const Visit& visit) {
  for (std::int64_t i = cursor; i < run.span_count && run.spans[i].row < row + kTurnRows; ++i) {
    const Bf16Span& span = run.spans[i];
    const std::int64_t begin = span.row > row ? span.row : row;
    const std::int64_t end = smaller(span.row + span.count, row + kTurnRows);
    if (end == span.row + span.count) cursor = i + 1;
    visit(begin - row, span.pixel + begin - span.row, end - begin);
  }
}

/// What the sums of a slice behind the first go on from.
template <int kVectors>
[[gnu::always_inline]] inline void load_sums(const Bf16PanelRun& run, std::int64_t row,
                                             std::int64_t& cursor, float* sums) {
  constexpr std::int64_t kLast = (kVectors - 1) * kLanes;
  const __mmask16 tail = F32x16::first(run.columns - kLast);
  for_each_part(
      run, row, cursor,
      [&](std::int64_t first, std::int64_t pixel, std::int64_t count)
          __attribute__((always_inline)) {
            const float* y = run.y + pixel * run.y_stride;
            float* to = sums + first * kVectors * kLanes;
            for (std::int64_t i = 0; i < count; ++i, y += run.y_stride, to += kVectors * kLanes) {
              for (int j = 0; j + 1 < kVectors; ++j)
                F32x16::load(y + j * kLanes).store(to + j * kLanes);
              F32x16::load(y + kLast, tail).store(to + kLast);
            }
          });
}

/// Sums in memory to the outputs of kCount pixels.
template <int kCount, int kVectors>
[[gnu::always_inline]] inline void finish_pixels(const Bf16PanelRun& run, std::int64_t pixel,
                                                 const float* sums) {
  F32x16 some[kCount][kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j, sums += kLanes) some[i][j] = F32x16::load(sums);
  }
  const float* residual = run.residual;
  finish<F32x16, kCount, kVectors>(
      {.residual = residual == nullptr ? nullptr : residual + pixel * run.residual_stride,
       .residual_stride = run.residual_stride,
       .y = run.y + pixel * run.y_stride,
       .y_stride = run.y_stride,
       .columns = run.columns},
      run.activation, some);
}

template <int kVectors>
[[gnu::always_inline]] inline void finish_rows(const Bf16PanelRun& run, std::int64_t row,
                                               std::int64_t& cursor, const float* sums) {
  constexpr int kTogether = 4;
  for_each_part(
      run, row, cursor,
      [&](std::int64_t first, std::int64_t pixel, std::int64_t count)
          __attribute__((always_inline)) {
            const float* from = sums + first * kVectors * kLanes;
            const std::int64_t end = pixel + count;
            for (; pixel + kTogether <= end;
                 pixel += kTogether, from += kTogether * kVectors * kLanes) {
              finish_pixels<kTogether, kVectors>(run, pixel, from);
            }
            for (; pixel < end; ++pixel, from += kVectors * kLanes) {
              finish_pixels<1, kVectors>(run, pixel, from);
            }
          });
}

/// Tile after tile. The outputs of a tile are made while the next one's sums are under way: the two
/// need different parts of the processor.
template <int kVectors>
[[gnu::noinline]] void run_rows(const Bf16PanelRun& run) {
  alignas(64) float sums[2][kTurnRows * kVectors * kLanes];
  std::int64_t rows = smaller(kTurnRows, run.row_count);
  configure<kVectors>(rows);
  std::int64_t loaded = 0;
  std::int64_t finished = 0;
  int at = 0;
  for (std::int64_t row = 0; row < run.row_count; row += kTurnRows, at = 1 - at) {
    if (run.row_count - row < rows) {
      rows = run.row_count - row;
      configure<kVectors>(rows);
    }
    if (run.bias == nullptr) load_sums<kVectors>(run, row, loaded, sums[at]);
    const bool both = rows > kTileRows;
    if (both) {
      sum_up<kMaxRowTiles, kVectors>(run, row, sums[at]);
    } else {
      sum_up<1, kVectors>(run, row, sums[at]);
    }
    if (row > 0) finish_rows<kVectors>(run, row - kTurnRows, finished, sums[1 - at]);
    if (both) {
      store_sums<kMaxRowTiles, kVectors>(sums[at]);
    } else {
      store_sums<1, kVectors>(sums[at]);
    }
  }
  release_tiles();
  finish_rows<kVectors>(run, (run.row_count - 1) / kTurnRows * kTurnRows, finished, sums[1 - at]);
}

void run_panel(const Bf16PanelRun& run) {
  if (run.vectors == 1) return run_rows<1>(run);
  run_rows<kMaxVectors>(run);
}

}  // namespace

constinit const Bf16Tiles avx512amx_bf16_tiles = {.max_vectors = kMaxVectors,
                                                  .tile_rows = kTurnRows,
                                                  .split = split,
                                                  .pack = pack,
                                                  .widen_panel = widen_panel,
                                                  .run_panel = run_panel};

}  // namespace lode::engine

#endif
