// The tile for every machine: a row times a vector of columns, in pairs of words.
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstring>

#include "engine/kernels/qconv/finish.h"
#include "engine/kernels/qconv/qtile.h"

namespace lode::engine {

namespace {

constexpr int kLanes = 4;
constexpr int kVectors = 2;

/// sums[i] += the two products of dword `x` with dword w[i].
#if defined(__SSE2__)
struct Sums {
  __m128i lanes;

  void load(const std::int32_t* from) {
    lanes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
  void add_products(std::int32_t x, const std::int32_t* w) {
    const __m128i weights = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w));
    lanes = _mm_add_epi32(lanes, _mm_madd_epi16(_mm_set1_epi32(x), weights));
  }
  void store(std::int32_t* to) const { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), lanes); }
};
#else
struct Sums {
  std::uint32_t lanes[kLanes];

  void load(const std::int32_t* from) { std::memcpy(lanes, from, sizeof(lanes)); }
  void add_products(std::int32_t x, const std::int32_t* w) {
    std::int16_t of_x[2];
    std::int16_t of_w[2 * kLanes];
    std::memcpy(of_x, &x, sizeof(of_x));
    std::memcpy(of_w, w, sizeof(of_w));
    for (int i = 0; i < kLanes; ++i) {
      lanes[i] += static_cast<std::uint32_t>(of_x[0] * of_w[2 * i] + of_x[1] * of_w[2 * i + 1]);
    }
  }
  void store(std::int32_t* to) const { std::memcpy(to, lanes, sizeof(lanes)); }
};
#endif

std::int32_t dword_at(const std::uint8_t* from) {
  std::int32_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

/// The sums of kRows rows from `row` on and the panel's columns.
template <int kRows>
void sum_rows_up(const QPanelRun& run, std::int64_t row,
                 std::int32_t (&sums)[kRows][kVectors * kLanes]) {
  Sums tile[kRows][kVectors];
  const std::int64_t width = run.vectors * kLanes;
  for (auto& own : tile) {
    own[0].load(run.start);
    own[1].load(run.start + width - kLanes);
  }
  const std::int32_t* w = run.weights;
  for (std::int64_t segment = 0; segment < run.segments; ++segment) {
    const std::uint8_t* const* pointers = run.rows + segment * run.row_pitch + row;
    for (std::int64_t k = 0; k < run.steps; ++k, w += width) {
      for (int i = 0; i < kRows; ++i) {
        const std::int32_t x = dword_at(pointers[i] + run.first + 4 * k);
        tile[i][0].add_products(x, w);
        tile[i][1].add_products(x, w + width - kLanes);
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    tile[i][0].store(sums[i]);
    tile[i][1].store(sums[i] + width - kLanes);
  }
}

void finish_row(const QPanelRun& run, std::int64_t row, const std::int32_t* sums) {
  QFinish finish{.output = run.output,
                 .to = run.to,
                 .activation = run.activation,
                 .has_residual = run.residual != nullptr,
                 .residual = run.residual_sum};
  for (std::int64_t i = 0; i < run.columns; ++i) {
    auto sum = static_cast<std::uint32_t>(sums[i]);
    if (run.row_sums != nullptr) {
      sum -= static_cast<std::uint32_t>(run.row_sums[row]) *
             static_cast<std::uint32_t>(run.weight_zeros[i]);
    }
    if (run.row_zeros != nullptr) {
      sum -= static_cast<std::uint32_t>(run.row_zeros[row]) *
             static_cast<std::uint32_t>(run.weight_sums[i]);
    }
    finish.factor =
        run.row_scales != nullptr ? run.row_scales[row] * run.factors[i] : run.factors[i];
    finish.bias = run.bias[i];
    finish_sum(finish, static_cast<std::int32_t>(sum), run.residual, row * run.residual_stride + i,
               run.y, row * run.y_stride + i);
    if (run.range != nullptr) run.range->take(static_cast<float*>(run.y)[row * run.y_stride + i]);
  }
}

template <int kRows>
void run_tile(const QPanelRun& run, std::int64_t row) {
  std::int32_t sums[kRows][kVectors * kLanes];
  sum_rows_up(run, row, sums);
  for (int i = 0; i < kRows; ++i) finish_row(run, row + i, sums[i]);
}

void run_panel(const QPanelRun& run) {
  constexpr int kRows = 4;
  std::int64_t row = 0;
  for (; row + kRows <= run.row_count; row += kRows) run_tile<kRows>(run, row);
  for (; row < run.row_count; ++row) run_tile<1>(run, row);
}

void sum_rows(const QSumRun& run) {
  for (std::int64_t row = 0; row < run.row_count; ++row) {
    std::uint32_t sum = 0;
    for (std::int64_t segment = 0; segment < run.segments; ++segment) {
      const auto* words = reinterpret_cast<const std::uint16_t*>(
          run.rows[segment * run.row_pitch + row] + run.first);
      for (std::int64_t i = 0; i < 2 * run.steps; ++i) sum += words[i];
    }
    run.sums[row] = static_cast<std::int32_t>(sum);
  }
}

}  // namespace

const QTileSet generic_qtiles = {.lanes = kLanes,
                                 .max_vectors = kVectors,
                                 .widens = true,
                                 .tile_rows = {4, 4},
                                 .run_panel = run_panel,
                                 .sum_rows = sum_rows};

}  // namespace lode::engine
