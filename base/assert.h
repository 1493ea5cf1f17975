// Assertions for what only a bug of ours can cause; they stay on in every build.
// What a user or a file can cause is a Result (base/result.h), never an assertion.
#pragma once

namespace lode {

/// Prints the failed condition with its place to stderr and aborts.
[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace lode

#define LODE_ASSERT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::lode::assert_failed(#condition, __FILE__, __LINE__))
