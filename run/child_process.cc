#include "run/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace lode::run {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How often the wish to stop is looked at where no signal says so.
constexpr milliseconds kGlance(200);
constexpr std::size_t kWordsKept = 4096;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  [[nodiscard]] int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

Error system_failure(std::string_view what) {
  return runtime_error("{}: {}", what, std::generic_category().message(errno));
}

std::vector<std::string> child_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("LODE_SET_")) entries.emplace_back(*entry);
  }
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// What fork() leaves to do, in calls that are safe between it and exec.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment,
                         pid_t parent, int null_fd, int errors_fd, int report_fd) {
  // Of the parent that ends before this line the child would never hear.
  const bool tied = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
  if (tied && ::dup2(null_fd, STDIN_FILENO) >= 0 && ::dup2(null_fd, STDOUT_FILENO) >= 0 &&
      ::dup2(errors_fd, STDERR_FILENO) >= 0) {
    ::execve(program, arguments, environment);
  }
  const int reason = errno;
  (void)!::write(report_fd, &reason, sizeof reason);
  ::_exit(127);
}

struct Started {
  pid_t pid = -1;
  Descriptor errors;  ///< what it writes to stderr
  Descriptor end;     ///< readable once it has ended
};

/// A started child that nobody waited for would stay as a zombie.
void reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

Result<Started> start(const ChildRequest& request) {
  std::vector<std::string> arguments = request.arguments;
  arguments.insert(arguments.begin(), "lode");
  std::vector<std::string> environment = child_environment();
  const std::vector<char*> argument_list = pointers(arguments);
  const std::vector<char*> environment_list = pointers(environment);

  int errors[2] = {-1, -1};
  int report[2] = {-1, -1};
  if (::pipe2(errors, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  Descriptor errors_in(errors[0]);
  Descriptor errors_out(errors[1]);
  if (::pipe2(report, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  const Descriptor report_in(report[0]);
  Descriptor report_out(report[1]);
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.get() < 0) return system_failure("cannot open /dev/null");

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure("cannot start a child process");
  if (pid == 0) {
    become(request.program.c_str(), argument_list.data(), environment_list.data(), parent,
           null.get(), errors_out.get(), report_out.get());
  }
  errors_out.close();
  report_out.close();
  int reason = 0;
  ssize_t told = 0;
  do {
    told = ::read(report_in.get(), &reason, sizeof reason);
  } while (told < 0 && errno == EINTR);
  if (told == sizeof reason) {
    reap(pid);
    return runtime_error("cannot run '{}': {}", request.program.string(),
                         std::generic_category().message(reason));
  }
  Started started{.pid = pid, .errors = std::move(errors_in), .end = Descriptor()};
  started.end = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (started.end.get() < 0) {
    const Error error = system_failure("cannot watch a child process");
    ::kill(pid, SIGKILL);
    reap(pid);
    return error;
  }
  return started;
}

/// Takes some of what there is to read; false if there is nothing (more).
bool read_words(const Descriptor& from, std::string& words) {
  char buffer[1024];
  ssize_t size = 0;
  do {
    size = ::read(from.get(), buffer, sizeof buffer);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  words.append(buffer, static_cast<std::size_t>(size));
  if (words.size() > kWordsKept) words.erase(0, words.size() - kWordsKept);
  return true;
}

std::string last_line(std::string_view words) {
  const std::size_t end = words.find_last_not_of("\r\n");
  if (end == std::string_view::npos) return {};
  words = words.substr(0, end + 1);
  const std::size_t begin = words.find_last_of("\r\n");
  return std::string(begin == std::string_view::npos ? words : words.substr(begin + 1));
}

/// Passes the wish to stop on, once, and ends the patience with a child that does not obey.
class Messenger {
 public:
  Messenger(const ChildRequest& request, pid_t pid) : request_(request), pid_(pid) {}

  void look() {
    const bool wished = request_.interrupted != nullptr && request_.interrupted->load();
    if (!wished) return;
    if (!told_) {
      told_ = true;
      told_at_ = steady_clock::now();
      ::kill(pid_, SIGINT);
    } else if (steady_clock::now() - told_at_ > request_.grace) {
      ::kill(pid_, SIGKILL);
    }
  }

 private:
  const ChildRequest& request_;
  pid_t pid_;
  bool told_ = false;
  steady_clock::time_point told_at_;
};

}  // namespace

std::string ChildOutcome::describe() const {
  if (signal != 0) return fmt::format("ended by signal {} ({})", signal, ::strsignal(signal));
  std::string_view words = last_words;
  if (words.starts_with("lode: ")) words.remove_prefix(6);
  return words.empty() ? fmt::format("exit code {}", exit_code)
                       : fmt::format("exit code {}: {}", exit_code, words);
}

Result<ChildOutcome> run_child(const ChildRequest& request) {
  LODE_TRY(const Started child, start(request));
  Messenger messenger(request, child.pid);
  std::string words;
  bool speaks = true;
  for (bool ended = false; !ended;) {
    pollfd watched[2] = {{child.end.get(), POLLIN, 0}, {child.errors.get(), POLLIN, 0}};
    ::poll(watched, speaks ? 2 : 1, static_cast<int>(kGlance.count()));
    messenger.look();
    if ((watched[1].revents & (POLLIN | POLLHUP)) != 0) speaks = read_words(child.errors, words);
    ended = (watched[0].revents & POLLIN) != 0;
  }
  // What it said last may still lie in the pipe; others may hold the pipe open, so never wait.
  ::fcntl(child.errors.get(), F_SETFL, O_NONBLOCK);
  while (speaks) speaks = read_words(child.errors, words);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0) {
    if (errno != EINTR) return system_failure("cannot learn how a child process ended");
  }
  ChildOutcome outcome;
  if (WIFSIGNALED(status)) {
    outcome.signal = WTERMSIG(status);
  } else {
    outcome.exit_code = WEXITSTATUS(status);
  }
  outcome.last_words = last_line(words);
  return outcome;
}

void pause_for(milliseconds duration, const std::atomic<bool>* interrupted) {
  const auto end = steady_clock::now() + duration;
  for (auto now = steady_clock::now(); now < end; now = steady_clock::now()) {
    if (interrupted != nullptr && interrupted->load()) return;
    const auto left = std::chrono::ceil<milliseconds>(end - now);
    std::this_thread::sleep_for(std::min(left, milliseconds(50)));
  }
}

}  // namespace lode::run
