#include "sut/process/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/units.h"

namespace lode::sut {
namespace {

/// How often a blocked wait looks at the flag that nobody announces.
constexpr std::int64_t kLookEveryNs = 50'000'000;
/// The end of a pipe may be seen before the end of its process.
constexpr std::int64_t kEndGraceNs = 200'000'000;

Error system_error(std::string_view what) {
  return runtime_error("{}: {}", what, std::strerror(errno));
}

struct Pipe {
  FileHandle read_end;
  FileHandle write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  return Pipe{FileHandle(ends[0]), FileHandle(ends[1])};
}

void ignore_sigpipe() {
  struct sigaction action = {};
  sigaction(SIGPIPE, nullptr, &action);
  if (action.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

Status do_not_block(int file) {
  if (fcntl(file, F_SETFL, O_NONBLOCK) == 0) return {};
  return system_error("cannot set up a pipe");
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::start(ChildCommand command, std::int64_t spin_ns) {
  LODE_TRY(Pipe requests, make_pipe());
  LODE_TRY(Pipe answers, make_pipe());
  LODE_CHECK_OK(do_not_block(requests.write_end.get()));
  LODE_CHECK_OK(do_not_block(answers.read_end.get()));
  FileHandle wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) return system_error("cannot make an eventfd");
  const int first[] = {requests.read_end.get(), answers.write_end.get()};
  command.files.insert(command.files.begin(), std::begin(first), std::end(first));
  ignore_sigpipe();
  LODE_TRY(ChildProcess child, ChildProcess::start(std::move(command)));
  return std::unique_ptr<Channel>(new Channel(std::move(child), std::move(requests.write_end),
                                              std::move(answers.read_end), std::move(wake),
                                              spin_ns));
}

Result<Message> Channel::exchange(MessageType type, std::span<const std::byte> payload,
                                  MessageType wanted, std::int64_t timeout_ns) {
  const MessageHeader header{.type = static_cast<std::uint32_t>(type),
                             .sequence = ++sequence_,
                             .payload_bytes = static_cast<std::uint32_t>(payload.size())};
  outgoing_.resize(sizeof(header) + payload.size());
  std::memcpy(outgoing_.data(), &header, sizeof(header));
  if (!payload.empty()) {
    std::memcpy(outgoing_.data() + sizeof(header), payload.data(), payload.size());
  }
  timeout_ns_ = timeout_ns;
  deadline_ns_ = clock_.now_ns() + timeout_ns;
  is_interrupted_ = false;
  Result<Message> answer = send_and_receive(outgoing_, wanted);
  has_failed_ = has_failed_ || !answer.ok();
  return answer;
}

Result<Message> Channel::send_and_receive(std::span<const std::byte> bytes, MessageType wanted) {
  LODE_CHECK_OK(send(bytes));
  LODE_TRY(const Message message, receive());
  LODE_CHECK_OK(check(message, wanted));
  return message;
}

Status Channel::check(const Message& message, MessageType wanted) const {
  if (message.type == MessageType::kError) {
    return runtime_error("reports: {}", message.text().empty() ? "an error without a word"
                                                               : std::string(message.text()));
  }
  const auto ahead = static_cast<std::int32_t>(message.sequence - sequence_);
  if (ahead < 0) return runtime_error("answered message {} twice", message.sequence);
  if (ahead > 0) {
    return runtime_error("answered message {}, which was never sent", message.sequence);
  }
  if (message.type != wanted) {
    return runtime_error("answered with a message of type {} instead of {}",
                         static_cast<std::uint32_t>(message.type),
                         static_cast<std::uint32_t>(wanted));
  }
  return {};
}

Status Channel::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(requests_.get(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      LODE_CHECK_OK(wait(requests_.get(), POLLOUT));
    } else if (errno == EPIPE || errno == EBADF) {
      return ended();
    } else if (errno != EINTR) {
      return system_error("cannot be written to");
    }
  }
  return {};
}

Result<Message> Channel::receive() {
  const std::int64_t begin_ns = spin_ns_ > 0 ? clock_.now_ns() : 0;
  while (true) {
    LODE_TRY(const std::optional<Message> message, reader_.next());
    if (message) return *message;
    LODE_TRY(const bool is_read, read_some());
    if (is_read) continue;
    if (spin_ns_ > 0 && clock_.now_ns() - begin_ns < spin_ns_) {
      // The process may be on this very processor.
      sched_yield();
      continue;
    }
    LODE_CHECK_OK(wait(answers_.get(), POLLIN));
  }
}

Result<bool> Channel::read_some() {
  const std::span<std::byte> room = reader_.room();
  const ssize_t bytes = read(answers_.get(), room.data(), room.size());
  if (bytes > 0) {
    reader_.added(static_cast<std::size_t>(bytes));
    return true;
  }
  if (bytes == 0) return ended();
  if (errno == EAGAIN || errno == EINTR) return false;
  return errno == EBADF ? ended() : system_error("cannot be read from");
}

Status Channel::wait(int file, short events) {
  const std::int64_t now_ns = clock_.now_ns();
  if (now_ns >= deadline_ns_) {
    if (is_interrupted_) return Error{ErrorKind::kInterrupted, "stopped while it was at work"};
    return runtime_error("has not answered for {}, and {}", format_duration(timeout_ns_),
                         child_.state());
  }
  pollfd watched[] = {{file, events, 0},
                      {child_.handle(), POLLIN, 0},
                      {is_interrupted_ ? -1 : wake_.get(), POLLIN, 0}};
  const std::int64_t wait_ns = std::min(deadline_ns_ - now_ns, kLookEveryNs);
  const timespec timeout = {wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
  if (ppoll(watched, std::size(watched), &timeout, nullptr) < 0 && errno != EINTR) {
    return system_error("cannot be waited for");
  }
  const bool is_flagged = flag_ != nullptr && flag_->load(std::memory_order_relaxed);
  if (!is_interrupted_ && (watched[2].revents != 0 || is_flagged)) {
    is_interrupted_ = true;
    deadline_ns_ = std::min(deadline_ns_, clock_.now_ns() + kGraceNs);
  }
  // What it wrote before its end counts; only then the end does.
  if (watched[0].revents == 0 && watched[1].revents != 0) return ended();
  return {};
}

Error Channel::ended() const {
  if (child_.wait_for_end(kEndGraceNs)) return runtime_error("{}", child_.state());
  return runtime_error("closed its pipe, and {}", child_.state());
}

void Channel::interrupt() const {
  const std::uint64_t one = 1;
  // Fails only if it is set already.
  (void)!write(wake_.get(), &one, sizeof(one));
}

void Channel::resume() {
  std::uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof(count));
}

void Channel::close() {
  requests_.close();
  answers_.close();
  if (child_.pid() > 0 && !has_failed_) (void)child_.wait_for_end(kGraceNs);
  child_.kill_all();
}

}  // namespace lode::sut
