#include "run/monitor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>

namespace lode::run {
namespace {

/// Rounded to what a reading can tell, so that a record stays readable.
constexpr double kShareSteps = 1e4;

std::int64_t thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

double rounded(double value) {
  return std::round(value * kShareSteps) / kShareSteps;
}

using Value = std::optional<double>;
using Between = std::function<Value(const MachineReading&, const MachineReading&, double seconds)>;

/// Growth of a counter; unknown if it is at either end, or went back.
template <typename T>
Value growth(const std::optional<T>& before, const std::optional<T>& after) {
  if (!before || !after || *after < *before) return std::nullopt;
  return static_cast<double>(*after - *before);
}

Value per_second(Value grown, double seconds) {
  if (!grown || seconds <= 0) return std::nullopt;
  return rounded(*grown / seconds);
}

Value busy_share(const std::optional<CpuTicks>& before, const std::optional<CpuTicks>& after) {
  if (!before || !after || after->total <= before->total || after->busy < before->busy) {
    return std::nullopt;
  }
  return rounded(static_cast<double>(after->busy - before->busy) /
                 static_cast<double>(after->total - before->total));
}

Value steal_share(const std::optional<CpuTimes>& before, const std::optional<CpuTimes>& after) {
  if (!before || !after || after->total <= before->total || after->steal < before->steal) {
    return std::nullopt;
  }
  return rounded(static_cast<double>(after->steal - before->steal) /
                 static_cast<double>(after->total - before->total));
}

/// Processors' worth of time that a process used.
Value cores_used(const std::optional<ProcessUse>& before, const std::optional<ProcessUse>& after,
                 double seconds) {
  if (!before || !after || after->cpu_ticks < before->cpu_ticks || seconds <= 0) {
    return std::nullopt;
  }
  const auto ticks = static_cast<double>(after->cpu_ticks - before->cpu_ticks);
  return rounded(ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) / seconds);
}

Value held(const std::optional<ProcessUse>& use) {
  if (!use) return std::nullopt;
  return static_cast<double>(use->rss_bytes);
}

}  // namespace

record::Monitoring summarise(const std::vector<MachineReading>& readings,
                             const std::vector<int>& cpus, bool has_sut_processes) {
  record::Monitoring seen;
  if (readings.empty()) return seen;
  const std::int64_t begin_ns = readings.front().time_ns;
  for (std::size_t i = 1; i < readings.size(); ++i) {
    seen.time_ns.push_back(readings[i].time_ns - begin_ns);
  }
  seen.duration_ns = readings.back().time_ns - begin_ns;
  const auto add = [&](std::string name, const Between& between) {
    record::MonitorSeries series{std::move(name), {}};
    for (std::size_t i = 1; i < readings.size(); ++i) {
      const double seconds =
          static_cast<double>(readings[i].time_ns - readings[i - 1].time_ns) * 1e-9;
      series.values.push_back(between(readings[i - 1], readings[i], seconds));
    }
    seen.series.push_back(std::move(series));
  };
  using R = MachineReading;
  add("process_cores",
      [](const R& a, const R& b, double s) { return cores_used(a.process, b.process, s); });
  add("process_rss_bytes", [](const R&, const R& b, double) { return held(b.process); });
  if (has_sut_processes) {
    add("sut_cores", [](const R& a, const R& b, double s) { return cores_used(a.sut, b.sut, s); });
    add("sut_rss_bytes", [](const R&, const R& b, double) { return held(b.sut); });
  }
  for (std::size_t c = 0; c < cpus.size(); ++c) {
    add(fmt::format("cpu{}_busy", cpus[c]),
        [c](const R& a, const R& b, double) { return busy_share(a.cpus[c], b.cpus[c]); });
  }
  add("steal", [](const R& a, const R& b, double) { return steal_share(a.all_cpus, b.all_cpus); });
  add("context_switches_per_s", [](const R& a, const R& b, double s) {
    return per_second(growth(a.context_switches, b.context_switches), s);
  });
  add("frequency_hz", [](const R&, const R& b, double) { return b.frequency_hz; });
  add("quota_throttled", [](const R& a, const R& b, double s) {
    const Value us = growth(a.throttled_us, b.throttled_us);
    return us ? per_second(*us * 1e-6, s) : std::nullopt;
  });
  add("thermal_throttles", [](const R& a, const R& b, double) {
    return growth(a.thermal_throttles, b.thermal_throttles);
  });
  const Value energy_uj = growth(readings.front().energy_uj, readings.back().energy_uj);
  if (energy_uj) seen.energy_joules = *energy_uj * 1e-6;
  return seen;
}

Monitor::Monitor(MonitorOptions options)
    : options_(std::move(options)),
      reader_(options_.root, options_.cpus, options_.sut_processes),
      wait_ns_(options_.interval_ns) {
  readings_.reserve(kReadingsMax + 1);
  thread_ = std::thread([this] { watch(); });
}

void Monitor::watch() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    lock.unlock();
    keep(reader_.read());
    cpu_ns_ = thread_cpu_ns();
    const auto elapsed = std::chrono::steady_clock::now() - begin;
    const double share = static_cast<double>(cpu_ns_) /
                         static_cast<double>(std::max<std::int64_t>(elapsed.count(), 1));
    if (elapsed > std::chrono::seconds(1) && share > kCpuShareMax) wait_ns_ *= 2;
    lock.lock();
    wake_.wait_for(lock, std::chrono::nanoseconds(wait_ns_), [this] { return is_over_; });
  }
  lock.unlock();
  keep(reader_.read());
  cpu_ns_ = thread_cpu_ns();
}

void Monitor::keep(MachineReading reading) {
  readings_.push_back(std::move(reading));
  if (readings_.size() < kReadingsMax) return;
  // Counters lose nothing when every second reading goes.
  std::vector<MachineReading> kept;
  for (std::size_t i = 0; i < readings_.size(); i += 2) kept.push_back(std::move(readings_[i]));
  readings_ = std::move(kept);
  wait_ns_ *= 2;
}

record::Monitoring Monitor::stop() {
  if (!thread_.joinable()) return {};
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  wake_.notify_all();
  thread_.join();
  record::Monitoring seen = summarise(readings_, options_.cpus, !options_.sut_processes.empty());
  seen.interval_ns = wait_ns_;
  seen.monitor_cpu_share = static_cast<double>(cpu_ns_) /
                           static_cast<double>(std::max<std::int64_t>(seen.duration_ns, 1));
  if (!seen.energy_joules) {
    const std::string& why = reader_.why_no_energy();
    seen.why_no_energy = why.empty() ? "the counters could not be read to the end" : why;
  }
  return seen;
}

}  // namespace lode::run
