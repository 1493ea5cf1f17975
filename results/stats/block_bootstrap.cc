#include "results/stats/block_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/assert.h"
#include "base/percentile.h"

namespace lode::stats {
namespace {

/// More blocks than these make no interval better, only slower.
constexpr std::size_t kBlocksMax = 20'000;

/// Autocovariances of lags 0 to `lags`, of a series with mean 0.
std::vector<double> autocovariances(std::span<const double> centred, std::size_t lags) {
  std::vector<double> all(lags + 1);
  const std::size_t n = centred.size();
  for (std::size_t lag = 0; lag <= lags && lag < n; ++lag) {
    const double sum = std::inner_product(centred.begin(), centred.end() - static_cast<long>(lag),
                                          centred.begin() + static_cast<long>(lag), 0.0);
    all[lag] = sum / static_cast<double>(n);
  }
  return all;
}

/// The lag behind which `quiet` correlations in a row are within noise; the last one if none is.
std::size_t last_correlated_lag(const std::vector<double>& covariances, std::size_t quiet,
                                double noise) {
  std::size_t within = 0;
  for (std::size_t lag = 1; lag < covariances.size(); ++lag) {
    within = std::abs(covariances[lag]) < noise * covariances[0] ? within + 1 : 0;
    if (within == quiet) return lag - quiet;
  }
  return covariances.size() - 1;
}

/// Blocks of a series of `n`, drawn anew for each resample.
class BlockDraw {
 public:
  BlockDraw(std::size_t n, double length, Rng& rng) : n_(n), rng_(rng) {
    const double least = std::max(std::cbrt(static_cast<double>(n)),
                                  static_cast<double>(n) / static_cast<double>(kBlocksMax));
    length_ = std::min(static_cast<std::size_t>(std::ceil(std::max(length, least))), n);
  }
  [[nodiscard]] std::size_t length() const { return length_; }
  [[nodiscard]] std::size_t count() const { return (n_ + length_ - 1) / length_; }

  /// take(begin, end) for each piece of one resample, n values in all; a block that goes over the
  /// end of the series begins again at its front, as a piece of its own.
  template <typename Take>
  void draw(Take take) {
    for (std::size_t left = n_; left > 0;) {
      const std::size_t size = std::min(length_, left);
      const std::size_t begin = uniform_below(rng_, static_cast<std::uint32_t>(n_));
      const std::size_t first = std::min(size, n_ - begin);
      take(begin, begin + first);
      if (first < size) take(0, size - first);
      left -= size;
    }
  }

 private:
  std::size_t n_;
  std::size_t length_ = 1;
  Rng& rng_;
};

/// What a resample's percentile is found with: ranks far from it are only counted, the few near it
/// are looked at one by one. Equal values have ranks of their own, in order of time.
class NearRanks {
 public:
  /// `order`: positions of the series by value; `at`: the rank that is the percentile's.
  NearRanks(const std::vector<std::uint32_t>& order, std::size_t at, std::size_t reach) {
    low_ = at - std::min(at, reach);
    const std::size_t high = std::min(order.size(), at + reach + 1);
    below_.resize(order.size() + 1);
    near_before_.resize(order.size() + 1);
    hits_.resize(high - low_);
    std::vector<std::uint32_t> ranks(order.size());
    for (std::size_t r = 0; r < order.size(); ++r) ranks[order[r]] = static_cast<std::uint32_t>(r);
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      const bool near = ranks[i] >= low_ && ranks[i] < high;
      if (near) near_.push_back(static_cast<std::uint32_t>(ranks[i] - low_));
      below_[i + 1] = below_[i] + (ranks[i] < low_ ? 1 : 0);
      near_before_[i + 1] = static_cast<std::uint32_t>(near_.size());
    }
  }

  void begin() {
    std::fill(hits_.begin(), hits_.end(), 0);
    count_below_ = 0;
  }
  void take(std::size_t begin, std::size_t end) {
    count_below_ += below_[end] - below_[begin];
    for (std::size_t i = near_before_[begin]; i < near_before_[end]; ++i) ++hits_[near_[i]];
  }
  /// The rank, in the whole series, of the resample's value number `at` from below; the nearest
  /// that was looked at if it lies beyond.
  [[nodiscard]] std::size_t rank_of(std::size_t at) const {
    std::size_t seen = count_below_;
    for (std::size_t r = 0; r < hits_.size(); ++r) {
      seen += hits_[r];
      if (seen > at) return low_ + r;
    }
    return low_ + hits_.size() - 1;
  }

