// Result<T>: a value or an Error, for everything that a user or a file can cause.
// An error's message is one line that names the thing, the value and the way out.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace lode {

/// What went wrong, by who can mend it; cli/ maps it to the exit code.
enum class ErrorKind {
  kRuntime,      ///< a file, a device, the machine: exit code 1
  kUsage,        ///< a flag, a key, a configuration: exit code 2
  kInterrupted,  ///< the user stopped it: exit code 130
};

struct Error {
  ErrorKind kind = ErrorKind::kRuntime;
  std::string message;

  /// The same error with "prefix: " in front: where, in the caller's terms.
  [[nodiscard]] Error within(std::string_view prefix) const {
    return Error{kind, fmt::format("{}: {}", prefix, message)};
  }
};

/// A runtime error; arguments as fmt::format.
template <typename... Args>
[[nodiscard]] Error runtime_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error{ErrorKind::kRuntime, fmt::format(format, std::forward<Args>(args)...)};
}

/// A usage or configuration error; arguments as fmt::format.
template <typename... Args>
[[nodiscard]] Error usage_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error{ErrorKind::kUsage, fmt::format(format, std::forward<Args>(args)...)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    LODE_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    LODE_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    LODE_ASSERT(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  [[nodiscard]] const Error& error() const {
    LODE_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const {
    LODE_ASSERT(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace lode

#define LODE_CONCAT_INNER(a, b) a##b
#define LODE_CONCAT(a, b) LODE_CONCAT_INNER(a, b)

/// LODE_TRY(auto x, expression): x is the value, or the enclosing function returns the error.
#define LODE_TRY(declaration, expression)                  \
  auto LODE_CONCAT(lode_result_, __LINE__) = (expression); \
  if (!LODE_CONCAT(lode_result_, __LINE__).ok()) {         \
    return LODE_CONCAT(lode_result_, __LINE__).error();    \
  }                                                        \
  declaration = std::move(LODE_CONCAT(lode_result_, __LINE__)).value()

/// LODE_CHECK_OK(expression): the enclosing function returns its error, if it is one.
#define LODE_CHECK_OK(expression)                      \
  do {                                                 \
    auto lode_status = (expression);                   \
    if (!lode_status.ok()) return lode_status.error(); \
  } while (false)
