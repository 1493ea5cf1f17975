#include "base/aligned_memory.h"

#include <sys/mman.h>

namespace lode {

namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

std::byte* allocate_aligned(std::size_t bytes) {
  if (bytes > SIZE_MAX - kHugePage) return nullptr;
  const bool is_large = bytes >= kHugePage;
  const std::size_t alignment = is_large ? kHugePage : kMemoryAlignment;
  // Not aligned_alloc(), which wants a multiple of the alignment: that could be twice the memory.
  void* fresh = nullptr;
  if (posix_memalign(&fresh, alignment, rounded_up(bytes, kMemoryAlignment)) != 0) return nullptr;
  auto* memory = static_cast<std::byte*>(fresh);
#if defined(MADV_HUGEPAGE)
  // Whole huge pages alone, so that the last one costs no more than what is used of it. A refusal
  // costs speed, nothing else.
  if (is_large) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace lode