 private:
  std::size_t low_ = 0;
  std::vector<std::uint32_t> below_;        ///< [i]: ranks below low_ before position i
  std::vector<std::uint32_t> near_;         ///< near ranks less low_, by position
  std::vector<std::uint32_t> near_before_;  ///< [i]: how many of them before position i
  std::vector<std::uint32_t> hits_;         ///< of each near rank in this resample
  std::size_t count_below_ = 0;
};

}  // namespace

double block_length(std::span<const double> series) {
  LODE_ASSERT(!series.empty());
  const auto n = static_cast<double>(series.size());
  if (series.size() < 9) return 1.0;
  const double mean = std::accumulate(series.begin(), series.end(), 0.0) / n;
  std::vector<double> centred(series.begin(), series.end());
  for (double& value : centred) value -= mean;
  // The paper's constants: K_n, m_max and c.
  const auto quiet = static_cast<std::size_t>(std::max(5.0, std::ceil(std::sqrt(std::log10(n)))));
  const std::size_t lags =
      std::min(static_cast<std::size_t>(std::ceil(std::sqrt(n))) + quiet, series.size() - 1);
  const double noise = 2.0 * std::sqrt(std::log10(n) / n);
  const std::vector<double> covariances = autocovariances(centred, lags);
  if (covariances[0] <= 0.0) return 1.0;
  const std::size_t last = std::max<std::size_t>(last_correlated_lag(covariances, quiet, noise), 1);
  const std::size_t width = std::min(2 * last, lags);
  double g = 0.0;                    // sum of lambda(k/M) |k| R(k)
  double spectrum = covariances[0];  // sum of lambda(k/M) R(k)
  for (std::size_t lag = 1; lag <= width; ++lag) {
    const double share = static_cast<double>(lag) / static_cast<double>(width);
    const double taper = share <= 0.5 ? 1.0 : 2.0 * (1.0 - share);
    g += 2.0 * taper * static_cast<double>(lag) * covariances[lag];
    spectrum += 2.0 * taper * covariances[lag];
  }
  if (spectrum <= 0.0) return 1.0;
  const double d = 4.0 / 3.0 * spectrum * spectrum;
  const double length = std::cbrt(2.0 * g * g / d * n);
  return std::clamp(length, 1.0, std::max(1.0, std::min(3.0 * std::sqrt(n), n / 3.0)));
}

Resamples resample_percentile(std::span<const std::int64_t> series, double p, std::size_t count,
                              Rng& rng) {
  LODE_ASSERT(!series.empty() && series.size() < UINT32_MAX);
  const std::size_t n = series.size();
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return series[a] < series[b]; });
  std::vector<std::int64_t> sorted(n);
  for (std::size_t r = 0; r < n; ++r) sorted[r] = series[order[r]];

  Resamples resamples;
  const std::int64_t estimate = percentile(sorted, p);
  resamples.estimate = static_cast<double>(estimate);
  std::vector<double> indicator(n);
  for (std::size_t i = 0; i < n; ++i) indicator[i] = series[i] <= estimate ? 1.0 : 0.0;
  BlockDraw blocks(n, block_length(indicator), rng);
  resamples.block = blocks.length();
  resamples.blocks = blocks.count();

  const std::size_t at = percentile_rank(n, p);
  // Seven deviations of the rank, were each block one value that repeats.
  const double deviation =
      std::sqrt(static_cast<double>(n * blocks.length()) * std::max(p * (1.0 - p), 1.0 / 1e4));
  NearRanks near(order, at, static_cast<std::size_t>(std::ceil(7.0 * deviation)) + 1);
  for (std::size_t i = 0; i < count; ++i) {
    near.begin();
    blocks.draw([&](std::size_t begin, std::size_t end) { near.take(begin, end); });
    resamples.values.push_back(static_cast<double>(sorted[near.rank_of(at)]));
  }
  return resamples;
}

Resamples resample_mean(std::span<const std::int64_t> series, std::size_t count, Rng& rng) {
  LODE_ASSERT(!series.empty() && series.size() < UINT32_MAX);
  const std::vector<double> values(series.begin(), series.end());
  std::vector<double> before(values.size() + 1);  // [i]: the sum of the values before i
  for (std::size_t i = 0; i < values.size(); ++i) before[i + 1] = before[i] + values[i];
  const auto n = static_cast<double>(values.size());
  Resamples resamples;
  resamples.estimate = before.back() / n;
  BlockDraw blocks(values.size(), block_length(values), rng);
  resamples.block = blocks.length();
  resamples.blocks = blocks.count();
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0;
    blocks.draw([&](std::size_t begin, std::size_t end) { sum += before[end] - before[begin]; });
    resamples.values.push_back(sum / n);
  }
  return resamples;
}

}  // namespace lode::stats
