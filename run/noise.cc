#include "run/noise.h"

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "base/percentile.h"
#include "base/units.h"

namespace lode::run {
namespace {

/// Long beside the reading of a clock, short beside what disturbs.
constexpr std::int64_t kQuantumNs = 1'000'000;

/// Registers alone: neither memory nor vector units add noise of their own. The result keeps the
/// compiler from leaving it out.
std::uint64_t work(std::uint64_t rounds) {
  std::uint64_t state = rounds;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  return state;
}

}  // namespace

Noise summarise_noise(std::span<const std::int64_t> times_ns) {
  LODE_ASSERT(times_ns.size() >= kNoiseBlocks);
  std::vector<std::int64_t> sorted(times_ns.begin(), times_ns.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int64_t> medians;
  const std::size_t size = times_ns.size() / kNoiseBlocks;
  for (std::size_t block = 0; block < kNoiseBlocks; ++block) {
    const auto own = times_ns.subspan(block * size, size);
    medians.push_back(median({own.begin(), own.end()}));
  }
  const auto [least, largest] = std::minmax_element(medians.begin(), medians.end());
  return {.quanta = times_ns.size(),
          .p50_ns = percentile(sorted, 0.5),
          .p99_ns = percentile(sorted, 0.99),
          .max_ns = sorted.back(),
          .floor = static_cast<double>(*largest - *least) /
                   static_cast<double>(std::max<std::int64_t>(*least, 1))};
}

Result<Noise> measure_noise(std::int64_t duration_ns, const std::atomic<bool>& interrupted) {
  const RealClock clock;
  volatile std::uint64_t sink = 0;
  const auto time = [&](std::uint64_t rounds) {
    const std::int64_t begin_ns = clock.now_ns();
    sink = work(rounds);
    return clock.now_ns() - begin_ns;
  };
  std::uint64_t rounds = 1000;
  while (time(rounds) < kQuantumNs) rounds *= 2;
  std::vector<std::int64_t> times_ns;
  const std::int64_t end_ns = clock.now_ns() + duration_ns;
  while (clock.now_ns() < end_ns || times_ns.size() < kNoiseBlocks) {
    if (interrupted) return Error{ErrorKind::kInterrupted, "interrupted; nothing is printed"};
    times_ns.push_back(time(rounds));
  }
  return summarise_noise(times_ns);
}

CheckItem judge_noise(const Noise& noise) {
  constexpr double kQuiet = 0.01;
  constexpr double kLoud = 0.05;
  CheckItem item{"noise floor", Fitness::kGreen, "", ""};
  item.value = fmt::format("{:.2f}% between runs; {} p50, p99 +{:.1f}%, max +{:.0f}%",
                           noise.floor * 100, format_duration(noise.p50_ns),
                           100.0 * static_cast<double>(noise.p99_ns - noise.p50_ns) /
                               static_cast<double>(std::max<std::int64_t>(noise.p50_ns, 1)),
                           100.0 * static_cast<double>(noise.max_ns - noise.p50_ns) /
                               static_cast<double>(std::max<std::int64_t>(noise.p50_ns, 1)));
  if (noise.floor < kQuiet) return item;
  item.fitness = noise.floor < kLoud ? Fitness::kAmber : Fitness::kRed;
  item.advice = "believe no difference below it: repeat runs and interleave what you compare";
  return item;
}

}  // namespace lode::run
