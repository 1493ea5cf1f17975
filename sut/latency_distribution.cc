#include "sut/latency_distribution.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/units.h"

namespace lode::sut {
namespace {

using Kind = LatencyDistribution::Kind;

struct Form {
  std::string_view name;
  Kind kind;
  bool has_second;
  std::string_view example;
};

constexpr std::array<Form, 5> kForms = {{
    {"constant", Kind::kConstant, false, "constant:1ms"},
    {"uniform", Kind::kUniform, true, "uniform:1ms,3ms"},
    {"normal", Kind::kNormal, true, "normal:5ms,1ms"},
    {"exponential", Kind::kExponential, false, "exponential:2ms"},
    {"lognormal", Kind::kLognormal, true, "lognormal:2ms,0.5"},
}};

/// What a delay may be at most; far above any use, and no drawn time overflows.
constexpr double kDelayMaxNs = 1e16;
constexpr double kSigmaMax = 10.0;

Result<double> parse_second(const Form& form, std::string_view text, double first) {
  if (form.kind == Kind::kLognormal) {
    LODE_TRY(const double sigma, parse_number(text));
    if (sigma >= 0.0 && sigma <= kSigmaMax) return sigma;
    return usage_error("{} is out of range; use a deviation of the logarithm of 0 to {}", text,
                       kSigmaMax);
  }
  LODE_TRY(const std::int64_t ns, parse_duration_ns(text));
  if (form.kind == Kind::kUniform && static_cast<double>(ns) < first) {
    return usage_error("the upper bound {} is below the lower one", text);
  }
  return static_cast<double>(ns);
}

}  // namespace

Result<LatencyDistribution> LatencyDistribution::parse(std::string_view text) {
  const std::string where = fmt::format("delay '{}'", text);
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto* const form = std::find_if(kForms.begin(), kForms.end(),
                                        [&](const Form& known) { return known.name == name; });
  if (form == kForms.end()) {
    std::string examples;
    for (const Form& known : kForms) {
      examples += fmt::format("{}{}", examples.empty() ? "" : ", ", known.example);
    }
    return usage_error("{}: no such distribution; write as in {}", where, examples);
  }
  const std::string_view rest =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const std::size_t comma = rest.find(',');
  if (rest.empty() || (comma != std::string_view::npos) != form->has_second) {
    return usage_error("{}: {} parameter{} expected; write as in {}", where,
                       form->has_second ? "two" : "one", form->has_second ? "s" : "",
                       form->example);
  }
  const auto first_ns = parse_duration_ns(rest.substr(0, comma));
  if (!first_ns.ok()) return first_ns.error().within(where);
  const auto first = static_cast<double>(*first_ns);
  double second = 0.0;
  if (form->has_second) {
    const auto parsed = parse_second(*form, rest.substr(comma + 1), first);
    if (!parsed.ok()) return parsed.error().within(where);
    second = *parsed;
  }
  return LatencyDistribution(form->kind, first, second);
}

std::int64_t LatencyDistribution::draw(Rng& rng) const {
  double ns = a_;
  switch (kind_) {
    case Kind::kConstant:
      break;
    case Kind::kUniform:
      ns = a_ + (b_ - a_) * static_cast<double>(uniform_unit(rng));
      break;
    case Kind::kNormal:
      ns = a_ + b_ * static_cast<double>(standard_normal(rng));
      break;
    case Kind::kExponential:
      ns = -a_ * std::log(1.0 - static_cast<double>(uniform_unit(rng)));
      break;
    case Kind::kLognormal:
      ns = a_ * std::exp(b_ * static_cast<double>(standard_normal(rng)));
      break;
  }
  return static_cast<std::int64_t>(std::llround(std::clamp(ns, 0.0, kDelayMaxNs)));
}

}  // namespace lode::sut
