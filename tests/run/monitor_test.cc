// The machine over time, read from a /proc and /sys of the tests' own: what is known is right, and
// what is missing or odd is unknown.
#include "run/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "run/resources.h"

namespace lode::run {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

class MonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::path(testing::TempDir()) /
        ("monitor-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& content) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  MachineReading read(std::vector<int> cpus = {0, 1}, std::vector<int> pids = {}) {
    return MachineReader(root_, std::move(cpus), std::move(pids)).read();
  }
  static std::optional<double> value(const record::Monitoring& seen, std::string_view name,
                                     std::size_t at = 0) {
    for (const record::MonitorSeries& series : seen.series) {
      if (series.name == name) return series.values.at(at);
    }
    ADD_FAILURE() << "no series " << name;
    return std::nullopt;
  }
  fs::path root_;
};

/// A machine of two processors with all there is to read; `n` grows with time.
template <typename Put>
void put_machine(const Put& put, std::uint64_t n) {
  put("proc/stat", fmt::format("cpu  {} 0 {} {} 0 0 0 {} 0 0\n"
                               "cpu0 {} 0 0 {} 0 0 0 {} 0 0\n"
                               "cpu1 0 0 {} {} 0 0 0 0 0 0\n"
                               "intr 5 0 0\nctxt {}\nbtime 1\n",
                               60 * n, 20 * n, 110 * n, 10 * n,  //
                               60 * n, 30 * n, 10 * n, 20 * n, 80 * n, 1000 * n));
  put("proc/self/stat", fmt::format("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 {} {} 0 0 20 0 1 0 9 9 {} 0",
                                    30 * n, 20 * n, 100 + n));
  put("proc/42/stat",
      fmt::format("42 (x) S 1 2 3 4 5 6 7 8 9 10 {} 0 0 0 20 0 1 0 9 9 50 0\n", 10 * n));
  put("proc/self/cgroup", "0::/my/group\n");
  put("sys/fs/cgroup/my/group/cpu.stat",
      fmt::format("usage_usec 1\nthrottled_usec {}\n", 250000 * n));
  for (const int cpu : {0, 1}) {
    const std::string folder = fmt::format("sys/devices/system/cpu/cpu{}/", cpu);
    put(folder + "cpufreq/scaling_cur_freq", cpu == 0 ? "2000000\n" : "3000000\n");
    put(folder + "thermal_throttle/core_throttle_count", fmt::format("{}\n", n));
  }
  const std::string zone = "sys/class/powercap/intel-rapl:0";
  put(zone + "/name", "package-0\n");
  put(zone + "/max_energy_range_uj", "1000000\n");
  put(zone + "/energy_uj", fmt::format("{}\n", (900000 + 300000 * (n - 1)) % 1000000));
  put(zone + ":0/name", "core\n");
  put(zone + ":0/energy_uj", "5\n");
}

