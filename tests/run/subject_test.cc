// What is decided before anything is opened: whether a processor is left for spinning.
#include "run/subject.h"

#include <gtest/gtest.h>

namespace lode::run {
namespace {

TEST(SpareProcessor, IsOneThatTheSubjectLeavesOver) {
  config::RunConfig values;
  values.sut = config::SutKind::kEngine;
  values.instances = 2;
  values.threads = 2;
  SystemInfo system;
  system.affinity = {0, 1, 2, 3};
  EXPECT_FALSE(has_spare_processor(values, system));
  system.affinity.push_back(9);
  EXPECT_TRUE(has_spare_processor(values, system));
}

TEST(SpareProcessor, QuotaCounts) {
  config::RunConfig values;
  values.sut = config::SutKind::kNull;
  SystemInfo system;
  system.affinity = {0, 1, 2, 3};
  EXPECT_TRUE(has_spare_processor(values, system));
  system.cgroup_cpus = 1.0;
  EXPECT_TRUE(has_spare_processor(values, system));
  system.cgroup_cpus = 0.5;
  EXPECT_FALSE(has_spare_processor(values, system));
}

TEST(SpareProcessor, WorkersOfDelayCount) {
  config::RunConfig values;
  values.sut = config::SutKind::kDelay;
  values.instances = 2;
  values.threads = 100;
  SystemInfo system;
  system.affinity = {0, 1};
  EXPECT_FALSE(has_spare_processor(values, system));
  values.instances = 1;
  EXPECT_TRUE(has_spare_processor(values, system));
}

}  // namespace
}  // namespace lode::run
