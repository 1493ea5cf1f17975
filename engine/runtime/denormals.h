// Denormal floats as zeros: they cost a hundred times an ordinary operation, and no result of a
// network hangs on them. The mode is a thread's own.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lode::engine {

/// Flushes denormals to zero on this thread while it lives; then the mode is as it was.
class FlushDenormals {
 public:
  FlushDenormals() : saved_(read()) { write(saved_ | kFlush); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
  ~FlushDenormals() { write(saved_); }

 private:
#if defined(__x86_64__)
  static constexpr std::uint64_t kFlush = 0x8040;  // FTZ and DAZ of MXCSR
  static std::uint64_t read() {
    return _mm_getcsr();
  }
  static void write(std::uint64_t mode) {
    _mm_setcsr(static_cast<unsigned>(mode));
  }
#elif defined(__aarch64__)
  static constexpr std::uint64_t kFlush = std::uint64_t{1} << 24U;  // FZ of FPCR
  static std::uint64_t read() {
    std::uint64_t mode = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
  }
  static void write(std::uint64_t mode) {
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
  }
#else
  static constexpr std::uint64_t kFlush = 0;
  static std::uint64_t read() {
    return 0;
  }
  static void write(std::uint64_t) {}
#endif

  std::uint64_t saved_;
};

}  // namespace lode::engine
