// Greedy-by-size placement: not optimal, but a convolutional network's peak is one large layer's
// input and output, and those are placed first.
#include "engine/runtime/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lode::engine {

namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool live_at_once(const Lifetime& a, const Lifetime& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

struct Extent {
  std::size_t begin;
  std::size_t end;
};

/// The offset of the smallest gap of at least `bytes` between `taken` (sorted by begin, possibly
/// overlapping), or behind them all.
std::size_t best_gap(std::span<const Extent> taken, std::size_t bytes) {
  std::size_t best = 0;
  std::size_t best_size = std::numeric_limits<std::size_t>::max();
  std::size_t end = 0;
  for (const Extent& extent : taken) {
    if (extent.begin > end) {
      const std::size_t gap = extent.begin - end;
      if (gap >= bytes && gap < best_size) {
        best = end;
        best_size = gap;
      }
    }
    end = std::max(end, extent.end);
  }
  return best_size == std::numeric_limits<std::size_t>::max() ? end : best;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes) {
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return lifetimes[a].bytes > lifetimes[b].bytes;
  });
  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  std::vector<std::size_t> placed;
  std::vector<Extent> taken;
  for (const std::size_t index : order) {
    taken.clear();
    for (const std::size_t other : placed) {
      if (!live_at_once(lifetimes[index], lifetimes[other])) continue;
      const std::size_t begin = plan.offsets[other];
      taken.push_back({begin, begin + aligned(lifetimes[other].bytes)});
    }
    std::sort(taken.begin(), taken.end(),
              [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    const std::size_t bytes = aligned(lifetimes[index].bytes);
    plan.offsets[index] = best_gap(taken, bytes);
    plan.arena_bytes = std::max(plan.arena_bytes, plan.offsets[index] + bytes);
    placed.push_back(index);
  }
  return plan;
}

bool is_sound(const MemoryPlan& plan, std::span<const Lifetime> lifetimes) {
  if (plan.offsets.size() != lifetimes.size()) return false;
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    const std::size_t end = plan.offsets[i] + lifetimes[i].bytes;
    if (end > plan.arena_bytes || plan.offsets[i] % kArenaAlignment != 0) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (!live_at_once(lifetimes[i], lifetimes[j])) continue;
      const std::size_t other_end = plan.offsets[j] + lifetimes[j].bytes;
      if (plan.offsets[i] < other_end && plan.offsets[j] < end) return false;
    }
  }
  return true;
}

}  // namespace lode::engine
