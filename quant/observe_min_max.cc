// Min-max: nothing is clipped; one outlier coarsens all.
#include "quant/observer.h"

namespace lode::quant {

namespace {

class MinMax final : public Observer {
 public:
  void observe(std::span<const float> values) override {
    for (const float value : values) {
      range_.low = std::min(range_.low, value);
      range_.high = std::max(range_.high, value);
    }
  }
  [[nodiscard]] Range range() const override { return range_; }

 private:
  Range range_;
};

}  // namespace

std::unique_ptr<Observer> make_min_max(const ObserverOptions&) {
  return std::make_unique<MinMax>();
}

}  // namespace lode::quant
