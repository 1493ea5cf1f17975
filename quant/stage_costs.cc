#include "quant/stage_costs.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/assert.h"

namespace lode::quant {

namespace {

std::int64_t in_ns(const timeval& time) {
  return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1'000LL;
}

rusage usage_now() {
  rusage usage = {};
  LODE_ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage;
}

std::int64_t cpu_ns(const rusage& usage) {
  return in_ns(usage.ru_utime) + in_ns(usage.ru_stime);
}

}  // namespace

void StageCosts::begin(std::string_view stage) {
  end();
  const auto known = std::find_if(costs_.begin(), costs_.end(),
                                  [&](const StageCost& cost) { return cost.stage == stage; });
  current_ = static_cast<std::size_t>(known - costs_.begin());
  if (known == costs_.end()) costs_.push_back(StageCost{.stage = std::string(stage)});
  is_open_ = true;
  wall_start_ns_ = clock_.now_ns();
  cpu_start_ns_ = cpu_ns(usage_now());
}

void StageCosts::end() {
  if (!is_open_) return;
  is_open_ = false;
  const rusage usage = usage_now();
  StageCost& cost = costs_[current_];
  cost.wall_ns += clock_.now_ns() - wall_start_ns_;
  cost.cpu_ns += cpu_ns(usage) - cpu_start_ns_;
  constexpr std::uint64_t kBytesPerUnit = 1024;  // Linux counts ru_maxrss in KiB
  cost.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * kBytesPerUnit;
}

}  // namespace lode::quant
