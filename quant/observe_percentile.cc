// Percentile: the outermost share of the elements is clipped, on each side.
#include "quant/histogram.h"
#include "quant/observer.h"

namespace lode::quant {

namespace {

class Percentile final : public Observer {
 public:
  explicit Percentile(double percentile) : share_(1.0 - percentile / 100.0) {}

  void observe(std::span<const float> values) override { histogram_.add(values); }

  [[nodiscard]] Range range() const override {
    if (histogram_.bins().empty()) return {};
    // Elements that may lie beyond each end.
    const double beyond = share_ * static_cast<double>(histogram_.count());
    return {std::max(histogram_.min(), -from_end(beyond, false)),
            std::min(histogram_.max(), from_end(beyond, true))};
  }

 private:
  /// The magnitude, on one side of 0, beyond which `beyond` elements lie; within a bin they count
  /// as evenly spread. 0 if fewer lie on that side.
  [[nodiscard]] float from_end(double beyond, bool is_positive) const {
    const auto bins = histogram_.bins();
    double passed = 0.0;
    for (std::size_t k = Histogram::kBinsPerSide; k-- > 0;) {
      const std::size_t bin =
          is_positive ? Histogram::kBinsPerSide + k : Histogram::kBinsPerSide - 1 - k;
      const auto here = static_cast<double>(bins[bin]);
      if (passed + here > beyond) {
        const double inner = static_cast<double>(k) + 1.0 - (beyond - passed) / here;
        return static_cast<float>(inner * histogram_.bin_width());
      }
      passed += here;
    }
    return 0.0F;
  }

  double share_;
  Histogram histogram_;
};

}  // namespace

std::unique_ptr<Observer> make_percentile(const ObserverOptions& options) {
  return std::make_unique<Percentile>(options.percentile);
}

}  // namespace lode::quant
