// Another program for a while: started, watched, told of the user's wish to stop, never left
// behind.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace lode::run {

struct ChildRequest {
  /// "/proc/self/exe" is this very program, even if its file was replaced meanwhile.
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments;  ///< without the program's name
  /// Set: the child gets SIGINT, and SIGKILL if it has not ended `grace` later.
  const std::atomic<bool>* interrupted = nullptr;
  std::chrono::milliseconds grace{20'000};
};

/// How a child ended.
struct ChildOutcome {
  int exit_code = -1;      ///< -1: it was ended by a signal
  int signal = 0;          ///< that signal; 0: it ended by itself
  std::string last_words;  ///< the last line that it wrote to stderr; "" without one

  /// "exit code 1: cannot read 'x'", "ended by signal 9 (Killed)".
  [[nodiscard]] std::string describe() const;
};

/// Runs a program to its end, in this process group. Its stdout goes nowhere, of its stderr the end
/// is kept; LODE_SET_* are taken from its environment, since the caller has read them. It dies with
/// the calling thread, whatever ends that. An error is what kept it from starting.
[[nodiscard]] Result<ChildOutcome> run_child(const ChildRequest& request);

/// Sleeps, or returns at once when `interrupted` (may be null) is set.
void pause_for(std::chrono::milliseconds duration, const std::atomic<bool>* interrupted);

}  // namespace lode::run
