// What helps beside the thread that issues queries must not make it late.
#pragma once

namespace lode::loadgen {

/// While it lives, the calling thread takes no processor away from a running one when it wakes up
/// (SCHED_BATCH), and waits for one that is free, or for its turn. Threads with another policy than
/// the usual one keep theirs.
class StepAside {
 public:
  StepAside();
  StepAside(const StepAside&) = delete;
  StepAside& operator=(const StepAside&) = delete;
  ~StepAside();

 private:
  bool changed_ = false;
};

}  // namespace lode::loadgen
