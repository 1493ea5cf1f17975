#include "run/machine_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/units.h"

namespace lode::run {
namespace {

namespace fs = std::filesystem;

/// Enough for /proc/stat of hundreds of processors and interrupts.
constexpr std::size_t kBufferBytes = 1U << 18;

std::optional<std::uint64_t> parse_count(std::string_view text) {
  const auto value = parse_integer(text, 0, INT64_MAX);
  if (!value.ok()) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

/// Takes the next word, which spaces and line ends part.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kSpace = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

/// What stands behind "name " on a line of its own; none if no line begins so.
std::optional<std::string_view> find_line(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (take_word(line) == name) return line;
  }
  return std::nullopt;
}

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::optional<CpuTicks> parse_cpu_ticks(std::string_view stat, int cpu) {
  std::optional<std::string_view> line = find_line(stat, fmt::format("cpu{}", cpu));
  if (!line) return std::nullopt;
  // user nice system idle iowait irq softirq steal; guest is within user.
  constexpr std::size_t kFields = 8, kIdle = 3, kIowait = 4, kSteal = 7;
  CpuTicks ticks;
  for (std::size_t i = 0; i < kFields; ++i) {
    const auto count = parse_count(take_word(*line));
    if (!count || *count > UINT64_MAX / kFields) return std::nullopt;
    ticks.total += *count;
    if (i != kIdle && i != kIowait && i != kSteal) ticks.busy += *count;
  }
  return ticks;
}

std::optional<std::uint64_t> parse_context_switches(std::string_view stat) {
  std::optional<std::string_view> line = find_line(stat, "ctxt");
  return line ? parse_count(take_word(*line)) : std::nullopt;
}

std::optional<ProcessUse> parse_process_stat(std::string_view stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(name_end + 1);
  // As proc(5) numbers them; the state is the third.
  constexpr int kFirst = 3, kUser = 14, kSystem = 15, kRss = 24;
  std::optional<std::uint64_t> user;
  std::optional<std::uint64_t> system;
  std::optional<std::uint64_t> pages;
  for (int field = kFirst; field <= kRss; ++field) {
    const std::string_view word = take_word(rest);
    if (field == kUser) user = parse_count(word);
    if (field == kSystem) system = parse_count(word);
    if (field == kRss) pages = parse_count(word);
  }
  constexpr std::uint64_t kMost = 1ULL << 48;
  if (!user || !system || !pages || std::max({*user, *system, *pages}) > kMost) return std::nullopt;
  return ProcessUse{*user + *system, *pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
}

MachineReader::MachineReader(fs::path root, std::vector<int> cpus, std::vector<int> sut_processes)
    : root_(std::move(root)), cpus_(std::move(cpus)), buffer_(kBufferBytes) {
  stat_ = open("proc/stat");
  process_.push_back(open("proc/self/stat"));
  for (const int pid : sut_processes) sut_.push_back(open(fmt::format("proc/{}/stat", pid)));
  for (const int cpu : cpus_) {
    frequencies_.push_back(
        open(fmt::format("sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq", cpu)));
  }
  open_throttling();
  open_packages();
}

FileHandle MachineReader::open(const std::string& path) const {
  return FileHandle(::open((root_ / path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

std::string_view MachineReader::text(const FileHandle& file) {
  if (file.get() < 0) return {};
  const ssize_t bytes = pread(file.get(), buffer_.data(), buffer_.size(), 0);
  return bytes > 0 ? std::string_view(buffer_.data(), static_cast<std::size_t>(bytes))
                   : std::string_view();
}

std::optional<std::uint64_t> MachineReader::number(const FileHandle& file) {
  std::string_view content = text(file);
  const std::string_view word = take_word(content);
  // A number and something else is no number.
  return take_word(content).empty() ? parse_count(word) : std::nullopt;
}

/// This process's group in the hierarchy of `controller` ("" is version 2's): "a/b", "" if none.
std::string MachineReader::control_group(std::string_view controller) {
  const FileHandle file = open("proc/self/cgroup");
  std::string_view groups = text(file);
  const std::string middle = fmt::format(":{}:/", controller);
  while (!groups.empty()) {
    const std::string_view line = groups.substr(0, groups.find('\n'));
    groups.remove_prefix(std::min(line.size() + 1, groups.size()));
    const std::size_t at = line.find(middle);
    if (at != std::string_view::npos) return std::string(line.substr(at + middle.size()));
  }
  return {};
}

void MachineReader::open_throttling() {
  const fs::path groups = "sys/fs/cgroup";
  quota_ = open((groups / control_group("") / "cpu.stat").string());
  if (quota_.get() < 0)
    quota_ = open((groups / "cpu" / control_group("cpu") / "cpu.stat").string());
  for (const int cpu : cpus_) {
    throttles_.push_back(open(
        fmt::format("sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count", cpu)));
  }
}

/// Version 1 of control groups counts in nanoseconds.
std::optional<std::uint64_t> MachineReader::read_quota() {
  const std::string_view quota = text(quota_);
  if (auto us = find_line(quota, "throttled_usec")) return parse_count(take_word(*us));
  auto ns = find_line(quota, "throttled_time");
  const auto count = ns ? parse_count(take_word(*ns)) : std::nullopt;
  return count ? std::optional(*count / 1000) : std::nullopt;
}

void MachineReader::open_packages() {
  const fs::path powercap = "sys/class/powercap";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_ / powercap, error)) {
    const fs::path zone = powercap / entry.path().filename();
    const FileHandle name_file = open((zone / "name").string());
    std::string_view name = text(name_file);
    // Zones of a package's parts are within the package's own.
    if (!take_word(name).starts_with("package")) continue;
    Package package;
    package.energy = open((zone / "energy_uj").string());
    const int reason = errno;
    const auto now_uj = number(package.energy);
    if (!now_uj) {
      why_no_energy_ = package.energy.get() >= 0
                           ? "energy_uj of /sys/class/powercap is no number"
                           : fmt::format(
                                 "energy_uj of /sys/class/powercap: {}; reading it needs "
                                 "root or a looser mode of the file",
                                 std::strerror(reason));
      // A part of the packages would look like all of them.
      return packages_.clear();
    }
    package.limit_uj = number(open((zone / "max_energy_range_uj").string())).value_or(0);
    package.last_uj = *now_uj;
    packages_.push_back(std::move(package));
  }
  if (packages_.empty()) why_no_energy_ = "no package in /sys/class/powercap: no RAPL here";
}

MachineReading MachineReader::read() {
  MachineReading reading;
  reading.time_ns = steady_ns();
  read_stat(reading);
  reading.process = read_processes(process_);
  if (!sut_.empty()) reading.sut = read_processes(sut_);
  reading.frequency_hz = mean_frequency();
  reading.throttled_us = read_quota();
  reading.thermal_throttles = sum(throttles_);
  reading.energy_uj = read_energy();
  return reading;
}

void MachineReader::read_stat(MachineReading& reading) {
  const std::string_view stat = text(stat_);
  reading.all_cpus = parse_cpu_times(stat);
  reading.context_switches = parse_context_switches(stat);
  for (const int cpu : cpus_) reading.cpus.push_back(parse_cpu_ticks(stat, cpu));
}

std::optional<ProcessUse> MachineReader::read_processes(const std::vector<FileHandle>& files) {
  ProcessUse all;
  for (const FileHandle& file : files) {
    const auto one = parse_process_stat(text(file));
    if (!one) return std::nullopt;
    all.cpu_ticks += one->cpu_ticks;
    all.rss_bytes += one->rss_bytes;
  }
  return all;
}

std::optional<double> MachineReader::mean_frequency() {
  constexpr double kHzPerKhz = 1e3;
  const auto all = sum(frequencies_);
  if (!all || *all == 0) return std::nullopt;
  return static_cast<double>(*all) * kHzPerKhz / static_cast<double>(frequencies_.size());
}

std::optional<std::uint64_t> MachineReader::sum(const std::vector<FileHandle>& files) {
  if (files.empty()) return std::nullopt;
  std::uint64_t all = 0;
  for (const FileHandle& file : files) {
    const auto one = number(file);
    if (!one || *one > UINT64_MAX / (2 * files.size())) return std::nullopt;
    all += *one;
  }
  return all;
}

std::optional<std::uint64_t> MachineReader::read_energy() {
  if (packages_.empty()) return std::nullopt;
  std::uint64_t all = 0;
  for (Package& package : packages_) {
    const auto now_uj = number(package.energy);
    if (!now_uj) return std::nullopt;
    const bool began_anew = *now_uj < package.last_uj;
    package.total_uj += *now_uj - package.last_uj + (began_anew ? package.limit_uj : 0);
    package.last_uj = *now_uj;
    all += package.total_uj;
  }
  return all;
}

}  // namespace lode::run
