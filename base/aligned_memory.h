// Memory for what kernels read and write in bulk.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace lode {

/// Cache lines and the widest vectors.
inline constexpr std::size_t kMemoryAlignment = 64;

/// `bytes` (> 0), uninitialised, at kMemoryAlignment; null if there is not as much. Large blocks
/// are put on huge pages where the system allows that on request: weights that are read once a run
/// would otherwise spend a good part of the time on page walks.
[[nodiscard]] std::byte* allocate_aligned(std::size_t bytes);

struct FreeAligned {
  void operator()(void* pointer) const { std::free(pointer); }
};

}  // namespace lode
