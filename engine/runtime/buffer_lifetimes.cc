#include "engine/runtime/buffer_lifetimes.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lode::engine {

namespace {

std::size_t index_of(BufferId id) {
  return static_cast<std::size_t>(id);
}

class Reuse {
 public:
  explicit Reuse(PlanParts& parts)
      : parts_(parts), lifetimes_(buffer_lifetimes(parts)), heir_(parts.buffers.size()) {
    std::iota(heir_.begin(), heir_.end(), 0);
  }

  void run(PassReport& report) {
    for (std::size_t i = 0; i < parts_.steps.size(); ++i) {
      rename(parts_.steps[i]);
      if (take_over(parts_.steps[i], static_cast<std::int64_t>(i))) ++report.changes;
    }
  }

 private:
  void rename(PlanStep& step) {
    for (std::vector<Argument>* arguments : {&step.inputs, &step.outputs}) {
      for (Argument& argument : *arguments) {
        if (argument.buffer != kNoBuffer) argument.buffer = heir_[index_of(argument.buffer)];
      }
    }
  }

  /// The argument is a whole buffer of the arena.
  [[nodiscard]] bool is_whole(const Argument& argument) const {
    if (argument.buffer == kNoBuffer) return false;
    const Buffer& buffer = parts_.buffers[index_of(argument.buffer)];
    return buffer.home == Buffer::Home::kArena && argument.offset_bytes == 0 &&
           argument.bytes == buffer.bytes;
  }

  /// Every input of the step that is in the same buffer may be written over.
  [[nodiscard]] static bool allows(const PlanStep& step, std::size_t input) {
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const bool may = (step.step.may_overwrite >> i & 1U) != 0;
      if (!may && (i == input || step.inputs[i].buffer == step.inputs[input].buffer)) return false;
    }
    return true;
  }

  bool take_over(PlanStep& step, std::int64_t position) {
    if (step.step.may_overwrite == 0 || step.outputs.size() != 1) return false;
    Argument& output = step.outputs[0];
    if (!is_whole(output) || lifetimes_[index_of(output.buffer)].first_step != position) {
      return false;
    }
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const Argument& input = step.inputs[i];
      if (!allows(step, i) || !is_whole(input) || input.bytes != output.bytes) continue;
      Lifetime& lifetime = lifetimes_[index_of(input.buffer)];
      if (lifetime.last_step != position) continue;
      lifetime.last_step = lifetimes_[index_of(output.buffer)].last_step;
      heir_[index_of(output.buffer)] = input.buffer;
      output.buffer = input.buffer;
      return true;
    }
    return false;
  }

  PlanParts& parts_;
  std::vector<Lifetime> lifetimes_;
  std::vector<BufferId> heir_;  ///< by buffer: the one that stands for it
};

}  // namespace

std::vector<Lifetime> buffer_lifetimes(const PlanParts& parts) {
  constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
  std::vector<Lifetime> lifetimes(parts.buffers.size(), Lifetime{0, kNever, -1});
  for (std::size_t i = 0; i < lifetimes.size(); ++i) lifetimes[i].bytes = parts.buffers[i].bytes;
  for (std::size_t step = 0; step < parts.steps.size(); ++step) {
    const auto touch = [&](const Argument& argument) {
      if (argument.buffer == kNoBuffer) return;
      Lifetime& lifetime = lifetimes[index_of(argument.buffer)];
      lifetime.first_step = std::min(lifetime.first_step, static_cast<std::int64_t>(step));
      lifetime.last_step = static_cast<std::int64_t>(step);
    };
    for (const Argument& argument : parts.steps[step].inputs) touch(argument);
    for (const Argument& argument : parts.steps[step].outputs) touch(argument);
  }
  return lifetimes;
}

void reuse_inputs(PlanParts& parts, PassReport& report) {
  Reuse(parts).run(report);
}

}  // namespace lode::engine
