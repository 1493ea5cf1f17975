// Tiles of 16 rows x 4 vectors of 16 sums with tdpbusd, which adds the products of 64 bytes of a
// row at once. A panel of weights lies as the instruction wants it: 16 steps of a vector are a
// register.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qconv/qtile_simd.h"
#include "engine/kernels/tiles_amx.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kTileSteps = 16;
constexpr std::int64_t kStepBytes = 4;
constexpr int kMaxVectors = 4;

// The registers behind those of the sums. "Last": of the steps behind the last whole 16.
constexpr int kRows = 4;
constexpr int kWeights = 5;
constexpr int kLastRows = 6;
constexpr int kLastWeights = 7;

/// For `rows` rows of the panel.
void configure(const QPanelRun& run, std::int64_t rows) {
  const std::int64_t last = run.steps % kTileSteps;
  TileShapes shapes;
  for (int j = 0; j < run.vectors; ++j) shapes.set(j, rows, kTileRowBytes);
  shapes.set(kRows, rows, kTileRowBytes);
  shapes.set(kWeights, kTileSteps, kTileRowBytes);
  if (last > 0) {
    shapes.set(kLastRows, rows, last * kStepBytes);
    shapes.set(kLastWeights, last, kTileRowBytes);
  }
  configure_tiles(shapes);
}

/// One step of a tile: 16 rows from `x` on, whose bytes are kRows' and kWeights' registers wide.
template <int kVectors, int kX, int kW>
[[gnu::always_inline]] inline void multiply_tile(const std::uint8_t* x, std::int64_t row_pitch,
                                                 const std::int32_t* w) {
  load_tile<kX>(x, row_pitch);
  for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
    load_tile<kW>(w + j * I32x16::kLanes, kVectors * kTileRowBytes);
    add_products<j, kX, kW>();
  });
}

/// Sums of the tile whose rows begin at `row`, in registers 0 to kVectors - 1.
template <int kVectors>
[[gnu::always_inline]] inline void sum_up_tile(const QPanelRun& run, std::int64_t row,
                                               std::int64_t row_pitch) {
  for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
    load_tile<j>(run.start + j * I32x16::kLanes, 0);
  });
  const std::uint8_t* x = run.rows[row] + run.first;
  const std::int32_t* w = run.weights;
  std::int64_t k = 0;
  for (; k + kTileSteps <= run.steps; k += kTileSteps) {
    multiply_tile<kVectors, kRows, kWeights>(x, row_pitch, w);
    x += kTileSteps * kStepBytes;
    w += kTileSteps * kVectors * I32x16::kLanes;
  }
  if (k < run.steps) multiply_tile<kVectors, kLastRows, kLastWeights>(x, row_pitch, w);
}

/// Sums in memory to outputs.
template <int kVectors>
void finish_tile(const QPanelRun& run, std::int64_t row, std::int64_t count,
                 const std::int32_t* sums) {
  constexpr std::int64_t kWidth = kVectors * I32x16::kLanes;
  if (!run.is_plain) return finish_rows<I32x16>(run, row, count, sums, kWidth);
  for (std::int64_t i = 0; i < count; ++i, sums += kWidth) {
    I32x16 of_row[1][kVectors];
    for (int j = 0; j < kVectors; ++j) of_row[0][j] = I32x16::load(sums + j * I32x16::kLanes);
    store_bytes_of<I32x16, 1, kVectors>(run, row + i, of_row);
  }
}

/// Tile after tile. The outputs of a tile are made while the next one's sums are under way: the two
/// need different parts of the processor.
template <int kVectors>
[[gnu::noinline]] void run_rows(const QPanelRun& run) {
  constexpr std::int64_t kWidth = kVectors * I32x16::kLanes;
  alignas(64) std::int32_t stored[2][kTileRows * kWidth];
  const std::int64_t row_pitch = run.row_count > 1 ? run.rows[1] - run.rows[0] : kTileRowBytes;
  std::int64_t rows = smaller(kTileRows, run.row_count);
  configure(run, rows);
  int at = 0;
  for (std::int64_t row = 0; row < run.row_count; row += kTileRows, at = 1 - at) {
    if (run.row_count - row < rows) {
      rows = run.row_count - row;
      configure(run, rows);
    }
    sum_up_tile<kVectors>(run, row, row_pitch);
    if (row > 0) finish_tile<kVectors>(run, row - kTileRows, kTileRows, stored[1 - at]);
    for_each_index<kVectors>([&](auto j) __attribute__((always_inline)) {
      store_tile<j>(stored[at] + j * I32x16::kLanes, kVectors * kTileRowBytes);
    });
  }
  release_tiles();
  finish_tile<kVectors>(run, (run.row_count - 1) / kTileRows * kTileRows, rows, stored[1 - at]);
}

void run_panel(const QPanelRun& run) {
  switch (run.vectors) {
    case 1:
      return run_rows<1>(run);
    case 2:
      return run_rows<2>(run);
    case 3:
      return run_rows<3>(run);
    default:
      return run_rows<kMaxVectors>(run);
  }
}

void sum_rows(const QSumRun& run) {
  avx512vnni_qtiles.sum_rows(run);
}

}  // namespace

constinit const QTileSet avx512amx_qtiles = {
    .lanes = I32x16::kLanes,
    .max_vectors = kMaxVectors,
    .needs_even_rows = true,
    .tile_rows = {kTileRows, kTileRows, kTileRows, kTileRows},
    // Processors with AMX have second-level caches of 2 MiB.
    .block_bytes = 1 << 19,
    .run_panel = run_panel,
    .sum_rows = sum_rows};

}  // namespace lode::engine

#endif
