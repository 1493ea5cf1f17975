#include "base/system_info.h"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/file_io.h"
#include "base/units.h"

namespace lode {
namespace fs = std::filesystem;
namespace {

/// The instruction sets that a kernel of the engine may ask for, as /proc/cpuinfo spells them.
constexpr std::array<std::string_view, 22> kIsaOfInterest = {
    "sse4_2",      "avx",      "f16c",     "fma",      "avx2",        "avx_vnni",
    "avx512f",     "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "asimd",       "fphp",
    "asimdhp",     "asimddp",  "i8mm",     "sve"};

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (const auto part = trim(text.substr(0, end)); !part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Reads small files below a root.
class Source {
 public:
  explicit Source(fs::path root) : root_(std::move(root)) {}

  [[nodiscard]] std::string text(std::string_view path) const {
    auto content = read_file(root_ / path);
    return content.ok() ? *std::move(content) : std::string();
  }
  [[nodiscard]] std::string line(std::string_view path) const {
    const std::string content = text(path);
    return std::string(trim(std::string_view(content).substr(0, content.find('\n'))));
  }
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view path) const {
    return parse_unsigned(line(path));
  }
  [[nodiscard]] static std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
    const auto value = parse_integer(text, 0, INT64_MAX);
    if (!value.ok()) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
  }