TEST_F(MonitorTest, ReadsWhatThereIs) {
  const auto put_file = [this](const std::string& path, const std::string& text) {
    put(path, text);
  };
  put_machine(put_file, 1);
  MachineReader reader(root_, {0, 1}, {42});
  std::vector<MachineReading> readings = {reader.read()};
  // Files are written anew in place, as the kernel's are read anew.
  put_machine(put_file, 2);
  readings.push_back(reader.read());
  readings[1].time_ns = readings[0].time_ns + 1'000'000'000;
  const record::Monitoring seen = summarise(readings, {0, 1}, true);
  const double tick_hz = static_cast<double>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(seen.duration_ns, 1'000'000'000);
  EXPECT_THAT(seen.time_ns, ElementsAre(1'000'000'000));
  EXPECT_THAT(value(seen, "process_cores"), Optional(50 / tick_hz));
  EXPECT_THAT(value(seen, "process_rss_bytes"),
              Optional(102.0 * static_cast<double>(sysconf(_SC_PAGESIZE))));
  EXPECT_THAT(value(seen, "sut_cores"), Optional(10 / tick_hz));
  EXPECT_THAT(value(seen, "cpu0_busy"), Optional(0.6));
  EXPECT_THAT(value(seen, "cpu1_busy"), Optional(0.2));
  EXPECT_THAT(value(seen, "steal"), Optional(0.05));
  EXPECT_THAT(value(seen, "context_switches_per_s"), Optional(1000.0));
  EXPECT_THAT(value(seen, "frequency_hz"), Optional(2.5e9));
  EXPECT_THAT(value(seen, "quota_throttled"), Optional(0.25));
  EXPECT_THAT(value(seen, "thermal_throttles"), Optional(2.0));
  EXPECT_THAT(seen.energy_joules, Optional(0.3));  // Across the counter's own limit.
}

TEST_F(MonitorTest, AnEmptyRootIsUnknownThroughout) {
  MachineReader reader(root_, {0, 1}, {42});
  std::vector<MachineReading> readings = {reader.read(), reader.read()};
  const record::Monitoring seen = summarise(readings, {0, 1}, true);
  for (const record::MonitorSeries& series : seen.series) {
    EXPECT_THAT(series.values, ElementsAre(std::nullopt)) << series.name;
  }
  EXPECT_FALSE(seen.energy_joules.has_value());
  EXPECT_THAT(reader.why_no_energy(), HasSubstr("no RAPL here"));
}

TEST_F(MonitorTest, OddEntriesAreUnknown) {
  for (const char* odd : {"", "\n", "cpu", "cpu0 1 2\ncpu  x\nctxt\n", "cpu0 -1 0 0 0 0 0 0 0\n",
                          "cpu0 99999999999999999999 0 0 0 0 0 0 0\nctxt many\n", "\x01\xff(((",
                          "1 (x", "1 (x) S 1 2", "1 (x) S 1 1 1 1 1 1 1 1 1 1 -5 1"}) {
    for (const char* path : {"proc/stat", "proc/self/stat", "proc/self/cgroup",
                             "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                             "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
                             "sys/class/powercap/a/name", "sys/class/powercap/a/energy_uj"}) {
      put(path, odd);
    }
    const MachineReading reading = read({0});
    EXPECT_FALSE(reading.cpus.front().has_value()) << odd;
    EXPECT_FALSE(reading.context_switches.has_value()) << odd;
    EXPECT_FALSE(reading.process.has_value()) << odd;
    EXPECT_FALSE(reading.frequency_hz.has_value()) << odd;
    EXPECT_FALSE(reading.thermal_throttles.has_value()) << odd;
    EXPECT_FALSE(reading.energy_uj.has_value()) << odd;
  }
}

TEST_F(MonitorTest, ADirectoryIsNoFile) {
  fs::create_directories(root_ / "proc/stat");
  fs::create_directories(root_ / "sys/class/powercap/a/energy_uj");
  put("sys/class/powercap/a/name", "package-0\n");
  EXPECT_FALSE(read().context_switches.has_value());
  EXPECT_THAT(MachineReader(root_, {}, {}).why_no_energy(), HasSubstr("energy_uj"));
}

TEST_F(MonitorTest, APartOfTheEnergyIsNone) {
  put("sys/class/powercap/a/name", "package-0\n");
  put("sys/class/powercap/a/energy_uj", "5\n");
  put("sys/class/powercap/b/name", "package-1\n");
  MachineReader reader(root_, {}, {});
  EXPECT_FALSE(reader.read().energy_uj.has_value());
  EXPECT_THAT(reader.why_no_energy(), HasSubstr("energy_uj of /sys/class/powercap: No such file"));
}

TEST_F(MonitorTest, CountersThatGoBackAreUnknown) {
  const auto put_file = [this](const std::string& path, const std::string& text) {
    put(path, text);
  };
  put_machine(put_file, 5);
  std::vector<MachineReading> readings = {read()};
  put_machine(put_file, 2);
  readings.push_back(read());
  readings[1].time_ns = readings[0].time_ns + 1'000'000'000;
  const record::Monitoring seen = summarise(readings, {0, 1}, false);
  for (const char* name : {"process_cores", "cpu0_busy", "steal", "context_switches_per_s"}) {
    EXPECT_FALSE(value(seen, name).has_value()) << name;
  }
}

TEST_F(MonitorTest, WatchesThisMachine) {
  Monitor monitor({.root = "/", .cpus = {0}, .sut_processes = {}, .interval_ns = 5'000'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  const record::Monitoring seen = monitor.stop();
  ASSERT_GE(seen.time_ns.size(), 2U);
  EXPECT_GT(seen.duration_ns, 0);
  EXPECT_GT(seen.monitor_cpu_share, 0);
  EXPECT_TRUE(value(seen, "process_rss_bytes").has_value());
  EXPECT_NE(seen.energy_joules.has_value(), !seen.why_no_energy.empty());
}

TEST_F(MonitorTest, KeepsItsMemoryOverALongRun) {
  Monitor monitor({.root = root_, .cpus = {}, .sut_processes = {}, .interval_ns = 10'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const record::Monitoring seen = monitor.stop();
  EXPECT_LE(seen.time_ns.size(), Monitor::kReadingsMax);
  EXPECT_GT(seen.interval_ns, 10'000);
}

TEST_F(MonitorTest, ResourcesOfASutAreAllOrNothing) {
  put("proc/5/stat", "5 (x) S 1 1 1 1 1 1 1 1 1 1 100 50 0 0 20 0 1 0 9 9 50 0\n");
  put("proc/5/status", "Name:\tx\nVmHWM:\t    2048 kB\nThreads:\t1\n");
  record::Resources resources;
  add_sut_resources({5}, root_, resources);
  EXPECT_THAT(resources.sut_peak_rss_bytes, Optional(2048U * 1024));
  EXPECT_THAT(resources.sut_cpu_seconds, Optional(150 / static_cast<double>(sysconf(_SC_CLK_TCK))));
  record::Resources none;
  add_sut_resources({5, 6}, root_, none);
  EXPECT_FALSE(none.sut_peak_rss_bytes.has_value());
  put("proc/6/stat", "6 (y");
  put("proc/6/status", "VmHWM: lots\n");
  add_sut_resources({5, 6}, root_, none);
  EXPECT_FALSE(none.sut_cpu_seconds.has_value());
}

}  // namespace
}  // namespace lode::run
