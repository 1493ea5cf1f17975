// Observers: what range a value needs, from the samples that calibration shows. Each is one file
// and one line in the list.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "quant/range.h"

namespace lode::quant {

/// What the range will be used for.
struct ObserverOptions {
  int levels = 256;           ///< codes of the quantized type
  bool is_symmetric = false;  ///< the range becomes [-a, a]
  double percentile = 99.99;  ///< percentile: share of the elements that a range holds, in percent
  double momentum = 0.01;     ///< moving-average: weight of the newest sample, in (0,1]
};

class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// The elements of a value for one sample; all finite.
  virtual void observe(std::span<const float> values) = 0;
  /// Of what was observed so far; it holds 0.
  [[nodiscard]] virtual Range range() const = 0;
};

struct ObserverDef {
  std::string_view name;  ///< as --calibration-method names it
  std::string_view doc;
  std::unique_ptr<Observer> (*make)(const ObserverOptions&);
};

[[nodiscard]] std::span<const ObserverDef> all_observers();

/// The one by that name; a usage error that lists them otherwise.
[[nodiscard]] Result<const ObserverDef*> find_observer(std::string_view name);

// The makers, a file each.
std::unique_ptr<Observer> make_min_max(const ObserverOptions& options);
std::unique_ptr<Observer> make_moving_average(const ObserverOptions& options);
std::unique_ptr<Observer> make_percentile(const ObserverOptions& options);
std::unique_ptr<Observer> make_mse(const ObserverOptions& options);
std::unique_ptr<Observer> make_entropy(const ObserverOptions& options);

}  // namespace lode::quant
