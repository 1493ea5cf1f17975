#include "run/machine_check.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/units.h"

namespace lode::run {
namespace {

/// Long enough for the kernel's ticks (10 ms) to show a share of a percent.
constexpr std::chrono::milliseconds kStealWindow(500);

CheckItem green(std::string name, std::string value) {
  return {std::move(name), Fitness::kGreen, std::move(value), ""};
}
CheckItem amber(std::string name, std::string value, std::string advice) {
  return {std::move(name), Fitness::kAmber, std::move(value), std::move(advice)};
}
CheckItem red(std::string name, std::string value, std::string advice) {
  return {std::move(name), Fitness::kRed, std::move(value), std::move(advice)};
}
CheckItem unknown(std::string name, std::string advice) {
  return {std::move(name), Fitness::kUnknown, "not readable", std::move(advice)};
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

int usable_cpus(const SystemInfo& info) {
  return std::max<int>(1, static_cast<int>(info.affinity.size()));
}

CheckItem check_governor(const SystemInfo& info) {
  const std::string name = "governor";
  if (info.governors.empty()) {
    return unknown(name, info.hypervisor.value_or(false)
                             ? "the host sets it; ask there for 'performance'"
                             : "see cpupower frequency-info");
  }
  const std::string value = join(info.governors, ", ");
  const bool fixed = info.governors.size() == 1 && info.governors.front() == "performance";
  if (fixed) return green(name, value);
  return amber(name, value, "set it: cpupower frequency-set -g performance");
}

CheckItem check_turbo(const SystemInfo& info) {
  const std::string name = "turbo";
  if (!info.turbo.has_value()) {
    return unknown(name, "repeat runs and interleave what you compare");
  }
  if (!*info.turbo) return green(name, "off");
  return amber(name, "on", "turn it off, or interleave what you compare: heat sets the frequency");
}

CheckItem check_load(const SystemInfo& info) {
  const std::string name = "load";
  if (!info.load_1min.has_value()) return unknown(name, "see uptime");
  const double share = *info.load_1min / usable_cpus(info);
  const std::string value =
      fmt::format("{:.2f} over 1 min on {} processors", *info.load_1min, usable_cpus(info));
  constexpr double kQuiet = 0.1;
  constexpr double kBusy = 0.5;
  if (share < kQuiet) return green(name, value);
  const std::string advice = "stop other work, or wait until the load is gone";
  return share < kBusy ? amber(name, value, advice) : red(name, value, advice);
}

CheckItem check_steal(std::optional<double> steal) {
  const std::string name = "steal";
  if (!steal.has_value()) return unknown(name, "see the st column of vmstat 1");
  const std::string value = fmt::format("{:.2f}% of processor time", *steal * 100);
  constexpr double kQuiet = 0.001;
  constexpr double kBusy = 0.02;
  if (*steal < kQuiet) return green(name, value);
  const std::string advice = "other guests take time: use a dedicated host, or repeat runs";
  return *steal < kBusy ? amber(name, value, advice) : red(name, value, advice);
}

CheckItem check_virtual(const SystemInfo& info) {
  const std::string name = "virtual machine";
  if (!info.hypervisor.has_value()) return unknown(name, "see systemd-detect-virt");
  if (!*info.hypervisor) return green(name, "no");
  return amber(name, "yes", "neighbours may disturb: repeat runs and interleave what you compare");
}

CheckItem check_pages(const SystemInfo& info) {
  const std::string name = "huge pages";
  if (info.transparent_hugepages.empty()) {
    return unknown(name, "see /sys/kernel/mm/transparent_hugepage");
  }
  if (info.transparent_hugepages != "always") return green(name, info.transparent_hugepages);
  return amber(name, "always", "set madvise: compaction may pause a run");
}

CheckItem check_smt(const SystemInfo& info) {
  const std::string name = "SMT";
  if (!info.smt.has_value()) return unknown(name, "see lscpu");
  if (!*info.smt) return green(name, "off");
  return amber(name, "on", "pin to one thread a core (--cpus): siblings share its units");
}

CheckItem check_layout(const SystemInfo& info) {
  const std::string name = "ASLR";
  if (!info.aslr.has_value()) return unknown(name, "see /proc/sys/kernel/randomize_va_space");
  if (*info.aslr) return green(name, "on");
  return amber(name, "off",
               "turn it on: a single layout of memory is measured, and may be a lucky one");
}

CheckItem check_nodes(const SystemInfo& info) {
  const std::string name = "NUMA";
  if (!info.numa_nodes.has_value() || !info.affinity_nodes.has_value()) {
    return unknown(name, "see numactl --hardware");
  }
  const std::string value = fmt::format("{} of {} node{} usable", *info.affinity_nodes,
                                        *info.numa_nodes, *info.numa_nodes == 1 ? "" : "s");
  if (*info.affinity_nodes == 1) return green(name, value);
  return amber(name, value, "stay on one: numactl --cpunodebind=0 --membind=0");
}

CheckItem check_processors(const SystemInfo& info) {
  const std::string name = "processors";
  if (info.affinity.empty()) return unknown(name, "see taskset -p $$");
  const std::string value =
      fmt::format("{} of {} usable{}", info.affinity.size(),
                  info.logical_cpus.has_value() ? std::to_string(*info.logical_cpus) : "?",
                  info.cpu_model.empty() ? "" : fmt::format(", {}", info.cpu_model));
  if (info.affinity.size() > 1) return green(name, value);
  return amber(name, value, "give it two: the load generator wants one beside the engine");
}

CheckItem check_cpu_limit(const SystemInfo& info) {
  const std::string name = "cgroup processors";
  if (!info.cgroup_cpus.has_value()) return green(name, "no limit");
  const std::string value = fmt::format("{:.2f}", *info.cgroup_cpus);
  if (*info.cgroup_cpus >= usable_cpus(info)) return green(name, value);
  return red(name, value, "raise the quota, or use fewer threads: throttling stops whole periods");
}

CheckItem check_memory_limit(const SystemInfo& info) {
  const std::string name = "cgroup memory";
  if (!info.cgroup_memory_bytes.has_value()) return green(name, "no limit");
  const std::string value = format_bytes(*info.cgroup_memory_bytes);
  constexpr std::uint64_t kEnough = 2'000'000'000;
  if (*info.cgroup_memory_bytes >= kEnough) return green(name, value);
  return amber(name, value, "raise it: a run beyond it is killed");
}

CheckItem check_memory(const SystemInfo& info) {
  const std::string name = "free memory";
  if (!info.memory_available_bytes.has_value()) return unknown(name, "see free -h");
  const std::string value = format_bytes(*info.memory_available_bytes);
  constexpr std::uint64_t kEnough = 2'000'000'000;
  constexpr std::uint64_t kTooLittle = 500'000'000;
  if (*info.memory_available_bytes >= kEnough) return green(name, value);
  const std::string advice = "free some: swapping spoils every latency";
  return *info.memory_available_bytes < kTooLittle ? red(name, value, advice)
                                                   : amber(name, value, advice);
}

CheckItem check_clock(const SystemInfo& info) {
  const std::string name = "clock";
  if (info.clock_source.empty()) return unknown(name, "see /sys/devices/system/clocksource");
  // Those that are read without a system call.
  constexpr std::string_view kFast[] = {"tsc", "arch_sys_counter", "kvm-clock",
                                        "hyperv_clocksource_tsc_page"};
  if (std::find(std::begin(kFast), std::end(kFast), info.clock_source) != std::end(kFast)) {
    return green(name, info.clock_source);
  }
  return red(name, info.clock_source, "boot with clocksource=tsc: each reading is a system call");
}

CheckItem check_isa(const SystemInfo& info) {
  const std::string name = "instruction set";
  if (info.isa.empty()) return unknown(name, "see /proc/cpuinfo");
  // Best first; the first that the processor has is what decides the speed.
  constexpr std::string_view kFast[] = {"amx_int8", "avx512_vnni", "avx512f",
                                        "avx2",     "sve",         "asimd"};
  for (const std::string_view isa : kFast) {
    if (std::find(info.isa.begin(), info.isa.end(), isa) != info.isa.end()) {
      return green(name, std::string(isa));
    }
  }
  return amber(name, join(info.isa, " "),
               "use a processor with AVX2 or later: only plain kernels run here");
}

}  // namespace

std::string_view fitness_name(Fitness fitness) {
  switch (fitness) {
    case Fitness::kGreen:
      return "green";
    case Fitness::kAmber:
      return "amber";
    case Fitness::kRed:
      return "red";
    case Fitness::kUnknown:
      break;
  }
  return "unknown";
}

std::vector<CheckItem> check_machine(const SystemInfo& info, std::optional<double> steal) {
  return {check_processors(info),   check_isa(info),     check_governor(info),
          check_turbo(info),        check_smt(info),     check_load(info),
          check_steal(steal),       check_virtual(info), check_cpu_limit(info),
          check_memory_limit(info), check_memory(info),  check_pages(info),
          check_layout(info),       check_nodes(info),   check_clock(info)};
}

std::vector<CheckItem> check_this_machine() {
  const auto before = read_cpu_times();
  std::this_thread::sleep_for(kStealWindow);
  return check_machine(read_system_info(), steal_share(before, read_cpu_times()));
}

std::vector<CheckItem> items_against(const std::vector<CheckItem>& items, Strictness strictness) {
  std::vector<CheckItem> against;
  for (const CheckItem& item : items) {
    const bool is_red = item.fitness == Fitness::kRed;
    const bool is_amber = item.fitness == Fitness::kAmber;
    if (is_red || (is_amber && strictness == Strictness::kAmber)) against.push_back(item);
  }
  return against;
}

std::string describe(const std::vector<CheckItem>& items) {
  std::string text;
  for (const CheckItem& item : items) {
    text += fmt::format("{}{} ({}: {}): {}", text.empty() ? "" : "; ", item.name,
                        fitness_name(item.fitness), item.value, item.advice);
  }
  return text;
}

std::optional<double> steal_share(const std::optional<CpuTimes>& before,
                                  const std::optional<CpuTimes>& after) {
  if (!before.has_value() || !after.has_value()) return std::nullopt;
  if (after->total <= before->total || after->steal < before->steal) return std::nullopt;
  return static_cast<double>(after->steal - before->steal) /
         static_cast<double>(after->total - before->total);
}

}  // namespace lode::run
