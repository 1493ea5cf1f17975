// A histogram of a stream of floats in constant memory: its range doubles as values demand, merging
// bins in pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lode::quant {

/// Bins over [-limit, limit), where limit is the least power of two above every magnitude so far.
/// Bounds of bins are then exact, merging loses nothing, and the result does not depend on the
/// order in which the values came. Zeros are counted apart: they cost no scheme any error.
class Histogram {
 public:
  static constexpr std::size_t kBinsPerSide = 2048;

  /// Finite values.
  void add(std::span<const float> values);

  /// All bins, from -limit() up; bin kBinsPerSide begins at 0. Empty before the first value that is
  /// not 0.
  [[nodiscard]] std::span<const std::uint64_t> bins() const { return bins_; }
  [[nodiscard]] double limit() const { return limit_; }
  [[nodiscard]] double bin_width() const { return limit_ / static_cast<double>(kBinsPerSide); }
  /// The middle of a bin.
  [[nodiscard]] double center(std::size_t bin) const {
    return (static_cast<double>(bin) - static_cast<double>(kBinsPerSide) + 0.5) * bin_width();
  }
  [[nodiscard]] std::uint64_t zeros() const { return zeros_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }  ///< zeros included
  [[nodiscard]] float min() const { return min_; }              ///< of all values and 0
  [[nodiscard]] float max() const { return max_; }

 private:
  void widen_to(double magnitude);

  std::vector<std::uint64_t> bins_;
  double limit_ = 0.0;
  std::uint64_t zeros_ = 0;
  std::uint64_t count_ = 0;
  float min_ = 0.0F;
  float max_ = 0.0F;
};

}  // namespace lode::quant
