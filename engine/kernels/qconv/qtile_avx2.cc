// Register tiles of 6 rows x 2 vectors of 8 sums, or 10 x 1. Words multiply exactly; bytes do where
// weights of seven bits keep a pair of products below 2^15.
#if defined(__x86_64__)

#include "engine/kernels/int_avx2.h"
//
#include "engine/kernels/qconv/qtile_simd.h"

namespace lode::engine {
namespace {

struct DotWords {
  using Sums = I32x8;

  [[gnu::always_inline]] static void add(Sums& sums, Sums x, Sums w) {
    sums.lanes = _mm256_add_epi32(sums.lanes, _mm256_madd_epi16(x.lanes, w.lanes));
  }
  [[nodiscard, gnu::always_inline]] static Sums sum_elements(Sums sums, const void* x) {
    add(sums, Sums::load(x), {_mm256_set1_epi16(1)});
    return sums;
  }
};

struct DotSevenBits {
  using Sums = I32x8;

  [[gnu::always_inline]] static void add(Sums& sums, Sums x, Sums w) {
    const __m256i pairs = _mm256_maddubs_epi16(x.lanes, w.lanes);
    sums.lanes = _mm256_add_epi32(sums.lanes, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  [[nodiscard, gnu::always_inline]] static Sums sum_elements(Sums sums, const void* x) {
    add(sums, Sums::load(x), {_mm256_set1_epi8(1)});
    return sums;
  }
};

template <typename Dot, int kRows>
void run_panel(const QPanelRun& run) {
  if (run.vectors == 1) return run_qrows<Dot, 10, 1>(run);
  run_qrows<Dot, kRows, 2>(run);
}

}  // namespace

constinit const QTileSet avx2_qtiles = {.lanes = 8,
                                        .max_vectors = 2,
                                        .widens = true,
                                        .tile_rows = {10, 6},
                                        .run_panel = run_panel<DotWords, 6>,
                                        .sum_rows = sum_rows<DotWords>};

constinit const QTileSet avx2_qtiles_7bit = {.lanes = 8,
                                             .max_vectors = 2,
                                             .tile_rows = {10, 6},
                                             .run_panel = run_panel<DotSevenBits, 6>,
                                             .sum_rows = sum_rows<DotSevenBits>};

}  // namespace lode::engine

#endif
