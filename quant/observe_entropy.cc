// Entropy: the clipping whose quantized distribution diverges least from the one before.
#include <cmath>
#include <limits>
#include <numeric>

#include "quant/histogram.h"
#include "quant/kl_divergence.h"
#include "quant/observer.h"

namespace lode::quant {

namespace {

/// Clippings that are tried, from as many bins as there are levels up to all of them.
constexpr std::size_t kCandidates = 256;
/// A share of nothing, whose logarithm is finite.
constexpr double kSmallest = 1e-7;

class Entropy final : public Observer {
 public:
  explicit Entropy(const ObserverOptions& options)
      : levels_(static_cast<std::size_t>(options.levels)), is_symmetric_(options.is_symmetric) {}

  void observe(std::span<const float> values) override { histogram_.add(values); }

  [[nodiscard]] Range range() const override {
    const double width = histogram_.bin_width();
    const auto [below, above] = sides();
    if (below + above <= levels_) return {histogram_.min(), histogram_.max()};
    double best = std::numeric_limits<double>::infinity();
    std::size_t best_below = below;
    std::size_t best_above = above;
    const std::size_t step = std::max<std::size_t>(1, (below + above - levels_) / kCandidates);
    for (std::size_t kept = levels_; kept <= below + above; kept += step) {
      const std::size_t low = (below * kept + (below + above) / 2) / (below + above);
      const std::size_t high = kept - low;
      const double here = clipping_divergence(histogram_.bins(), Histogram::kBinsPerSide - low,
                                              Histogram::kBinsPerSide + high, levels_);
      if (here > best) continue;
      best = here;
      best_below = low;
      best_above = high;
    }
    const Range range = {static_cast<float>(-static_cast<double>(best_below) * width),
                         static_cast<float>(static_cast<double>(best_above) * width)};
    // The outermost bins end beyond what was seen.
    if (is_symmetric_) return range;
    return {std::max(range.low, histogram_.min()), std::min(range.high, histogram_.max())};
  }

 private:
  struct Sides {
    std::size_t below = 0;
    std::size_t above = 0;
  };

  /// Bins on either side of 0 up to the last that is not empty; the wider twice where the range is
  /// to be symmetric.
  [[nodiscard]] Sides sides() const {
    const auto bins = histogram_.bins();
    Sides found;
    for (std::size_t k = 0; k < bins.size() / 2; ++k) {
      if (bins[Histogram::kBinsPerSide - 1 - k] > 0) found.below = k + 1;
      if (bins[Histogram::kBinsPerSide + k] > 0) found.above = k + 1;
    }
    if (is_symmetric_) found.below = found.above = std::max(found.below, found.above);
    return found;
  }

  std::size_t levels_;
  bool is_symmetric_;
  Histogram histogram_;
};

}  // namespace

double clipping_divergence(std::span<const std::uint64_t> bins, std::size_t begin, std::size_t end,
                           std::size_t levels) {
  const auto sum = [&](std::size_t from, std::size_t to) {
    return static_cast<double>(std::accumulate(bins.begin() + static_cast<std::ptrdiff_t>(from),
                                               bins.begin() + static_cast<std::ptrdiff_t>(to),
                                               std::uint64_t{0}));
  };
  const double below = sum(0, begin);
  const double above = sum(end, bins.size());
  const double inside = sum(begin, end);
  const double total = below + inside + above;
  const std::size_t kept = end - begin;
  const auto share = [&](std::size_t bin) {
    double count = static_cast<double>(bins[bin]);
    if (bin == begin) count += below;
    if (bin == end - 1) count += above;
    return count / total;
  };
  double divergence = 0.0;
  std::size_t at = begin;
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t stop = begin + (level + 1) * kept / levels;
    double filled = 0.0;
    for (std::size_t bin = at; bin < stop; ++bin) filled += share(bin) > 0.0 ? 1.0 : 0.0;
    const double q = filled > 0.0 ? std::max(sum(at, stop) / filled / inside, kSmallest) : 0.0;
    for (; at < stop; ++at) {
      const double p = share(at);
      if (p > 0.0) divergence += p * std::log(p / q);
    }
  }
  return divergence;
}

std::unique_ptr<Observer> make_entropy(const ObserverOptions& options) {
  return std::make_unique<Entropy>(options);
}

}  // namespace lode::quant
