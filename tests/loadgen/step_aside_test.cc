// The policy of helper threads, and that it is theirs for a while only.
#include "loadgen/step_aside.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace lode::loadgen {
namespace {

TEST(StepAside, IsBatchWhileItLives) {
  std::thread([] {
    ASSERT_EQ(sched_getscheduler(0), SCHED_OTHER);
    {
      const StepAside step_aside;
      EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
    }
    EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  }).join();
}

TEST(StepAside, LeavesAnotherPolicyAlone) {
  std::thread([] {
    const sched_param no_priority{};
    ASSERT_EQ(sched_setscheduler(0, SCHED_IDLE, &no_priority), 0);
    {
      const StepAside step_aside;
      EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
    }
    EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
  }).join();
}

}  // namespace
}  // namespace lode::loadgen