 private:
  fs::path root_;
};

/// Value of the first "name<separator>value" line.
std::string field(std::string_view content, std::string_view name, char separator) {
  for (const std::string_view row : split(content, '\n')) {
    const std::size_t at = row.find(separator);
    if (at == std::string_view::npos || trim(row.substr(0, at)) != name) continue;
    return std::string(trim(row.substr(at + 1)));
  }
  return {};
}

void read_cpu_identity(const Source& source, SystemInfo& info) {
  const std::string cpuinfo = source.text("proc/cpuinfo");
  info.cpu_model = field(cpuinfo, "model name", ':');
  std::string flags = field(cpuinfo, "flags", ':');
  if (flags.empty()) flags = field(cpuinfo, "Features", ':');
  const auto words = split(flags, ' ');
  const std::set<std::string_view> present(words.begin(), words.end());
  for (const std::string_view name : kIsaOfInterest) {
    if (present.count(name) != 0) info.isa.emplace_back(name);
  }
  if (!words.empty()) info.hypervisor = present.count("hypervisor") != 0;

  std::set<std::pair<std::string, std::string>> cores;
  std::string package;
  for (const std::string_view row : split(cpuinfo, '\n')) {
    const std::size_t colon = row.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(row.substr(0, colon));
    if (name == "physical id") package = trim(row.substr(colon + 1));
    if (name == "core id") cores.emplace(package, trim(row.substr(colon + 1)));
  }
  if (!cores.empty()) info.physical_cores = static_cast<int>(cores.size());
}

void read_processors(const Source& source, SystemInfo& info) {
  if (auto online = parse_cpu_list(source.line("sys/devices/system/cpu/online"))) {
    info.logical_cpus = static_cast<int>(online->size());
  }
  std::set<std::string> governors;
  for (const int cpu : info.affinity) {
    std::string governor =
        source.line(fmt::format("sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", cpu));
    if (!governor.empty()) governors.insert(std::move(governor));
  }
  info.governors.assign(governors.begin(), governors.end());
  if (const auto no_turbo = source.number("sys/devices/system/cpu/intel_pstate/no_turbo")) {
    info.turbo = *no_turbo == 0;
  } else if (const auto boost = source.number("sys/devices/system/cpu/cpufreq/boost")) {
    info.turbo = *boost != 0;
  }
  if (const auto active = source.number("sys/devices/system/cpu/smt/active")) {
    info.smt = *active != 0;
  }
}

void read_memory(const Source& source, SystemInfo& info) {
  const std::string meminfo = source.text("proc/meminfo");
  const auto kilobytes = [&](std::string_view name) -> std::optional<std::uint64_t> {
    const std::string value = field(meminfo, name, ':');
    const auto count = Source::parse_unsigned(std::string_view(value).substr(0, value.find(' ')));
    if (!count.has_value() || *count > UINT64_MAX / 1024) return std::nullopt;
    return *count * 1024;
  };
  info.memory_total_bytes = kilobytes("MemTotal");
  info.memory_available_bytes = kilobytes("MemAvailable");
  const std::string pages = source.line("sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t open = pages.find('[');
  const std::size_t close = pages.find(']');
  if (open != std::string::npos && close != std::string::npos && close > open) {
    info.transparent_hugepages = pages.substr(open + 1, close - open - 1);
  }
}

/// Calls visit(folder) for a control group and all its parents, innermost first.
template <typename Visit>
void for_each_parent(const fs::path& hierarchy, std::string_view group, Visit visit) {
  fs::path inner = fs::path(group).relative_path().lexically_normal();
  while (true) {
    visit((hierarchy / inner).string());
    if (inner.empty() || inner == ".") return;
    inner = inner.parent_path();
  }
}

template <typename T>
void keep_least(std::optional<T>& kept, T value) {
  if (!kept.has_value() || value < *kept) kept = value;
}

void read_quota(const Source& source, const std::string& folder, SystemInfo& info) {
  std::optional<std::uint64_t> quota;
  std::optional<std::uint64_t> period;
  const std::string line = source.line(folder + "/cpu.max");
  const auto words = split(line, ' ');
  if (words.size() == 2) {
    quota = Source::parse_unsigned(words[0]);
    period = Source::parse_unsigned(words[1]);
  } else {
    quota = source.number(folder + "/cpu.cfs_quota_us");
    period = source.number(folder + "/cpu.cfs_period_us");
  }
  if (quota.has_value() && period.value_or(0) > 0) {
    keep_least(info.cgroup_cpus, static_cast<double>(*quota) / static_cast<double>(*period));
  }
}

void read_memory_limit(const Source& source, const std::string& folder, SystemInfo& info) {
  auto limit = source.number(folder + "/memory.max");
  if (!limit.has_value()) limit = source.number(folder + "/memory.limit_in_bytes");
  // Version 1 writes "no limit" as a number near 2^63.
  constexpr std::uint64_t kUnlimited = 1ULL << 60;
  if (limit.has_value() && *limit < kUnlimited) keep_least(info.cgroup_memory_bytes, *limit);
}

/// Limits of this process's control group and of its parents: the least one counts.
void read_control_groups(const Source& source, SystemInfo& info) {
  const std::string groups = source.text("proc/self/cgroup");
  for (const std::string_view row : split(groups, '\n')) {
    const std::size_t first = row.find(':');
    const std::size_t second = row.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = row.substr(first + 1, second - first - 1);
    const std::string_view group = row.substr(second + 1);
    const auto visit_all = [&](const fs::path& hierarchy, bool cpu, bool memory) {
      for_each_parent(hierarchy, group, [&](const std::string& folder) {
        if (cpu) read_quota(source, folder, info);
        if (memory) read_memory_limit(source, folder, info);
      });
    };
    if (controllers.empty()) visit_all("sys/fs/cgroup", true, true);
    for (const std::string_view controller : split(controllers, ',')) {
      if (controller == "cpu") visit_all("sys/fs/cgroup/cpu", true, false);
      if (controller == "memory") visit_all("sys/fs/cgroup/memory", false, true);
    }
  }
}

void read_nodes(const Source& source, SystemInfo& info) {
  const auto nodes = parse_cpu_list(source.line("sys/devices/system/node/has_cpu"));
  if (!nodes) return;
  int used = 0;
  for (const int node : *nodes) {
    const auto cpus =
        parse_cpu_list(source.line(fmt::format("sys/devices/system/node/node{}/cpulist", node)));
    if (!cpus) return;
    used +=
        std::any_of(cpus->begin(), cpus->end(),
                    [&](int cpu) {
                      return std::binary_search(info.affinity.begin(), info.affinity.end(), cpu);
                    })
            ? 1
            : 0;
  }
  info.numa_nodes = static_cast<int>(nodes->size());
  if (used > 0) info.affinity_nodes = used;
}

std::vector<int> own_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

std::optional<std::vector<int>> parse_cpu_list(std::string_view text) {
  constexpr std::int64_t kMostCpus = 1 << 16;
  std::vector<int> cpus;
  if (trim(text).empty()) return std::nullopt;
  for (std::string_view rest = trim(text);;) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const std::size_t dash = item.find('-');
    const auto low = parse_integer(item.substr(0, dash), 0, kMostCpus);
    const auto high =
        dash == std::string_view::npos ? low : parse_integer(item.substr(dash + 1), 0, kMostCpus);
    if (!low.ok() || !high.ok() || *high < *low) return std::nullopt;
    for (auto cpu = *low; cpu <= *high; ++cpu) cpus.push_back(static_cast<int>(cpu));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    // Repeated ranges could otherwise ask for any amount of memory.
    if (cpus.size() > static_cast<std::size_t>(kMostCpus)) return std::nullopt;
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

SystemInfo read_system_info(const fs::path& root) {
  const Source source(root);
  SystemInfo info;
  utsname name = {};
  if (uname(&name) == 0) {
    info.architecture = name.machine;
    info.kernel = name.release;
  }
  info.os = field(source.text("etc/os-release"), "PRETTY_NAME", '=');
  std::erase(info.os, '"');
  info.affinity = own_affinity();
  read_cpu_identity(source, info);
  read_processors(source, info);
  read_memory(source, info);
  read_control_groups(source, info);
  read_nodes(source, info);
  if (const auto layout = source.number("proc/sys/kernel/randomize_va_space")) {
    info.aslr = *layout != 0;
  }
  info.clock_source =
      source.line("sys/devices/system/clocksource/clocksource0/current_clocksource");
  const std::string load_line = source.line("proc/loadavg");
  const std::string_view load = std::string_view(load_line).substr(0, load_line.find(' '));
  if (const auto value = parse_number(load); value.ok()) info.load_1min = *value;
  return info;
}

std::optional<CpuTimes> read_cpu_times(const fs::path& root) {
  return parse_cpu_times(Source(root).line("proc/stat"));
}

std::optional<CpuTimes> parse_cpu_times(std::string_view stat) {
  const auto words = split(stat.substr(0, stat.find('\n')), ' ');
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; guest is within user.
  constexpr std::size_t kIdle = 4, kIowait = 5, kSteal = 8;
  if (words.size() <= kSteal || words[0] != "cpu") return std::nullopt;
  CpuTimes times;
  for (std::size_t i = 1; i <= kSteal; ++i) {
    const auto ticks = Source::parse_unsigned(words[i]);
    if (!ticks.has_value()) return std::nullopt;
    times.total += *ticks;
    if (i == kIdle || i == kIowait) times.idle += *ticks;
    if (i == kSteal) times.steal = *ticks;
  }
  return times;
}

}  // namespace lode
