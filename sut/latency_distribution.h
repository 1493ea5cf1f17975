// A latency as a random variable: what the delay SUT draws its service times from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"

namespace lode::sut {

class LatencyDistribution {
 public:
  /// "constant:1ms"; "uniform:1ms,3ms" (bounds); "normal:5ms,1ms" (mean, standard deviation; drawn
  /// values below 0 count as 0); "exponential:2ms" (mean); "lognormal:2ms,0.5" (median, and the
  /// standard deviation of the logarithm). Errors name the part that is wrong.
  [[nodiscard]] static Result<LatencyDistribution> parse(std::string_view text);

  /// The next value, ns, at least 0.
  [[nodiscard]] std::int64_t draw(Rng& rng) const;

  enum class Kind : std::uint8_t { kConstant, kUniform, kNormal, kExponential, kLognormal };

 private:
  LatencyDistribution(Kind kind, double a, double b) : kind_(kind), a_(a), b_(b) {}

  Kind kind_;
  double a_;  ///< ns: the value, lower bound, mean, mean, median
  double b_;  ///< upper bound in ns, deviation in ns, or deviation of the logarithm
};

}  // namespace lode::sut
