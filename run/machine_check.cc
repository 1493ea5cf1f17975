#include "run/machine_check.h"

#include <algorithm>

#include "base/units.h"

namespace lode::run {
namespace {

CheckItem ok(std::string name, std::string value) {
  return {std::move(name), Fitness::kOk, std::move(value), ""};
}
CheckItem warn(std::string name, std::string value, std::string advice) {
  return {std::move(name), Fitness::kWarn, std::move(value), std::move(advice)};
}
CheckItem bad(std::string name, std::string value, std::string advice) {
  return {std::move(name), Fitness::kBad, std::move(value), std::move(advice)};
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
  if (fixed) return ok(name, value);
  return warn(name, value, "set it: cpupower frequency-set -g performance");
}

CheckItem check_turbo(const SystemInfo& info) {
  const std::string name = "turbo";
  if (!info.turbo.has_value()) {
    return unknown(name, "repeat runs and interleave what you compare");
  }
  if (!*info.turbo) return ok(name, "off");
  return warn(name, "on", "turn it off, or interleave what you compare: heat sets the frequency");
}

CheckItem check_load(const SystemInfo& info) {
  const std::string name = "load";
  if (!info.load_1min.has_value()) return unknown(name, "see uptime");
  const double share = *info.load_1min / usable_cpus(info);
  const std::string value =
      fmt::format("{:.2f} over 1 min on {} processors", *info.load_1min, usable_cpus(info));
  constexpr double kQuiet = 0.1;
  constexpr double kBusy = 0.5;
  if (share < kQuiet) return ok(name, value);
  const std::string advice = "stop other work, or wait until the load is gone";
  return share < kBusy ? warn(name, value, advice) : bad(name, value, advice);
}

CheckItem check_steal(std::optional<double> steal) {
  const std::string name = "steal";
  if (!steal.has_value()) return unknown(name, "see the st column of vmstat 1");
  const std::string value = fmt::format("{:.2f}% of processor time", *steal * 100);
  constexpr double kQuiet = 0.001;
  constexpr double kBusy = 0.02;
  if (*steal < kQuiet) return ok(name, value);
  const std::string advice = "other guests take time: use a dedicated host, or repeat runs";
  return *steal < kBusy ? warn(name, value, advice) : bad(name, value, advice);
}

CheckItem check_virtual(const SystemInfo& info) {
  const std::string name = "virtual machine";
  if (!info.hypervisor.has_value()) return unknown(name, "see systemd-detect-virt");
  if (!*info.hypervisor) return ok(name, "no");
  return warn(name, "yes", "neighbours may disturb: repeat runs and interleave what you compare");
}

CheckItem check_pages(const SystemInfo& info) {
  const std::string name = "huge pages";
  if (info.transparent_hugepages.empty()) {
    return unknown(name, "see /sys/kernel/mm/transparent_hugepage");
  }
  if (info.transparent_hugepages != "always") return ok(name, info.transparent_hugepages);
  return warn(name, "always", "set madvise: compaction may pause a run");
}

CheckItem check_smt(const SystemInfo& info) {
  const std::string name = "SMT";
  if (!info.smt.has_value()) return unknown(name, "see lscpu");
  if (!*info.smt) return ok(name, "off");
  return warn(name, "on", "pin to one thread a core (--cpus): siblings share its units");
}

CheckItem check_processors(const SystemInfo& info) {
  const std::string name = "processors";
  if (info.affinity.empty()) return unknown(name, "see taskset -p $$");
  const std::string value =
      fmt::format("{} of {} usable{}", info.affinity.size(),
                  info.logical_cpus.has_value() ? std::to_string(*info.logical_cpus) : "?",
                  info.cpu_model.empty() ? "" : fmt::format(", {}", info.cpu_model));
  if (info.affinity.size() > 1) return ok(name, value);
  return warn(name, value, "give it two: the load generator wants one beside the engine");
}

CheckItem check_cpu_limit(const SystemInfo& info) {
  const std::string name = "cgroup processors";
  if (!info.cgroup_cpus.has_value()) return ok(name, "no limit");
  const std::string value = fmt::format("{:.2f}", *info.cgroup_cpus);
  if (*info.cgroup_cpus >= usable_cpus(info)) return ok(name, value);
  return bad(name, value, "raise the quota, or use fewer threads: throttling stops whole periods");
}

CheckItem check_memory_limit(const SystemInfo& info) {
  const std::string name = "cgroup memory";
  if (!info.cgroup_memory_bytes.has_value()) return ok(name, "no limit");
  const std::string value = format_bytes(*info.cgroup_memory_bytes);
  constexpr std::uint64_t kEnough = 2'000'000'000;
  if (*info.cgroup_memory_bytes >= kEnough) return ok(name, value);
  return warn(name, value, "raise it: a run beyond it is killed");
}

CheckItem check_memory(const SystemInfo& info) {
  const std::string name = "free memory";
  if (!info.memory_available_bytes.has_value()) return unknown(name, "see free -h");
  const std::string value = format_bytes(*info.memory_available_bytes);
  constexpr std::uint64_t kEnough = 2'000'000'000;
  constexpr std::uint64_t kTooLittle = 500'000'000;
  if (*info.memory_available_bytes >= kEnough) return ok(name, value);
  const std::string advice = "free some: swapping spoils every latency";
  return *info.memory_available_bytes < kTooLittle ? bad(name, value, advice)
                                                   : warn(name, value, advice);
}

CheckItem check_clock(const SystemInfo& info) {
  const std::string name = "clock";
  if (info.clock_source.empty()) return unknown(name, "see /sys/devices/system/clocksource");
  // Those that are read without a system call.
  constexpr std::string_view kFast[] = {"tsc", "arch_sys_counter", "kvm-clock",
                                        "hyperv_clocksource_tsc_page"};
  if (std::find(std::begin(kFast), std::end(kFast), info.clock_source) != std::end(kFast)) {
    return ok(name, info.clock_source);
  }
  return bad(name, info.clock_source, "boot with clocksource=tsc: each reading is a system call");
}

CheckItem check_isa(const SystemInfo& info) {
  const std::string name = "instruction set";
  if (info.isa.empty()) return unknown(name, "see /proc/cpuinfo");
  // Best first; the first that the processor has is what decides the speed.
  constexpr std::string_view kFast[] = {"amx_int8", "avx512_vnni", "avx512f",
                                        "avx2",     "sve",         "asimd"};
  for (const std::string_view isa : kFast) {
    if (std::find(info.isa.begin(), info.isa.end(), isa) != info.isa.end()) {
      return ok(name, std::string(isa));
    }
  }
  return warn(name, join(info.isa, " "),
              "use a processor with AVX2 or later: only plain kernels run here");
}

}  // namespace

std::string_view fitness_name(Fitness fitness) {
  switch (fitness) {
    case Fitness::kOk:
      return "ok";
    case Fitness::kWarn:
      return "warn";
    case Fitness::kBad:
      return "bad";
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
          check_clock(info)};
}

std::optional<double> steal_share(const std::optional<CpuTimes>& before,
                                  const std::optional<CpuTimes>& after) {
  if (!before.has_value() || !after.has_value()) return std::nullopt;
  if (after->total <= before->total || after->steal < before->steal) return std::nullopt;
  return static_cast<double>(after->steal - before->steal) /
         static_cast<double>(after->total - before->total);
}

}  // namespace lode::run
