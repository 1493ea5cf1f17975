// Mean and softmax on a vector type: the one text of reduce_avx512.cc and reduce_avx2.cc. In an
// anonymous namespace, so that each of them keeps its own code.
#pragma once

#include "engine/kernels/reduce/cut.h"
#include "engine/kernels/simd_math.h"

namespace lode::engine {
namespace {

/// Dense elements: four vectors of partial sums, then those in order.
template <typename V>
[[gnu::always_inline]] inline float sum_dense(const float* x, std::int64_t count) {
  V parts[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
  std::int64_t i = 0;
  for (; i + 4 * V::kLanes <= count; i += 4 * V::kLanes) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) {
      parts[part] = add(parts[part], V::load(x + i + part * V::kLanes));
    }
  }
  for (; i < count; i += V::kLanes) {
    parts[0] = add(parts[0], V::load(x + i, V::first(smaller(V::kLanes, count - i))));
  }
  return sum_of_lanes(add(add(parts[0], parts[1]), add(parts[2], parts[3])));
}

/// kVectors vectors of inner elements side by side: their lines follow each other in memory.
template <typename V, int kVectors>
[[gnu::always_inline]] inline void mean_of_vectors(const ReduceShape& shape, const float* x,
                                                   typename V::Mask last, V count, float* y) {
  V sums[kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) sums[i] = V::zero();
  for (std::int64_t k = 0; k < shape.count; ++k, x += shape.inner) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) {
      const float* from = x + i * V::kLanes;
      sums[i] = add(sums[i], i + 1 < kVectors ? V::load(from) : V::load(from, last));
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
    const V mean = divide(sums[i], count);
    if (i + 1 < kVectors) {
      mean.store(y + i * V::kLanes);
    } else {
      mean.store(y + i * V::kLanes, last);
    }
  }
}

template <typename V>
void run_mean(const ReduceShape& shape, const ReduceArguments& arguments, std::int64_t task) {
  const ReduceTask share = reduce_task(shape, task);
  const float* x = arguments.x + share.outer * shape.count * shape.inner;
  float* y = arguments.y + share.outer * shape.inner;
  const auto count = static_cast<float>(shape.count);
  if (shape.inner == 1) {
    *y = sum_dense<V>(x, shape.count) / count;
    return;
  }
  std::int64_t i = share.begin;
  for (; i + 4 * V::kLanes <= share.end; i += 4 * V::kLanes) {
    mean_of_vectors<V, 4>(shape, x + i, V::first(V::kLanes), V::broadcast(count), y + i);
  }
  for (; i < share.end; i += V::kLanes) {
    mean_of_vectors<V, 1>(shape, x + i, V::first(smaller(V::kLanes, share.end - i)),
                          V::broadcast(count), y + i);
  }
}

/// Lanes outside the mask are -infinity, whose exponential is 0.
template <typename V>
[[gnu::always_inline]] inline V load_or_lowest(const float* from, std::int64_t count) {
  const V lowest = V::broadcast(-__builtin_inff());
  return count >= V::kLanes ? V::load(from) : V::load_or(from, V::first(count), lowest);
}

/// A dense row: the maximum, the exponentials and their sum, then the shares.
template <typename V>
[[gnu::noinline]] void softmax_dense(const float* x, std::int64_t count, float* y) {
  V greatest = V::broadcast(-__builtin_inff());
  for (std::int64_t i = 0; i < count; i += V::kLanes) {
    greatest = at_least(greatest, load_or_lowest<V>(x + i, count - i));
  }
  const V maximum = V::broadcast(greatest_lane(greatest));
  V sums = V::zero();
  for (std::int64_t i = 0; i < count; i += V::kLanes) {
    const V exponentials = exponential(subtract(load_or_lowest<V>(x + i, count - i), maximum));
    exponentials.store(y + i, V::first(smaller(V::kLanes, count - i)));
    sums = add(sums, exponentials);
  }
  const V sum = V::broadcast(sum_of_lanes(sums));
  for (std::int64_t i = 0; i < count; i += V::kLanes) {
    const typename V::Mask mask = V::first(smaller(V::kLanes, count - i));
    divide(V::load(y + i, mask), sum).store(y + i, mask);
  }
}

/// Rows `inner` apart, one in each lane.
template <typename V>
[[gnu::noinline]] void softmax_lanes(const ReduceShape& shape, const float* x,
                                     typename V::Mask mask, float* y) {
  V maximum = V::broadcast(-__builtin_inff());
  for (std::int64_t k = 0; k < shape.count; ++k) {
    maximum = at_least(maximum, V::load(x + k * shape.inner, mask));
  }
  V sum = V::zero();
  for (std::int64_t k = 0; k < shape.count; ++k) {
    const V exponentials = exponential(subtract(V::load(x + k * shape.inner, mask), maximum));
    exponentials.store(y + k * shape.inner, mask);
    sum = add(sum, exponentials);
  }
  for (std::int64_t k = 0; k < shape.count; ++k) {
    divide(V::load(y + k * shape.inner, mask), sum).store(y + k * shape.inner, mask);
  }
}

template <typename V>
void run_softmax(const ReduceShape& shape, const ReduceArguments& arguments, std::int64_t task) {
  const ReduceTask share = reduce_task(shape, task);
  const float* x = arguments.x + share.outer * shape.count * shape.inner;
  float* y = arguments.y + share.outer * shape.count * shape.inner;
  if (shape.inner == 1) return softmax_dense<V>(x, shape.count, y);
  for (std::int64_t i = share.begin; i < share.end; i += V::kLanes) {
    softmax_lanes<V>(shape, x + i, V::first(smaller(V::kLanes, share.end - i)), y + i);
  }
}

}  // namespace
}  // namespace lode::engine
