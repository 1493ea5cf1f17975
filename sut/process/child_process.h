// A child process: started with given files open, watched, and never left behind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file_handle.h"
#include "base/result.h"

namespace lode::sut {

/// The file that a shell would start for `word`; none if it would find no program.
[[nodiscard]] std::optional<std::string> find_program(const std::string& word);

struct ChildCommand {
  std::vector<std::string> words;        ///< the program, as find_program() has it, and its own
  std::vector<std::string> environment;  ///< "NAME=VALUE", above those of this process
  std::vector<int> files;  ///< become the child's files from kFirstFile on, in this order
  std::vector<int> cpus;   ///< the processors that it may use; empty: as this process
};

/// It dies with the thread that started it (PR_SET_PDEATHSIG) and leads a process group of its own,
/// all of which is killed when this object goes. Its stdin is empty, and its stdout goes to stderr.
class ChildProcess {
 public:
  /// The number of the first of ChildCommand::files in the child.
  static constexpr int kFirstFile = 3;

  /// Errors name the program and why it cannot be started. SIGPIPE is ignored from then on, if
  /// nobody handles it: what the child reads from may be closed at any time.
  [[nodiscard]] static Result<ChildProcess> start(const ChildCommand& command);

  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), handle_(std::move(other.handle_)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() { kill_all(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable, for poll(2), once the child has ended.
  [[nodiscard]] int handle() const { return handle_.get(); }

  /// Waits so long for the end; whether it came.
  [[nodiscard]] bool wait_for_end(std::int64_t timeout_ns) const;
  /// "was killed by signal 9 (Killed)", "exited with code 3", "is running".
  [[nodiscard]] std::string state() const;

  /// Kills it and its process group, and waits until it is gone. Calling it twice does nothing.
  void kill_all();

 private:
  ChildProcess(pid_t pid, FileHandle handle) : pid_(pid), handle_(std::move(handle)) {}

  pid_t pid_ = -1;
  FileHandle handle_;
};

}  // namespace lode::sut
