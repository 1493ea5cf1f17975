#include "sut/process/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace lode::sut {
namespace {

/// This process's environment with `own` above it.
std::vector<std::string> merged_environment(std::span<const std::string> own) {
  std::vector<std::string> merged(own.begin(), own.end());
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool is_replaced = std::any_of(own.begin(), own.end(), [&](const std::string& each) {
      return std::string_view(each).starts_with(name);
    });
    if (!is_replaced) merged.emplace_back(text);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// All that the child needs between fork() and execve(), where nothing may allocate or lock.
struct Launch {
  std::string program;
  std::vector<char*> words;
  std::vector<char*> environment;
  std::vector<int> files;  ///< copies, of numbers that no target has
  cpu_set_t cpus;
  bool has_cpus = false;
  int report = -1;  ///< where errno goes if something fails
  pid_t parent = -1;
};

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Ignored signals stay ignored behind execve(); handled ones do not.
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
}

[[noreturn]] void give_up(int report) {
  const int error = errno;
  // A parent that is gone needs no report.
  (void)!write(report, &error, sizeof(error));
  _exit(127);
}

[[noreturn]] void become(const Launch& launch) {
  setpgid(0, 0);
  // Had the parent ended before this call, nobody would send the signal any more.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(launch.report);
  if (getppid() != launch.parent) _exit(127);
  reset_signals();
  if (launch.has_cpus && sched_setaffinity(0, sizeof(launch.cpus), &launch.cpus) != 0) {
    give_up(launch.report);
  }
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) give_up(launch.report);
  // What a library prints must not end up between messages, nor between results.
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) give_up(launch.report);
  int target = ChildProcess::kFirstFile;
  for (const int file : launch.files) {
    if (dup2(file, target++) < 0) give_up(launch.report);
  }
  // `report` closes itself at execve(); nothing else of this process's may live on.
  close_range(static_cast<unsigned>(target), static_cast<unsigned>(launch.report) - 1, 0);
  close_range(static_cast<unsigned>(launch.report) + 1, ~0U, 0);
  execve(launch.program.c_str(), launch.words.data(), launch.environment.data());
  give_up(launch.report);
}

Error cannot_start(const std::string& program, int error) {
  return runtime_error("cannot start '{}': {}", program, std::strerror(error));
}

/// pidfd_open(2); glibc's header of it is no C++.
int open_handle(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

void ignore_sigpipe() {
  struct sigaction action = {};
  sigaction(SIGPIPE, nullptr, &action);
  if (action.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

std::optional<std::string> find_program(const std::string& word) {
  if (word.find('/') != std::string::npos) {
    return access(word.c_str(), F_OK) == 0 ? std::optional(word) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + word;
    std::error_code ignored;
    const bool is_file = std::filesystem::is_regular_file(candidate, ignored);
    if (is_file && access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

Result<ChildProcess> ChildProcess::start(const ChildCommand& command) {
  LODE_ASSERT(!command.words.empty());
  const std::string& name = command.words.front();
  const std::optional<std::string> program = find_program(name);
  if (!program) return usage_error("cannot start '{}': there is no such program", name);
  ignore_sigpipe();

  std::vector<std::string> words = command.words;
  std::vector<std::string> environment = merged_environment(command.environment);
  Launch launch;
  launch.program = *program;
  launch.words = pointers(words);
  launch.environment = pointers(environment);
  launch.parent = getpid();
  launch.has_cpus = !command.cpus.empty();
  CPU_ZERO(&launch.cpus);
  for (const int cpu : command.cpus) CPU_SET(cpu, &launch.cpus);
  // Above all targets, so that none is overwritten before it is copied.
  const int above = kFirstFile + static_cast<int>(command.files.size()) + 1;
  std::vector<FileHandle> copies;
  for (const int file : command.files) {
    copies.emplace_back(fcntl(file, F_DUPFD_CLOEXEC, above));
    launch.files.push_back(copies.back().get());
  }
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return cannot_start(name, errno);
  const FileHandle report_end(report[0]);
  FileHandle low(report[1]);
  FileHandle child_end(fcntl(low.get(), F_DUPFD_CLOEXEC, above));
  low.close();
  launch.report = child_end.get();

  const pid_t pid = fork();
  if (pid < 0) return cannot_start(name, errno);
  if (pid == 0) become(launch);
  setpgid(pid, pid);  // Both do, so that neither can be early.
  ChildProcess child(pid, FileHandle(open_handle(pid)));
  child_end.close();
  int error = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(report_end.get(), &error, sizeof(error));
  } while (bytes < 0 && errno == EINTR);
  if (bytes == sizeof(error)) return cannot_start(name, error);
  if (child.handle() < 0) return cannot_start(name, errno);
  return child;
}

bool ChildProcess::wait_for_end(std::int64_t timeout_ns) const {
  pollfd watched = {handle_.get(), POLLIN, 0};
  const timespec timeout = {timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  return ppoll(&watched, 1, &timeout, nullptr) > 0;
}

std::string ChildProcess::state() const {
  siginfo_t info = {};
  const auto pid = static_cast<id_t>(pid_);
  if (pid_ <= 0 || waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return "is gone";
  if (info.si_pid == 0) return "is running";
  if (info.si_code == CLD_EXITED) return fmt::format("exited with code {}", info.si_status);
  return fmt::format("was killed by signal {} ({})", info.si_status, strsignal(info.si_status));
}

void ChildProcess::kill_all() {
  if (pid_ <= 0) return;
  // The group keeps its number until its leader is waited for.
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  handle_.close();
}

}  // namespace lode::sut
