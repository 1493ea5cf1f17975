// Each flaw of a machine is found, and what is not known is never called good.
#include "run/machine_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace lode::run {
namespace {

/// A machine with nothing to complain of.
SystemInfo good_machine() {
  SystemInfo info;
  info.cpu_model = "Some CPU";
  info.isa = {"avx2", "avx512f"};
  info.affinity = {0, 1, 2, 3};
  info.logical_cpus = 4;
  info.memory_available_bytes = 8'000'000'000;
  info.governors = {"performance"};
  info.turbo = false;
  info.smt = false;
  info.transparent_hugepages = "madvise";
  info.clock_source = "tsc";
  info.hypervisor = false;
  info.load_1min = 0.02;
  info.aslr = true;
  info.numa_nodes = 2;
  info.affinity_nodes = 1;
  return info;
}

Fitness fitness_of(const SystemInfo& info, std::string_view name,
                   std::optional<double> steal = 0.0) {
  for (const CheckItem& item : check_machine(info, steal)) {
    if (item.name == name) return item.fitness;
  }
  ADD_FAILURE() << "no item " << name;
  return Fitness::kUnknown;
}

TEST(MachineCheck, AGoodMachineIsGreenThroughout) {
  for (const CheckItem& item : check_machine(good_machine(), 0.0)) {
    EXPECT_EQ(item.fitness, Fitness::kGreen) << item.name;
    EXPECT_FALSE(item.value.empty()) << item.name;
    EXPECT_TRUE(item.advice.empty()) << item.name;
  }
}

TEST(MachineCheck, WhatIsNotKnownIsUnknownAndNeverGreen) {
  const std::set<std::string> limits = {"cgroup processors", "cgroup memory"};
  for (const CheckItem& item : check_machine(SystemInfo{}, std::nullopt)) {
    // A limit that is not set is the absence of one.
    if (limits.count(item.name) != 0) continue;
    EXPECT_EQ(item.fitness, Fitness::kUnknown) << item.name;
    EXPECT_FALSE(item.advice.empty()) << item.name;
  }
}

TEST(MachineCheck, EachFlawIsFound) {
  SystemInfo info = good_machine();
  info.governors = {"performance", "powersave"};
  EXPECT_EQ(fitness_of(info, "governor"), Fitness::kAmber);
  info = good_machine();
  info.turbo = true;
  EXPECT_EQ(fitness_of(info, "turbo"), Fitness::kAmber);
  info = good_machine();
  info.smt = true;
  EXPECT_EQ(fitness_of(info, "SMT"), Fitness::kAmber);
  info = good_machine();
  info.hypervisor = true;
  EXPECT_EQ(fitness_of(info, "virtual machine"), Fitness::kAmber);
  info = good_machine();
  info.affinity = {2};
  EXPECT_EQ(fitness_of(info, "processors"), Fitness::kAmber);
  info = good_machine();
  info.isa = {"sse4_2"};
  EXPECT_EQ(fitness_of(info, "instruction set"), Fitness::kAmber);
  info = good_machine();
  info.transparent_hugepages = "always";
  EXPECT_EQ(fitness_of(info, "huge pages"), Fitness::kAmber);
  info = good_machine();
  info.aslr = false;
  EXPECT_EQ(fitness_of(info, "ASLR"), Fitness::kAmber);
  info = good_machine();
  info.affinity_nodes = 2;
  EXPECT_EQ(fitness_of(info, "NUMA"), Fitness::kAmber);
  info = good_machine();
  info.clock_source = "hpet";
  EXPECT_EQ(fitness_of(info, "clock"), Fitness::kRed);
  info = good_machine();
  info.cgroup_cpus = 1.5;
  EXPECT_EQ(fitness_of(info, "cgroup processors"), Fitness::kRed);
  info.cgroup_cpus = 4;
  EXPECT_EQ(fitness_of(info, "cgroup processors"), Fitness::kGreen);
  info.cgroup_memory_bytes = 100'000'000;
  EXPECT_EQ(fitness_of(info, "cgroup memory"), Fitness::kAmber);
}

TEST(MachineCheck, AGateHasTwoHeights) {
  SystemInfo info = good_machine();
  EXPECT_TRUE(items_against(check_machine(info, 0.0), Strictness::kAmber).empty());
  EXPECT_TRUE(items_against(check_machine(SystemInfo{}, {}), Strictness::kAmber).empty());
  info.turbo = true;
  info.clock_source = "hpet";
  const auto red = items_against(check_machine(info, 0.0), Strictness::kRed);
  ASSERT_EQ(red.size(), 1U);
  EXPECT_EQ(describe(red),
            "clock (red: hpet): boot with clocksource=tsc: each reading is a system call");
  EXPECT_EQ(items_against(check_machine(info, 0.0), Strictness::kAmber).size(), 2U);
}

TEST(MachineCheck, LoadCountsPerProcessor) {
  SystemInfo info = good_machine();
  info.load_1min = 1.0;
  EXPECT_EQ(fitness_of(info, "load"), Fitness::kAmber);
  info.load_1min = 2.0;
  EXPECT_EQ(fitness_of(info, "load"), Fitness::kRed);
  info.affinity.assign(64, 0);
  EXPECT_EQ(fitness_of(info, "load"), Fitness::kGreen);
}

TEST(MachineCheck, MemoryAndStealHaveTwoSteps) {
  SystemInfo info = good_machine();
  info.memory_available_bytes = 1'000'000'000;
  EXPECT_EQ(fitness_of(info, "free memory"), Fitness::kAmber);
  info.memory_available_bytes = 100'000'000;
  EXPECT_EQ(fitness_of(info, "free memory"), Fitness::kRed);
  EXPECT_EQ(fitness_of(info, "steal", 0.01), Fitness::kAmber);
  EXPECT_EQ(fitness_of(info, "steal", 0.2), Fitness::kRed);
}

TEST(MachineCheck, StealShareNeedsTwoReadingsAndTime) {
  const CpuTimes before{1000, 900, 10};
  EXPECT_DOUBLE_EQ(*steal_share(before, CpuTimes{1100, 950, 15}), 0.05);
  EXPECT_FALSE(steal_share(before, before).has_value());
  EXPECT_FALSE(steal_share(std::nullopt, before).has_value());
  EXPECT_FALSE(steal_share(before, std::nullopt).has_value());
  EXPECT_FALSE(steal_share(before, CpuTimes{1100, 950, 5}).has_value());
}

}  // namespace
}  // namespace lode::run
