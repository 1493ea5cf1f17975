#include "quant/histogram.h"

#include <algorithm>
#include <cmath>

namespace lode::quant {

namespace {

/// The least power of two above a magnitude that is not 0.
double power_above(double magnitude) {
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  return std::ldexp(1.0, exponent);
}

}  // namespace

void Histogram::widen_to(double magnitude) {
  if (magnitude == 0.0 || magnitude < limit_) return;
  const double wanted = power_above(magnitude);
  if (bins_.empty()) {
    bins_.assign(2 * kBinsPerSide, 0);
    limit_ = wanted;
    return;
  }
  const double doublings = std::log2(wanted / limit_);
  // Beyond this all of one side falls into one bin, and more shifting changes nothing.
  const int shift = static_cast<int>(std::min(doublings, 62.0));
  std::vector<std::uint64_t> merged(bins_.size(), 0);
  const auto side = static_cast<std::int64_t>(kBinsPerSide);
  for (std::int64_t k = -side; k < side; ++k) {
    merged[static_cast<std::size_t>((k >> shift) + side)] +=
        bins_[static_cast<std::size_t>(k + side)];
  }
  bins_ = std::move(merged);
  limit_ = wanted;
}

void Histogram::add(std::span<const float> values) {
  float low = 0.0F;
  float high = 0.0F;
  for (const float value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  min_ = std::min(min_, low);
  max_ = std::max(max_, high);
  count_ += values.size();
  widen_to(std::max(-double{low}, double{high}));
  if (bins_.empty()) {
    zeros_ += values.size();
    return;
  }
  const double per_unit = static_cast<double>(kBinsPerSide) / limit_;
  std::uint64_t zeros = 0;
  for (const float value : values) {
    if (value == 0.0F) {
      ++zeros;
      continue;
    }
    const double place = std::floor(value * per_unit) + static_cast<double>(kBinsPerSide);
    ++bins_[static_cast<std::size_t>(place)];
  }
  zeros_ += zeros;
}

}  // namespace lode::quant
