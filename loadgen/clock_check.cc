#include "loadgen/clock_check.h"

#include <cstdlib>
#include <ctime>

namespace lode::loadgen {
namespace {

/// Above what reading two clocks one after the other takes, a preemption in between included.
constexpr std::int64_t kSuspendedNs = 50'000'000;
/// NTP slews by 0.05% at most, half a second in a thousand: what is more was set.
constexpr std::int64_t kWallNs = 500'000'000;

std::int64_t read_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t suspended_ns() {
  return read_ns(CLOCK_BOOTTIME) - read_ns(CLOCK_MONOTONIC);
}

std::int64_t wall_ns() {
  return read_ns(CLOCK_REALTIME) - read_ns(CLOCK_BOOTTIME);
}

}  // namespace

ClockCheck::ClockCheck() : suspended_ns_(suspended_ns()), wall_ns_(wall_ns()) {}

std::int64_t ClockCheck::step_ns() const {
  const std::int64_t suspended = suspended_ns() - suspended_ns_;
  if (suspended > kSuspendedNs) return suspended;
  const std::int64_t wall = wall_ns() - wall_ns_;
  return std::abs(wall) > kWallNs ? wall : 0;
}

}  // namespace lode::loadgen
