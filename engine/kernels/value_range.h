// The least and the greatest of 0 and of values that pass by, for kernels of every instruction set:
// everything is inlined by force. NaN is passed over. Such a range does not depend on the order of
// the values nor on how they are shared out.
#pragma once

#include <cstdint>

namespace lode::engine {

/// The smaller and the greater one; the second where `value` is NaN.
[[nodiscard, gnu::always_inline]] inline float least_of(float value, float so_far) {
  return value < so_far ? value : so_far;
}
[[nodiscard, gnu::always_inline]] inline float greatest_of(float value, float so_far) {
  return value > so_far ? value : so_far;
}

/// A range lane by lane, in memory between the vectors of any width that take part in it.
struct RangeLanes {
  static constexpr std::int64_t kLanes = 16;

  alignas(64) float low[kLanes];
  alignas(64) float high[kLanes];

  [[gnu::always_inline]] void clear() {
    for (std::int64_t i = 0; i < kLanes; ++i) low[i] = high[i] = 0.0F;
  }
  [[gnu::always_inline]] void take(float value) {
    low[0] = least_of(value, low[0]);
    high[0] = greatest_of(value, high[0]);
  }
  /// pair: least, greatest.
  [[gnu::always_inline]] void store(float* pair) const {
    float least = 0.0F;
    float greatest = 0.0F;
    for (std::int64_t i = 0; i < kLanes; ++i) {
      least = least_of(low[i], least);
      greatest = greatest_of(high[i], greatest);
    }
    pair[0] = least;
    pair[1] = greatest;
  }
};

/// A range in registers of vectors V; number_at_most() and number_at_least() must be known of them.
template <typename V>
struct VectorRange {
  V low = V::zero();
  V high = V::zero();

  [[gnu::always_inline]] void take(V values) {
    low = number_at_most(values, low);
    high = number_at_least(values, high);
  }
  [[gnu::always_inline]] void merge_into(RangeLanes& lanes) const {
    number_at_most(V::load(lanes.low), low).store(lanes.low);
    number_at_least(V::load(lanes.high), high).store(lanes.high);
  }
};

}  // namespace lode::engine
