// The two pipes to a process that serves as a system under test: every wait ends, and every end
// that is not an answer says what the process did.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/child_process.h"
#include "base/clock.h"
#include "base/result.h"
#include "sut/process/protocol.h"

namespace lode::sut {

/// One exchange at a time; interrupt() alone may be called from another thread.
class Channel {
 public:
  /// Starts the process with the two pipes as its first files, before those of `command`.
  /// `spin_ns`: how long a wait looks again and again before it blocks. SIGPIPE is ignored from
  /// then on, if nobody handles it: what the process reads from may be closed at any time.
  [[nodiscard]] static Result<std::unique_ptr<Channel>> start(ChildCommand command,
                                                              std::int64_t spin_ns);

  /// Sends a message of a new sequence number and waits for its answer, which must be of type
  /// `wanted`. Errors: the process ended, does not answer in time, or wrote anything else.
  [[nodiscard]] Result<Message> exchange(MessageType type, std::span<const std::byte> payload,
                                         MessageType wanted, std::int64_t timeout_ns);
  [[nodiscard]] Result<Message> exchange(MessageType type, std::string_view text,
                                         MessageType wanted, std::int64_t timeout_ns) {
    return exchange(type, std::as_bytes(std::span(text)), wanted, timeout_ns);
  }

  /// An exchange that runs, or the next one, goes on for kGraceNs at most and then ends with an
  /// error of kind kInterrupted; `flag` set does the same to every one.
  void interrupt() const;
  void watch(const std::atomic<bool>* flag) { flag_ = flag; }
  /// interrupt() no longer counts.
  void resume();

  static constexpr std::int64_t kGraceNs = 1'000'000'000;

  ~Channel() { close(); }

  /// Closes the pipes, which asks the process to end, gives it kGraceNs for that, and kills what is
  /// left. One that has failed an exchange gets no grace.
  void close();

  [[nodiscard]] pid_t pid() const { return child_.pid(); }

 private:
  Channel(ChildProcess child, FileHandle requests, FileHandle answers, FileHandle wake,
          std::int64_t spin_ns)
      : child_(std::move(child)),
        requests_(std::move(requests)),
        answers_(std::move(answers)),
        wake_(std::move(wake)),
        spin_ns_(spin_ns) {}

  [[nodiscard]] Result<Message> send_and_receive(std::span<const std::byte> bytes,
                                                 MessageType wanted);
  [[nodiscard]] Status send(std::span<const std::byte> bytes);
  [[nodiscard]] Result<Message> receive();
  /// Reads what is there; false if nothing is.
  [[nodiscard]] Result<bool> read_some();
  /// Blocks until `file` is ready, the process ends, or something has to be looked at.
  [[nodiscard]] Status wait(int file, short events);
  [[nodiscard]] Status check(const Message& message, MessageType wanted) const;
  [[nodiscard]] Error ended() const;

  ChildProcess child_;
  FileHandle requests_;
  FileHandle answers_;
  FileHandle wake_;
  std::int64_t spin_ns_;
  const std::atomic<bool>* flag_ = nullptr;
  RealClock clock_;
  MessageReader reader_;
  std::vector<std::byte> outgoing_;
  std::uint32_t sequence_ = 0;
  bool has_failed_ = false;
  // Of the exchange that runs.
  std::int64_t timeout_ns_ = 0;
  std::int64_t deadline_ns_ = 0;
  bool is_interrupted_ = false;
};

}  // namespace lode::sut
