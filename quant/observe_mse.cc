// MSE: the range with the least expected squared error, rounding inside against clipping outside.
#include <cmath>

#include "quant/histogram.h"
#include "quant/observer.h"

namespace lode::quant {

namespace {

/// Steps in which an end of the range moves towards 0.
constexpr int kCandidates = 200;
constexpr int kRounds = 3;

class Mse final : public Observer {
 public:
  explicit Mse(const ObserverOptions& options)
      : intervals_(options.levels - 1), is_symmetric_(options.is_symmetric) {}

  void observe(std::span<const float> values) override { histogram_.add(values); }

  [[nodiscard]] Range range() const override {
    const double low = histogram_.min();
    const double high = histogram_.max();
    if (is_symmetric_) {
      const double largest = std::max(-low, high);
      const double best =
          least([&](double part) { return error(-part * largest, part * largest); });
      return {static_cast<float>(-best * largest), static_cast<float>(best * largest)};
    }
    double low_part = 1.0;
    double high_part = 1.0;
    for (int round = 0; round < kRounds; ++round) {
      high_part = least([&](double part) { return error(low_part * low, part * high); });
      low_part = least([&](double part) { return error(part * low, high_part * high); });
    }
    return {static_cast<float>(low_part * low), static_cast<float>(high_part * high)};
  }

 private:
  /// The part in (0,1] for which `cost` is least; the larger of equal ones.
  template <typename Cost>
  static double least(const Cost& cost) {
    double best = 1.0;
    double best_cost = cost(1.0);
    for (int i = kCandidates - 1; i > 0; --i) {
      const double part = static_cast<double>(i) / kCandidates;
      const double here = cost(part);
      if (here < best_cost) {
        best = part;
        best_cost = here;
      }
    }
    return best;
  }

  /// Sum of squared errors: step^2 / 12 an element inside, the distance to the end outside. Zeros
  /// have none.
  [[nodiscard]] double error(double low, double high) const {
    const double step = (high - low) / intervals_;
    const double inside = step * step / 12.0;
    double sum = 0.0;
    const auto bins = histogram_.bins();
    for (std::size_t bin = 0; bin < bins.size(); ++bin) {
      if (bins[bin] == 0) continue;
      const double x = histogram_.center(bin);
      const double beyond = std::max({0.0, low - x, x - high});
      sum += static_cast<double>(bins[bin]) * (beyond > 0.0 ? beyond * beyond : inside);
    }
    return sum;
  }

  double intervals_;
  bool is_symmetric_;
  Histogram histogram_;
};

}  // namespace

std::unique_ptr<Observer> make_mse(const ObserverOptions& options) {
  return std::make_unique<Mse>(options);
}

}  // namespace lode::quant
