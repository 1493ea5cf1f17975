// The loops against the clock.
#include <algorithm>
#include <chrono>

#include "base/assert.h"
#include "engine/kernels/peak/peak.h"

namespace lode::engine {

namespace {

/// The shortest of the calls of `block` made within `seconds`, at least three, in seconds.
template <typename Block>
double shortest_call(double seconds, const Block& block) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto begin = Clock::now();
  double shortest = 1e9;
  for (int calls = 0; calls < 3 || since(begin) < seconds; ++calls) {
    const auto start = Clock::now();
    // Stored where the compiler cannot see that nobody looks.
    [[maybe_unused]] volatile float kept = block();
    shortest = std::min(shortest, std::max(since(start), 1e-9));
  }
  return shortest;
}

constexpr std::int64_t kRounds = 20'000;  // tens of microseconds: far above the clock's grain

}  // namespace

double measure_flops(const PeakKernel& kernel, double seconds) {
  const double shortest = shortest_call(seconds, [&] { return kernel.multiply_add(kRounds); });
  return static_cast<double>(kernel.flops_per_round * kRounds) / shortest;
}

double measure_products(const ProductPeakKernel& kernel, double seconds) {
  const double shortest = shortest_call(seconds, [&] { return kernel.multiply_add(kRounds); });
  return static_cast<double>(kernel.ops_per_round * kRounds) / shortest;
}

double measure_reads(const PeakKernel& kernel, std::span<const float> from, double seconds) {
  LODE_ASSERT(from.size() % PeakKernel::kReadStep == 0);
  const auto count = static_cast<std::int64_t>(from.size());
  const double shortest = shortest_call(seconds, [&] { return kernel.read(from.data(), count); });
  return static_cast<double>(from.size_bytes()) / shortest;
}

}  // namespace lode::engine
