// Register tiles with vpdpbusd: 6 rows x 4 vectors of 16 sums, 8 x 3, 8 x 2 or 12 x 1.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qconv/qtile_simd.h"

namespace lode::engine {
namespace {

struct DotBytes {
  using Sums = I32x16;

  [[gnu::always_inline]] static void add(Sums& sums, Sums x, Sums w) {
    sums.lanes = _mm512_dpbusd_epi32(sums.lanes, x.lanes, w.lanes);
  }
  [[nodiscard, gnu::always_inline]] static Sums sum_elements(Sums sums, const void* x) {
    return {_mm512_dpbusd_epi32(sums.lanes, _mm512_loadu_si512(x), _mm512_set1_epi8(1))};
  }
};

void run_panel(const QPanelRun& run) {
  switch (run.vectors) {
    case 1:
      return run_qrows<DotBytes, 12, 1>(run);
    case 2:
      return run_qrows<DotBytes, 8, 2>(run);
    case 3:
      return run_qrows<DotBytes, 8, 3>(run);
    default:
      return run_qrows<DotBytes, 6, 4>(run);
  }
}

}  // namespace

constinit const QTileSet avx512vnni_qtiles = {.lanes = 16,
                                              .max_vectors = 4,
                                              .tile_rows = {12, 8, 8, 6},
                                              .run_panel = run_panel,
                                              .sum_rows = sum_rows<DotBytes>};

}  // namespace lode::engine

#endif
