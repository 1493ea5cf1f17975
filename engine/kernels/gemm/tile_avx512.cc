// AVX-512 register tiles: 8 rows x up to 3 vectors of 16 floats, or 6 rows x 4 vectors.
#if defined(__x86_64__)

#include "engine/kernels/gemm/tile_simd.h"
#include "engine/kernels/simd_avx512.h"

namespace lode::engine {
namespace {

void run_panel(const PanelRun& run) {
  const bool has_half_tail = run.columns <= run.vectors * 16 - 8;
  switch (run.vectors) {
    case 1:
      return has_half_tail ? run_rows<F32x16, 8, 1, true>(run) : run_rows<F32x16, 8, 1>(run);
    case 2:
      return has_half_tail ? run_rows<F32x16, 8, 2, true>(run) : run_rows<F32x16, 8, 2>(run);
    case 3:
      return has_half_tail ? run_rows<F32x16, 8, 3, true>(run) : run_rows<F32x16, 8, 3>(run);
    default:
      return has_half_tail ? run_rows<F32x16, 6, 4, true>(run) : run_rows<F32x16, 6, 4>(run);
  }
}

void run_stem(const StemRun& run) {
  switch (run.vectors) {
    case 1:
      return run_stem_rows<F32x16, 14, 1>(run);
    case 2:
      return run_stem_rows<F32x16, 14, 2>(run);
    case 3:
      return run_stem_rows<F32x16, 8, 3>(run);
    default:
      return run_stem_rows<F32x16, 6, 4>(run);
  }
}

}  // namespace

const TileSet avx512_tiles = {.lanes = 16,
                              .max_vectors = 4,
                              .pairs_halves = true,
                              .tile_rows = {8, 8, 8, 6},
                              .run_panel = run_panel,
                              .run_stem = run_stem,
                              .scale_rows = scale_rows<F32x16>,
                              .scale_panel = scale_panel<F32x16>};

}  // namespace lode::engine

#endif
