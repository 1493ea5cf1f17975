#include "loadgen/arrivals.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/units.h"

namespace lode::loadgen {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr std::uint64_t kBurstMax = 1U << 20;
constexpr std::size_t kStepsMax = 1024;

/// Later than any test, with room for a clock's time to be added.
constexpr std::int64_t kLatestNs = 4'000'000'000'000'000'000;

/// As the reference casts them: towards zero.
std::int64_t to_ns(double seconds) {
  return static_cast<std::int64_t>(
      std::min(seconds * kNsPerSecond, static_cast<double>(kLatestNs)));
}

Result<Arrivals::Step> parse_step(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) {
    return usage_error("'{}' is not a step; write QPS@TIME, as in 100@10s", text);
  }
  Arrivals::Step step;
  LODE_TRY(step.qps, parse_number(text.substr(0, at)));
  LODE_TRY(step.duration_ns, parse_duration_ns(text.substr(at + 1)));
  if (step.qps <= 0.0 || step.duration_ns <= 0) {
    return usage_error("'{}' is out of range; a step has a rate and a time above 0", text);
  }
  return step;
}

Result<Arrivals> parse_steps(std::string_view text) {
  Arrivals arrivals;
  arrivals.kind = Arrivals::Kind::kStep;
  while (true) {
    const std::size_t comma = text.find(',');
    LODE_TRY(const Arrivals::Step step, parse_step(text.substr(0, comma)));
    arrivals.steps.push_back(step);
    if (arrivals.steps.size() > kStepsMax) return usage_error("more than {} steps", kStepsMax);
    if (comma == std::string_view::npos) return arrivals;
    text.remove_prefix(comma + 1);
  }
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = line.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

double draw_exponential(StreamRng& rng, double rate) {
  constexpr double kTwoTo32 = 4294967296.0;
  const auto low = static_cast<double>(rng());
  const auto high = static_cast<double>(rng());
  const double unit = (low + high * kTwoTo32) * (1.0 / kTwoTo32 / kTwoTo32);
  constexpr double kBelowOne = 1.0 - std::numeric_limits<double>::epsilon() / 2.0;
  return -std::log(1.0 - std::min(unit, kBelowOne)) / rate;
}

ArrivalSchedule::ArrivalSchedule(const Settings& settings)
    : settings_(settings),
      is_poisson_(settings.arrivals.kind == Arrivals::Kind::kPoisson),
      rng_(make_stream_rng(settings.schedule_seed)) {}

void ArrivalSchedule::draw_block() {
  std::array<std::int64_t, kBlock> gaps_ns{};
  for (std::int64_t& gap_ns : gaps_ns) {
    gap_ns = to_ns(draw_exponential(rng_, settings_.target_qps));
  }
  for (std::size_t i = 0; i < kBlock; ++i) {
    block_[i] = time_ns_;
    time_ns_ = std::min(time_ns_, kLatestNs - gaps_ns[i]) + gaps_ns[i];
  }
  at_ = 0;
}

std::optional<std::int64_t> ArrivalSchedule::next_of_pattern() {
  const Arrivals& arrivals = settings_.arrivals;
  const std::uint64_t index = count_++;
  switch (arrivals.kind) {
    case Arrivals::Kind::kPoisson:
      break;
    case Arrivals::Kind::kConstant:
      return to_ns(static_cast<double>(index) / settings_.target_qps);
    case Arrivals::Kind::kBurst: {
      const std::uint64_t first = index / arrivals.burst_size * arrivals.burst_size;
      return to_ns(static_cast<double>(first) / settings_.target_qps);
    }
    case Arrivals::Kind::kStep:
      return index == 0 ? 0 : next_of_steps();
    case Arrivals::Kind::kReplay:
      if (index >= arrivals.times_ns.size()) return std::nullopt;
      return arrivals.times_ns[index];
  }
  return std::nullopt;
}

/// A Poisson process whose rate changes: a gap of the unit rate is used up step by step, each at
/// its own rate.
std::int64_t ArrivalSchedule::next_of_steps() {
  const auto& steps = settings_.arrivals.steps;
  double left = draw_exponential(rng_, 1.0);
  while (step_ + 1 < steps.size()) {
    const double length_s = static_cast<double>(steps[step_].duration_ns) / kNsPerSecond;
    const double to_end = (length_s - step_time_s_) * steps[step_].qps;
    if (left < to_end) break;
    left -= to_end;
    steps_begin_s_ += length_s;
    step_time_s_ = 0.0;
    ++step_;
  }
  step_time_s_ += left / steps[step_].qps;
  return to_ns(steps_begin_s_ + step_time_s_);
}

Result<Arrivals> parse_arrivals(std::string_view text) {
  Arrivals arrivals;
  if (text == "poisson") return arrivals;
  if (text == "constant") {
    arrivals.kind = Arrivals::Kind::kConstant;
    return arrivals;
  }
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == text.npos ? "" : text.substr(colon + 1);
  if (kind == "burst") {
    arrivals.kind = Arrivals::Kind::kBurst;
    const auto size = parse_integer(rest, 1, static_cast<std::int64_t>(kBurstMax));
    if (!size.ok()) return usage_error("burst: {}; write burst:8", size.error().message);
    arrivals.burst_size = static_cast<std::uint64_t>(*size);
    return arrivals;
  }
  if (kind == "step") return parse_steps(rest);
  return usage_error(
      "'{}' is no pattern of arrival; use poisson, constant, burst:N, step:QPS@TIME,... or "
      "replay:FILE",
      text);
}

Result<std::vector<std::int64_t>> parse_arrival_times(std::string_view text) {
  std::vector<std::int64_t> times_ns;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto time_ns = parse_duration_ns(line);
    if (!time_ns.ok()) return time_ns.error().within(fmt::format("line {}", number));
    if (!times_ns.empty() && *time_ns < times_ns.back()) {
      return usage_error("line {}: {} is before the arrival above it; sort the times", number,
                         line);
    }
    times_ns.push_back(*time_ns);
  }
  if (times_ns.empty()) return usage_error("holds no arrival; write one time a line, as in 1.5ms");
  return times_ns;
}

}  // namespace lode::loadgen
