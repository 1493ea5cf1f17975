// Where each intermediate value lies in the arena: values that never live at once share memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lode::engine {

/// A value's size and the steps during which it must not be overwritten, both ends included.
struct Lifetime {
  std::size_t bytes = 0;
  std::int64_t first_step = 0;
  std::int64_t last_step = 0;
};

/// Offsets are multiples of this many bytes.
inline constexpr std::size_t kArenaAlignment = 64;

struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< parallel to the lifetimes
  std::size_t arena_bytes = 0;
};

/// Greedy by size: the largest value first, each into the smallest gap that fits between the values
/// already placed whose lifetimes cross its own.
[[nodiscard]] MemoryPlan plan_memory(std::span<const Lifetime> lifetimes);

/// True if no two values that live at once share a byte and all lie inside the arena.
[[nodiscard]] bool is_sound(const MemoryPlan& plan, std::span<const Lifetime> lifetimes);

}  // namespace lode::engine
