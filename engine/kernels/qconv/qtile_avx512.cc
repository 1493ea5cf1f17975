// Register tiles without VNNI: 6 rows x 4 vectors of 16 sums, 8 x 3, 8 x 2 or 12 x 1. Words
// multiply exactly; bytes do where weights of seven bits keep a pair of products below 2^15.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qconv/qtile_simd.h"

namespace lode::engine {
namespace {

struct DotWords {
  using Sums = I32x16;

  [[gnu::always_inline]] static void add(Sums& sums, Sums x, Sums w) {
    sums.lanes = _mm512_add_epi32(sums.lanes, _mm512_madd_epi16(x.lanes, w.lanes));
  }
  [[nodiscard, gnu::always_inline]] static Sums sum_elements(Sums sums, const void* x) {
    add(sums, Sums::load(x), {_mm512_set1_epi16(1)});
    return sums;
  }
};

struct DotSevenBits {
  using Sums = I32x16;

  [[gnu::always_inline]] static void add(Sums& sums, Sums x, Sums w) {
    const __m512i pairs = _mm512_maddubs_epi16(x.lanes, w.lanes);
    sums.lanes = _mm512_add_epi32(sums.lanes, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
  [[nodiscard, gnu::always_inline]] static Sums sum_elements(Sums sums, const void* x) {
    add(sums, Sums::load(x), {_mm512_set1_epi8(1)});
    return sums;
  }
};

template <typename Dot>
void run_panel(const QPanelRun& run) {
  switch (run.vectors) {
    case 1:
      return run_qrows<Dot, 12, 1>(run);
    case 2:
      return run_qrows<Dot, 8, 2>(run);
    case 3:
      return run_qrows<Dot, 8, 3>(run);
    default:
      return run_qrows<Dot, 6, 4>(run);
  }
}

}  // namespace

constinit const QTileSet avx512_qtiles = {.lanes = 16,
                                          .max_vectors = 4,
                                          .widens = true,
                                          .tile_rows = {12, 8, 8, 6},
                                          .run_panel = run_panel<DotWords>,
                                          .sum_rows = sum_rows<DotWords>};

constinit const QTileSet avx512_qtiles_7bit = {.lanes = 16,
                                               .max_vectors = 4,
                                               .tile_rows = {12, 8, 8, 6},
                                               .run_panel = run_panel<DotSevenBits>,
                                               .sum_rows = sum_rows<DotSevenBits>};

}  // namespace lode::engine

#endif
