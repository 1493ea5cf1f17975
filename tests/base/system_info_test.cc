// The machine as read from a /proc and /sys of the tests' own.
#include "base/system_info.h"

#include <gtest/gtest.h>

#include <fstream>

namespace lode {
namespace {

namespace fs = std::filesystem;

/// A /proc and /sys of the test's own.
class FakeRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::path(::testing::TempDir()) /
        ("root-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& content) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  fs::path root_;
};

TEST_F(FakeRoot, AnEmptyRootGivesUnknownsAndNoCrash) {
  const SystemInfo info = read_system_info(root_);
  EXPECT_EQ(info.cpu_model, "");
  EXPECT_TRUE(info.isa.empty());
  EXPECT_TRUE(info.governors.empty());
  EXPECT_FALSE(info.turbo.has_value());
  EXPECT_FALSE(info.smt.has_value());
  EXPECT_FALSE(info.load_1min.has_value());
  EXPECT_FALSE(info.memory_total_bytes.has_value());
  EXPECT_FALSE(info.cgroup_cpus.has_value());
  EXPECT_FALSE(info.hypervisor.has_value());
  EXPECT_FALSE(read_cpu_times(root_).has_value());
}

TEST_F(FakeRoot, ReadsProcessorsMemoryAndSettings) {
  put("proc/cpuinfo",
      "processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\nphysical id\t: 0\ncore id\t\t: 0\n"
      "flags\t\t: fpu sse4_2 avx2 hypervisor avx512f avx512_vnni\n\n"
      "processor\t: 1\nmodel name\t: Some CPU @ 2.5GHz\nphysical id\t: 0\ncore id\t\t: 0\n\n"
      "processor\t: 2\nphysical id\t: 1\ncore id\t\t: 0\n");
  put("proc/meminfo", "MemTotal:       24684092 kB\nMemAvailable:   1000 kB\n");
  put("proc/loadavg", "0.64 1.40 2.32 1/99 1234\n");
  put("sys/devices/system/cpu/online", "0-2\n");
  put("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
  put("sys/devices/system/cpu/smt/active", "1\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
  put("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  SystemInfo info = read_system_info(root_);
  EXPECT_EQ(info.cpu_model, "Some CPU @ 2.5GHz");
  EXPECT_EQ(info.isa, (std::vector<std::string>{"sse4_2", "avx2", "avx512f", "avx512_vnni"}));
  EXPECT_EQ(info.hypervisor, true);
  EXPECT_EQ(info.logical_cpus, 3);
  EXPECT_EQ(info.physical_cores, 2);
  EXPECT_EQ(info.memory_total_bytes, 24684092ULL * 1024);
  EXPECT_EQ(info.memory_available_bytes, 1024000ULL);
  EXPECT_EQ(info.turbo, false);
  EXPECT_EQ(info.smt, true);
  EXPECT_EQ(info.transparent_hugepages, "madvise");
  EXPECT_EQ(info.clock_source, "tsc");
  EXPECT_EQ(info.os, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_DOUBLE_EQ(*info.load_1min, 0.64);
}

TEST_F(FakeRoot, GovernorsAreThoseOfTheProcessorsInUse) {
  const SystemInfo real = read_system_info("/");
  ASSERT_FALSE(real.affinity.empty());
  put("sys/devices/system/cpu/cpu" + std::to_string(real.affinity[0]) + "/cpufreq/scaling_governor",
      "powersave\n");
  put("sys/devices/system/cpu/cpu60000/cpufreq/scaling_governor", "performance\n");
  EXPECT_EQ(read_system_info(root_).governors, std::vector<std::string>{"powersave"});
}

TEST_F(FakeRoot, ControlGroupLimitsAreTheLeastOfAllParents) {
  put("proc/self/cgroup", "0::/outer/inner\n");
  put("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  put("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/outer/memory.max", "1000000\n");
  put("sys/fs/cgroup/outer/inner/memory.max", "5000000\n");
  const SystemInfo info = read_system_info(root_);
  EXPECT_DOUBLE_EQ(info.cgroup_cpus.value_or(0), 1.5);
  EXPECT_EQ(info.cgroup_memory_bytes, 1000000ULL);
}

TEST_F(FakeRoot, VersionOneControlGroups) {
  put("proc/self/cgroup", "4:memory:/job\n1:cpu,cpuacct:/job\n0::/\n");
  put("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  const SystemInfo info = read_system_info(root_);
  EXPECT_DOUBLE_EQ(info.cgroup_cpus.value_or(0), 0.5);
  EXPECT_FALSE(info.cgroup_memory_bytes.has_value());
}

TEST_F(FakeRoot, OddContentIsUnknown) {
  put("proc/meminfo", "MemTotal: lots kB\n:::\n\n");
  put("proc/loadavg", "busy\n");
  put("proc/stat", "cpu 1 2 three\n");
  put("proc/self/cgroup", "nonsense\n::\n0::/../../..\n");
  put("sys/devices/system/cpu/online", "3-1\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "]always[\n");
  put("sys/devices/system/cpu/smt/active", "maybe\n");
  const SystemInfo info = read_system_info(root_);
  EXPECT_FALSE(info.memory_total_bytes.has_value());
  EXPECT_FALSE(info.load_1min.has_value());
  EXPECT_FALSE(info.logical_cpus.has_value());
  EXPECT_EQ(info.transparent_hugepages, "");
  EXPECT_FALSE(info.smt.has_value());
  EXPECT_FALSE(read_cpu_times(root_).has_value());
}

TEST_F(FakeRoot, CpuTimesCountStealAndIdle) {
  put("proc/stat", "cpu  10 20 30 400 50 6 7 80 9 9\ncpu0 1 2 3\n");
  const auto times = read_cpu_times(root_);
  ASSERT_TRUE(times.has_value());
  EXPECT_EQ(times->total, 603U);
  EXPECT_EQ(times->idle, 450U);
  EXPECT_EQ(times->steal, 80U);
}

TEST(SystemInfo, KnowsThisMachine) {
  const SystemInfo info = read_system_info();
  EXPECT_FALSE(info.architecture.empty());
  EXPECT_FALSE(info.kernel.empty());
  EXPECT_FALSE(info.affinity.empty());
  EXPECT_GT(info.memory_total_bytes.value_or(0), 0U);
}

TEST(CpuList, ReadsRangesAndRefusesTheRest) {
  EXPECT_EQ(parse_cpu_list("0-2,5"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(parse_cpu_list("3,1,1"), (std::vector<int>{1, 3}));
  EXPECT_EQ(parse_cpu_list(" 7\n"), (std::vector<int>{7}));
  for (const char* bad : {"", "a", "1-", "-1", "2-1", "1,,2", "1,", "0-99999999999", "1.5"}) {
    EXPECT_FALSE(parse_cpu_list(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace lode
