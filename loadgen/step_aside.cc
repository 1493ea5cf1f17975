#include "loadgen/step_aside.h"

#include <sched.h>

namespace lode::loadgen {
namespace {

bool set_policy(int policy) {
  const sched_param no_priority{};
  return sched_setscheduler(0, policy, &no_priority) == 0;
}

}  // namespace

StepAside::StepAside() {
  changed_ = sched_getscheduler(0) == SCHED_OTHER && set_policy(SCHED_BATCH);
}

StepAside::~StepAside() {
  if (changed_) (void)set_policy(SCHED_OTHER);
}

}  // namespace lode::loadgen
