#include "run/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/child_process.h"

namespace lode::run {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How often the wish to stop is looked at where no signal says so.
constexpr milliseconds kGlance(200);
constexpr std::size_t kWordsKept = 4096;

struct Started {
  ChildProcess process;
  FileHandle errors;  ///< what it writes to stderr
};

Result<Started> start(const ChildRequest& request) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return runtime_error("cannot make a pipe: {}", std::generic_category().message(errno));
  }
  FileHandle from(ends[0]);
  const FileHandle into(ends[1]);
  ChildCommand command;
  command.program = request.program.string();
  command.words = {"lode"};
  command.words.insert(command.words.end(), request.arguments.begin(), request.arguments.end());
  command.environment = environment_entries();
  std::erase_if(command.environment,
                [](const std::string& entry) { return entry.starts_with("LODE_SET_"); });
  command.errors = into.get();
  LODE_TRY(ChildProcess process, ChildProcess::start(std::move(command)));
  return Started{.process = std::move(process), .errors = std::move(from)};
}

/// Takes some of what there is to read; false if there is nothing (more).
bool read_words(const FileHandle& from, std::string& words) {
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
  Messenger(const ChildRequest& request, const ChildProcess& process)
      : request_(request), process_(process) {}

  void look() {
    const bool wished = request_.interrupted != nullptr && request_.interrupted->load();
    if (!wished) return;
    if (!told_) {
      told_ = true;
      told_at_ = steady_clock::now();
      process_.send_signal(SIGINT);
    } else if (steady_clock::now() - told_at_ > request_.grace) {
      process_.send_signal(SIGKILL);
    }
  }

 private:
  const ChildRequest& request_;
  const ChildProcess& process_;
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
  LODE_TRY(Started child, start(request));
  Messenger messenger(request, child.process);
  std::string words;
  bool speaks = true;
  for (bool ended = false; !ended;) {
    pollfd watched[2] = {{child.process.handle(), POLLIN, 0}, {child.errors.get(), POLLIN, 0}};
    ::poll(watched, speaks ? 2 : 1, static_cast<int>(kGlance.count()));
    messenger.look();
    if ((watched[1].revents & (POLLIN | POLLHUP)) != 0) speaks = read_words(child.errors, words);
    ended = (watched[0].revents & POLLIN) != 0;
  }
  // What it said last may still lie in the pipe; others may hold the pipe open, so never wait.
  ::fcntl(child.errors.get(), F_SETFL, O_NONBLOCK);
  while (speaks) speaks = read_words(child.errors, words);
  LODE_TRY(const ChildEnd end, child.process.wait());
  return ChildOutcome{
      .exit_code = end.exit_code, .signal = end.signal, .last_words = last_line(words)};
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
