// AVX2 register tiles: 6 rows x 2 vectors of 8 floats, or 4 rows x 3 vectors.
#if defined(__x86_64__)

#include "engine/kernels/gemm/tile_simd.h"
#include "engine/kernels/simd_avx2.h"

namespace lode::engine {
namespace {

void run_panel(const PanelRun& run) {
  switch (run.vectors) {
    case 1:
      return run_rows<F32x8, 6, 1>(run);
    case 2:
      return run_rows<F32x8, 6, 2>(run);
    default:
      return run_rows<F32x8, 4, 3>(run);
  }
}

void run_stem(const StemRun& run) {
  switch (run.vectors) {
    case 1:
      return run_stem_rows<F32x8, 8, 1>(run);
    case 2:
      return run_stem_rows<F32x8, 6, 2>(run);
    default:
      return run_stem_rows<F32x8, 4, 3>(run);
  }
}

}  // namespace

const TileSet avx2_tiles = {.lanes = 8,
                            .max_vectors = 3,
                            .tile_rows = {6, 6, 4},
                            .run_panel = run_panel,
                            .run_stem = run_stem,
                            .scale_rows = scale_rows<F32x8>,
                            .scale_panel = scale_panel<F32x8>};

}  // namespace lode::engine

#endif
