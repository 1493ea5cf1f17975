// Moving average of each sample's min-max: an outlier sample moves the range a little only.
#include "quant/observer.h"

namespace lode::quant {

namespace {

class MovingAverage final : public Observer {
 public:
  explicit MovingAverage(double momentum) : momentum_(momentum) {}

  void observe(std::span<const float> values) override {
    Range sample;
    for (const float value : values) {
      sample.low = std::min(sample.low, value);
      sample.high = std::max(sample.high, value);
    }
    // The first sample is taken as it is: a start from 0 would bias the range towards it.
    const double weight = is_first_ ? 1.0 : momentum_;
    is_first_ = false;
    low_ += weight * (sample.low - low_);
    high_ += weight * (sample.high - high_);
  }
  [[nodiscard]] Range range() const override {
    return {static_cast<float>(low_), static_cast<float>(high_)};
  }

 private:
  double momentum_;
  bool is_first_ = true;
  double low_ = 0.0;
  double high_ = 0.0;
};

}  // namespace

std::unique_ptr<Observer> make_moving_average(const ObserverOptions& options) {
  return std::make_unique<MovingAverage>(options.momentum);
}

}  // namespace lode::quant
