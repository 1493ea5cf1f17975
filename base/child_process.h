// A child process: started with given files open and no others, watched, and never left behind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file_handle.h"
#include "base/result.h"

namespace lode {

/// This process's environment: "NAME=VALUE".
[[nodiscard]] std::vector<std::string> environment_entries();

struct ChildCommand {
  std::string program;                   ///< its file; nothing is searched for
  std::vector<std::string> words;        ///< its name for itself, then its arguments
  std::vector<std::string> environment;  ///< "NAME=VALUE": all that it gets
  int output = -1;                       ///< becomes its stdout; -1: that goes nowhere
  int errors = -1;                       ///< becomes its stderr; -1: it has that of this process
  std::vector<int> files;                ///< become its files from kFirstFile on, in this order
  std::vector<int> cpus;                 ///< the processors that it may use; empty: as this process
  /// It leads a process group of its own, which goes with it, and no signal is ignored or blocked.
  /// Otherwise the terminal's signals reach it as they reach this process.
  bool is_apart = false;
};

/// How a child ended.
struct ChildEnd {
  int exit_code = -1;  ///< -1: it was ended by a signal
  int signal = 0;      ///< that signal; 0: it ended by itself
};

/// It dies with the thread that started it (PR_SET_PDEATHSIG), and when this object goes. Its stdin
/// is empty.
class ChildProcess {
 public:
  /// The number of the first of ChildCommand::files in the child.
  static constexpr int kFirstFile = 3;

  /// Errors name the program and why it cannot be started.
  [[nodiscard]] static Result<ChildProcess> start(ChildCommand command);

  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        is_apart_(other.is_apart_),
        handle_(std::move(other.handle_)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() { kill_all(); }

  /// -1 once it was waited for or killed.
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable, for poll(2), once the child has ended.
  [[nodiscard]] int handle() const { return handle_.get(); }

  /// Sends a signal to it alone.
  void send_signal(int signal) const;

  /// Waits so long for the end; whether it came.
  [[nodiscard]] bool wait_for_end(std::int64_t timeout_ns) const;
  /// "was killed by signal 9 (Killed)", "exited with code 3", "is running", "is gone".
  [[nodiscard]] std::string state() const;

  /// Waits for the end, however long that takes. An error: somebody else has waited for it.
  [[nodiscard]] Result<ChildEnd> wait();

  /// Kills it, with its process group if that is its own, and waits until it is gone. Calling it
  /// twice does nothing.
  void kill_all();

 private:
  ChildProcess(pid_t pid, bool is_apart) : pid_(pid), is_apart_(is_apart) {}

  pid_t pid_ = -1;
  bool is_apart_ = false;
  FileHandle handle_;
};

}  // namespace lode
