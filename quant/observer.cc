#include "quant/observer.h"

#include <algorithm>
#include <array>

namespace lode::quant {

namespace {

constexpr std::array kObservers = {
    ObserverDef{"min-max", "the least and the largest value seen", make_min_max},
    ObserverDef{"moving-average", "min-max of each sample, averaged with fading memory",
                make_moving_average},
    ObserverDef{"percentile", "all but the outermost share of the elements", make_percentile},
    ObserverDef{"mse", "least sum of squared rounding and clipping errors", make_mse},
    ObserverDef{"entropy", "least Kullback-Leibler divergence, as TensorRT has it", make_entropy},
};

}  // namespace

std::span<const ObserverDef> all_observers() {
  return kObservers;
}

Result<const ObserverDef*> find_observer(std::string_view name) {
  std::string names;
  for (const ObserverDef& observer : kObservers) {
    if (observer.name == name) return &observer;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", observer.name);
  }
  return usage_error("there is no calibration method '{}', the methods are {}", name, names);
}

}  // namespace lode::quant
