#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace lode {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// All that the child needs between fork() and execve(), where nothing may allocate or lock. Files
/// are copies, of numbers that no target has.
struct Launch {
  const char* program = nullptr;
  std::vector<char*> words;
  std::vector<char*> environment;
  int output = -1;
  int errors = -1;
  std::vector<int> files;
  cpu_set_t cpus;
  bool has_cpus = false;
  bool is_apart = false;
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

/// stdin, stdout, stderr and `files`; false, with errno, if one cannot be had.
bool take_files(const Launch& launch) {
  const int nothing = open("/dev/null", O_RDWR);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) return false;
  if (dup2(launch.output >= 0 ? launch.output : STDIN_FILENO, STDOUT_FILENO) < 0) return false;
  if (launch.errors >= 0 && dup2(launch.errors, STDERR_FILENO) < 0) return false;
  int target = ChildProcess::kFirstFile;
  for (const int file : launch.files) {
    if (dup2(file, target++) < 0) return false;
  }
  // `report` closes itself at execve(); nothing else of this process's may live on.
  close_range(static_cast<unsigned>(target), static_cast<unsigned>(launch.report) - 1, 0);
  close_range(static_cast<unsigned>(launch.report) + 1, ~0U, 0);
  return true;
}

[[noreturn]] void become(const Launch& launch) {
  if (launch.is_apart) setpgid(0, 0);
  // Had the parent ended before this call, nobody would send the signal any more.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(launch.report);
  if (getppid() != launch.parent) _exit(127);
  if (launch.is_apart) reset_signals();
  if (launch.has_cpus && sched_setaffinity(0, sizeof(launch.cpus), &launch.cpus) != 0) {
    give_up(launch.report);
  }
  if (!take_files(launch)) give_up(launch.report);
  execve(launch.program, launch.words.data(), launch.environment.data());
  give_up(launch.report);
}

Error cannot_start(const std::string& program, int error) {
  return runtime_error("cannot start '{}': {}", program, std::strerror(error));
}

/// pidfd_open(2); glibc's header of it is no C++.
int open_handle(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

/// The errno that a child reported; 0 if it closed `report` without one, which execve() does.
int read_report(int report) {
  int error = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(report, &error, sizeof(error));
  } while (bytes < 0 && errno == EINTR);
  return bytes == sizeof(error) ? error : 0;
}

}  // namespace

std::vector<std::string> environment_entries() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

Result<ChildProcess> ChildProcess::start(ChildCommand command) {
  LODE_ASSERT(!command.words.empty());
  Launch launch;
  launch.program = command.program.c_str();
  launch.words = pointers(command.words);
  launch.environment = pointers(command.environment);
  launch.is_apart = command.is_apart;
  launch.parent = getpid();
  launch.has_cpus = !command.cpus.empty();
  CPU_ZERO(&launch.cpus);
  for (const int cpu : command.cpus) CPU_SET(cpu, &launch.cpus);
  // Above all targets, so that none is overwritten before it is copied.
  const int above = kFirstFile + static_cast<int>(command.files.size()) + 1;
  std::vector<FileHandle> copies;
  int failure = 0;
  const auto copy = [&](int file) {
    copies.emplace_back(fcntl(file, F_DUPFD_CLOEXEC, above));
    if (copies.back().get() < 0) failure = errno;
    return copies.back().get();
  };
  if (command.output >= 0) launch.output = copy(command.output);
  if (command.errors >= 0) launch.errors = copy(command.errors);
  for (const int file : command.files) launch.files.push_back(copy(file));
  if (failure != 0) return cannot_start(command.program, failure);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return cannot_start(command.program, errno);
  const FileHandle report_end(report[0]);
  FileHandle low(report[1]);
  FileHandle child_end(fcntl(low.get(), F_DUPFD_CLOEXEC, above));
  low.close();
  launch.report = child_end.get();
  if (launch.report < 0) return cannot_start(command.program, errno);

  const pid_t pid = fork();
  if (pid < 0) return cannot_start(command.program, errno);
  if (pid == 0) become(launch);
  if (command.is_apart) setpgid(pid, pid);  // Both do, so that neither can be early.
  ChildProcess child(pid, command.is_apart);
  child_end.close();
  const int error = read_report(report_end.get());
  if (error != 0) return cannot_start(command.program, error);
  child.handle_ = FileHandle(open_handle(pid));
  if (child.handle() < 0) return cannot_start(command.program, errno);
  return child;
}

void ChildProcess::send_signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
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

Result<ChildEnd> ChildProcess::wait() {
  LODE_ASSERT(pid_ > 0);
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) {
    if (errno == EINTR) continue;
    pid_ = -1;  // The number may be another process's by now.
    return runtime_error("cannot learn how a child process ended: {}", std::strerror(errno));
  }
  kill_all();
  if (info.si_code == CLD_EXITED) return ChildEnd{.exit_code = info.si_status, .signal = 0};
  return ChildEnd{.exit_code = -1, .signal = info.si_status};
}

void ChildProcess::kill_all() {
  if (pid_ <= 0) return;
  // The group keeps its number until its leader is waited for.
  if (is_apart_) kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  handle_.close();
}

}  // namespace lode
