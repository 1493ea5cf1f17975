// The transforms of winograd.h, written once over a vector of channels. Only for files with -m
// flags; everything is internal to the including file.
#pragma once

#include <cstdint>

#include "engine/kernels/conv/winograd.h"

namespace lode::engine {
namespace {

/// c * a + b
template <typename V>
[[gnu::always_inline]] inline V scaled_plus(float c, V a, V b) {
  return multiply_add(V::broadcast(c), a, b);
}

/// One-dimensional transforms; `in` and `out` are elements `kIn` and `kOut` apart.
template <int kOutputs>
struct Winograd;

template <>
struct Winograd<2> {
  template <int kIn, int kOut, typename V>
  [[gnu::always_inline]] static void input(const V* in, V* out) {
    out[0] = subtract(in[0], in[2 * kIn]);
    out[kOut] = add(in[kIn], in[2 * kIn]);
    out[2 * kOut] = subtract(in[2 * kIn], in[kIn]);
    out[3 * kOut] = subtract(in[3 * kIn], in[kIn]);
  }
  template <int kIn, int kOut, typename V>
  [[gnu::always_inline]] static void output(const V* in, V* out) {
    out[0] = add(add(in[0], in[kIn]), in[2 * kIn]);
    out[kOut] = add(subtract(in[kIn], in[2 * kIn]), in[3 * kIn]);
  }
};

template <>
struct Winograd<4> {
  template <int kIn, int kOut, typename V>
  [[gnu::always_inline]] static void input(const V* in, V* out) {
    const V d1 = in[kIn];
    const V d2 = in[2 * kIn];
    const V d3 = in[3 * kIn];
    const V d4 = in[4 * kIn];
    const V even = scaled_plus(-4.0F, d2, d4);  // of the points 1, -1
    const V odd = scaled_plus(-4.0F, d1, d3);
    const V wide_even = subtract(d4, d2);  // of the points 2, -2
    const V wide_odd = subtract(d3, d1);
    out[0] = scaled_plus(4.0F, in[0], scaled_plus(-5.0F, d2, d4));
    out[kOut] = add(even, odd);
    out[2 * kOut] = subtract(even, odd);
    out[3 * kOut] = scaled_plus(2.0F, wide_odd, wide_even);
    out[4 * kOut] = scaled_plus(-2.0F, wide_odd, wide_even);
    out[5 * kOut] = scaled_plus(4.0F, d1, scaled_plus(-5.0F, d3, in[5 * kIn]));
  }
  template <int kIn, int kOut, typename V>
  [[gnu::always_inline]] static void output(const V* in, V* out) {
    const V sum1 = add(in[kIn], in[2 * kIn]);
    const V difference1 = subtract(in[kIn], in[2 * kIn]);
    const V sum2 = add(in[3 * kIn], in[4 * kIn]);
    const V difference2 = subtract(in[3 * kIn], in[4 * kIn]);
    out[0] = add(add(in[0], sum1), sum2);
    out[kOut] = scaled_plus(2.0F, difference2, difference1);
    out[2 * kOut] = scaled_plus(4.0F, sum2, sum1);
    out[3 * kOut] = add(scaled_plus(8.0F, difference2, difference1), in[5 * kIn]);
  }
};

template <>
struct Winograd<6> {
  template <int kIn, int kOut, typename V>
  [[gnu::always_inline]] static void input(const V* in, V* out) {
    const V d1 = in[kIn];
    const V d2 = in[2 * kIn];
    const V d3 = in[3 * kIn];
    const V d4 = in[4 * kIn];
    const V d5 = in[5 * kIn];
    const V d6 = in[6 * kIn];
    out[0] = add(subtract(in[0], d6), multiply(V::broadcast(5.25F), subtract(d4, d2)));
    out[7 * kOut] = add(subtract(in[7 * kIn], d1), multiply(V::broadcast(5.25F), subtract(d3, d5)));
    const V even1 = scaled_plus(-4.25F, d4, add(d2, d6));  // points 1, -1
    const V odd1 = scaled_plus(-4.25F, d3, add(d1, d5));
    out[kOut] = add(even1, odd1);
    out[2 * kOut] = subtract(even1, odd1);
    const V even2 = scaled_plus(-1.25F, d4, scaled_plus(0.25F, d2, d6));  // points 2, -2
    const V odd2 = scaled_plus(2.0F, d5, scaled_plus(-2.5F, d3, multiply(V::broadcast(0.5F), d1)));
    out[3 * kOut] = add(even2, odd2);
    out[4 * kOut] = subtract(even2, odd2);
    const V even3 = scaled_plus(-5.0F, d4, scaled_plus(4.0F, d2, d6));  // points 1/2, -1/2
    const V odd3 = scaled_plus(0.5F, d5, scaled_plus(-2.5F, d3, multiply(V::broadcast(2.0F), d1)));
    out[5 * kOut] = add(even3, odd3);
    out[6 * kOut] = subtract(even3, odd3);
  }
  template <int kIn, int kOut, typename V>
  [[gnu::always_inline]] static void output(const V* in, V* out) {
    const V sum1 = add(in[kIn], in[2 * kIn]);
    const V difference1 = subtract(in[kIn], in[2 * kIn]);
    const V sum2 = add(in[3 * kIn], in[4 * kIn]);
    const V difference2 = subtract(in[3 * kIn], in[4 * kIn]);
    const V sum3 = add(in[5 * kIn], in[6 * kIn]);
    const V difference3 = subtract(in[5 * kIn], in[6 * kIn]);
    out[0] = add(add(in[0], sum1), add(sum2, sum3));
    out[kOut] = scaled_plus(0.5F, difference3, scaled_plus(2.0F, difference2, difference1));
    out[2 * kOut] = scaled_plus(0.25F, sum3, scaled_plus(4.0F, sum2, sum1));
    out[3 * kOut] = scaled_plus(0.125F, difference3, scaled_plus(8.0F, difference2, difference1));
    out[4 * kOut] = scaled_plus(0.0625F, sum3, scaled_plus(16.0F, sum2, sum1));
    out[5 * kOut] =
        add(scaled_plus(0.03125F, difference3, scaled_plus(32.0F, difference2, difference1)),
            in[7 * kIn]);
  }
};

template <typename V, int kOutputs>
void winograd_input(const WinogradInput& run) {
  constexpr int kSize = kOutputs + 2;
  for (std::int64_t c = 0; c < run.channels; c += V::kLanes) {
    const std::int64_t left = run.channels - c;
    const typename V::Mask valid = V::first(left < V::kLanes ? left : V::kLanes);
    V columns[kSize * kSize];
    for (int x = 0; x < kSize; ++x) {
      V column[kSize];
#pragma GCC unroll 8
      for (int y = 0; y < kSize; ++y) column[y] = V::load(run.pixels[y * kSize + x] + c, valid);
      Winograd<kOutputs>::template input<1, kSize>(column, columns + x);
    }
    float* to = run.to + c;
    for (int y = 0; y < kSize; ++y) {
      V row[kSize];
      Winograd<kOutputs>::template input<1, 1>(columns + y * kSize, row);
#pragma GCC unroll 8
      for (int x = 0; x < kSize; ++x, to += run.pitch) row[x].store(to, valid);
    }
  }
}

template <typename V, int kOutputs>
void winograd_output(const WinogradOutput& run) {
  constexpr int kSize = kOutputs + 2;
  for (std::int64_t c = 0; c < run.channels; c += V::kLanes) {
    const std::int64_t left = run.channels - c;
    const typename V::Mask valid = V::first(left < V::kLanes ? left : V::kLanes);
    const float* from = run.from + c;
    V rows[kSize * kOutputs];
    for (int y = 0; y < kSize; ++y) {
      V row[kSize];
#pragma GCC unroll 8
      for (int x = 0; x < kSize; ++x, from += run.pitch) row[x] = V::load(from, valid);
      Winograd<kOutputs>::template output<1, 1>(row, rows + y * kOutputs);
    }
    V outputs[kOutputs * kOutputs];
    for (int x = 0; x < kOutputs; ++x) {
      Winograd<kOutputs>::template output<kOutputs, kOutputs>(rows + x, outputs + x);
    }
    const V bias = V::load(run.bias + c, valid);
    for (std::int64_t y = 0; y < run.rows; ++y) {
      for (std::int64_t x = 0; x < run.columns; ++x) {
        V value = add(outputs[y * kOutputs + x], bias);
        if (run.residual != nullptr) {
          const float* residual = run.residual + y * run.residual_row + x * run.residual_column + c;
          value = add(value, V::load(residual, valid));
        }
        activate_vector(run.activation, value)
            .store(run.y + y * run.y_row + x * run.y_column + c, valid);
      }
    }
  }
}

}  // namespace
}  // namespace lode::engine
