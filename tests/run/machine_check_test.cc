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

TEST(MachineCheck, AGoodMachineIsOkThroughout) {
  for (const CheckItem& item : check_machine(good_machine(), 0.0)) {
    EXPECT_EQ(item.fitness, Fitness::kOk) << item.name;
    EXPECT_FALSE(item.value.empty()) << item.name;
    EXPECT_TRUE(item.advice.empty()) << item.name;
  }
}

TEST(MachineCheck, WhatIsNotKnownIsUnknownAndNeverOk) {
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
  EXPECT_EQ(fitness_of(info, "governor"), Fitness::kWarn);
  info = good_machine();
  info.turbo = true;
  EXPECT_EQ(fitness_of(info, "turbo"), Fitness::kWarn);
  info = good_machine();
  info.smt = true;
  EXPECT_EQ(fitness_of(info, "SMT"), Fitness::kWarn);
  info = good_machine();
  info.hypervisor = true;
  EXPECT_EQ(fitness_of(info, "virtual machine"), Fitness::kWarn);
  info = good_machine();
  info.affinity = {2};
  EXPECT_EQ(fitness_of(info, "processors"), Fitness::kWarn);
  info = good_machine();
  info.isa = {"sse4_2"};
  EXPECT_EQ(fitness_of(info, "instruction set"), Fitness::kWarn);
  info = good_machine();
  info.transparent_hugepages = "always";
  EXPECT_EQ(fitness_of(info, "huge pages"), Fitness::kWarn);
  info = good_machine();
  info.clock_source = "hpet";
  EXPECT_EQ(fitness_of(info, "clock"), Fitness::kBad);
  info = good_machine();
  info.cgroup_cpus = 1.5;
  EXPECT_EQ(fitness_of(info, "cgroup processors"), Fitness::kBad);
  info.cgroup_cpus = 4;
  EXPECT_EQ(fitness_of(info, "cgroup processors"), Fitness::kOk);
  info.cgroup_memory_bytes = 100'000'000;
  EXPECT_EQ(fitness_of(info, "cgroup memory"), Fitness::kWarn);
}

TEST(MachineCheck, LoadCountsPerProcessor) {
  SystemInfo info = good_machine();
  info.load_1min = 1.0;
  EXPECT_EQ(fitness_of(info, "load"), Fitness::kWarn);
  info.load_1min = 2.0;
  EXPECT_EQ(fitness_of(info, "load"), Fitness::kBad);
  info.affinity.assign(64, 0);
  EXPECT_EQ(fitness_of(info, "load"), Fitness::kOk);
}

TEST(MachineCheck, MemoryAndStealHaveTwoSteps) {
  SystemInfo info = good_machine();
  info.memory_available_bytes = 1'000'000'000;
  EXPECT_EQ(fitness_of(info, "free memory"), Fitness::kWarn);
  info.memory_available_bytes = 100'000'000;
  EXPECT_EQ(fitness_of(info, "free memory"), Fitness::kBad);
  EXPECT_EQ(fitness_of(info, "steal", 0.01), Fitness::kWarn);
  EXPECT_EQ(fitness_of(info, "steal", 0.2), Fitness::kBad);
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
