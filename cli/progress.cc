#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/units.h"
#include "cli/command.h"
#include "cli/table.h"

namespace lode::cli {
namespace {

/// Of the terminal at stderr; 80 if it does not tell.
std::size_t terminal_columns() {
  winsize size{};
  const bool told = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return told ? size.ws_col : 80;
}

}  // namespace

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Progress::Progress(std::string_view verb, std::string_view unit)
    : verb_(verb), unit_(unit), terminal_(stderr_is_terminal()), start_(steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

bool Progress::due() {
  const auto now = steady_clock::now();
  if (!terminal_ || now - last_ < milliseconds(100)) return false;
  last_ = now;
  return true;
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!due()) return;
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  const double elapsed_s = std::chrono::duration<double>(steady_clock::now() - start_).count();
  const double rate = elapsed_s > 0 ? static_cast<double>(done) / elapsed_s : 0;
  const double eta_s = rate > 0 ? static_cast<double>(total - std::min(done, total)) / rate : 0;
  draw(fmt::format("{} {} {:3.0f}% {}/{} {} {}/s ETA {:02}:{:02}", verb_, progress_bar(share, 20),
                   share * 100, done, total, unit_, format_rate(rate), static_cast<int>(eta_s) / 60,
                   static_cast<int>(eta_s) % 60));
}

void Progress::show(std::string_view line) {
  if (due()) draw(line);
}

void Progress::draw(std::string_view line) {
  // In the last column many terminals wrap already, and a wrapped line cannot be cleared.
  std::fputs(fmt::format("\r\x1b[K{}", cut_to_columns(line, terminal_columns() - 1)).c_str(),
             stderr);
  drawn_ = true;
}

std::string progress_bar(double share, int width) {
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  std::string bar;
  for (int cell = 0; cell < width; ++cell) bar += cell < full ? "█" : "░";
  return bar;
}

}  // namespace lode::cli
