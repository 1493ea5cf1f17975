// Pointers of a plan, and its run.
#include "engine/runtime/plan.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <set>

#include "engine/kernels/aligned_floats.h"
#include "engine/runtime/denormals.h"
#include "engine/runtime/planner.h"
#include "engine/runtime/thread_pool.h"

namespace lode::engine {

namespace {

/// What the tasks of one step need, on the stack of the caller.
struct StepRun {
  const Step* step;
  StepArguments arguments;
  std::byte* scratch;
  std::size_t scratch_stride;
};

void run_task(void* context, std::int64_t task, int worker) {
  const auto& run = *static_cast<const StepRun*>(context);
  StepArguments arguments = run.arguments;
  arguments.scratch = run.scratch + static_cast<std::size_t>(worker) * run.scratch_stride;
  run.step->run(arguments, task);
}

std::int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Plan::Plan(PlanParts parts) : parts_(std::move(parts)) {
  bound_.resize(parts_.steps.size());
  for (std::size_t step = 0; step < parts_.steps.size(); ++step) {
    const auto note_ports = [&](const std::vector<Argument>& arguments, bool is_step_output) {
      for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i].buffer == kNoBuffer) continue;
        const Buffer& buffer = parts_.buffers[static_cast<std::size_t>(arguments[i].buffer)];
        if (buffer.home == Buffer::Home::kInput || buffer.home == Buffer::Home::kOutput) {
          ports_.push_back(
              {step, i, is_step_output, buffer.home, buffer.index, arguments[i].offset_bytes});
        }
      }
    };
    bound_[step].inputs.resize(parts_.steps[step].inputs.size());
    bound_[step].outputs.resize(parts_.steps[step].outputs.size());
    note_ports(parts_.steps[step].inputs, false);
    note_ports(parts_.steps[step].outputs, true);
  }
}

Result<std::unique_ptr<Plan>> Plan::build(const Graph& graph, std::span<const Shape> input_shapes,
                                          WeightCache& weights, const PlanOptions& options) {
  // What inference evaluates must have the bits that a run would give it.
  const FlushDenormals flush;
  try {
    LODE_TRY(PlanParts parts, make_plan(graph, input_shapes, weights, options));
    return std::unique_ptr<Plan>(new Plan(std::move(parts)));
  } catch (const NoMemoryForFloats& error) {
    return runtime_error("not enough memory: packed weights need {} bytes", error.bytes());
  } catch (const std::bad_alloc&) {
    return runtime_error("not enough memory to plan a run");
  }
}

std::size_t Plan::scratch_bytes() const {
  std::size_t most = 0;
  for (const PlanStep& step : parts_.steps) most = std::max(most, step.step.scratch_bytes);
  return most;
}

void Plan::bind(std::byte* arena, std::byte* scratch, std::size_t scratch_stride) {
  scratch_ = scratch;
  scratch_stride_ = scratch_stride;
  const auto buffer_of = [&](const Argument& argument) -> const Buffer* {
    return argument.buffer == kNoBuffer
               ? nullptr
               : &parts_.buffers[static_cast<std::size_t>(argument.buffer)];
  };
  for (std::size_t step = 0; step < parts_.steps.size(); ++step) {
    const PlanStep& planned = parts_.steps[step];
    for (std::size_t i = 0; i < planned.inputs.size(); ++i) {
      const Buffer* buffer = buffer_of(planned.inputs[i]);
      if (buffer == nullptr) continue;
      if (buffer->home == Buffer::Home::kConstant) bound_[step].inputs[i] = buffer->constant;
      if (buffer->home == Buffer::Home::kArena) {
        bound_[step].inputs[i] =
            arena + parts_.memory.offsets[buffer->index] + planned.inputs[i].offset_bytes;
      }
    }
    for (std::size_t i = 0; i < planned.outputs.size(); ++i) {
      const Buffer* buffer = buffer_of(planned.outputs[i]);
      if (buffer == nullptr || buffer->home != Buffer::Home::kArena) continue;
      bound_[step].outputs[i] =
          arena + parts_.memory.offsets[buffer->index] + planned.outputs[i].offset_bytes;
    }
  }
}

void Plan::set_ports(std::span<const TensorView> inputs,
                     std::span<const MutableTensorView> outputs) {
  for (const PortArgument& port : ports_) {
    Bound& bound = bound_[port.step];
    if (port.is_step_output) {
      bound.outputs[port.argument] = outputs[port.port].data + port.offset_bytes;
    } else {
      const std::byte* data =
          port.home == Buffer::Home::kInput ? inputs[port.port].data : outputs[port.port].data;
      bound.inputs[port.argument] = data + port.offset_bytes;
    }
  }
}

Status Plan::run(ThreadPool& pool, std::span<const TensorView> inputs,
                 std::span<const MutableTensorView> outputs, std::span<std::int64_t> step_ns) {
  const ThreadPool::CallerScope scope(pool);
  set_ports(inputs, outputs);
  std::int64_t begin_ns = step_ns.empty() ? 0 : now_ns();
  for (std::size_t i = 0; i < parts_.steps.size(); ++i) {
    const Step& step = parts_.steps[i].step;
    StepRun run{.step = &step,
                .arguments = {.inputs = bound_[i].inputs, .outputs = bound_[i].outputs},
                .scratch = scratch_,
                .scratch_stride = scratch_stride_};
    pool.run(step.task_count, run_task, &run);
    if (parts_.failure->has_value()) {
      const Error error = **parts_.failure;
      parts_.failure->reset();
      return error;
    }
    if (!step_ns.empty()) {
      const std::int64_t end_ns = now_ns();
      step_ns[i] = end_ns - begin_ns;
      begin_ns = end_ns;
    }
  }
  return {};
}

/// Constants that were packed do not count beside what they were packed into.
std::size_t Plan::touched_bytes(const PlanStep& step) const {
  std::size_t bytes = step.step.weight_bytes;
  const bool is_packed = step.step.weights != nullptr;
  for (const std::vector<Argument>* arguments : {&step.inputs, &step.outputs}) {
    for (const Argument& argument : *arguments) {
      if (argument.buffer == kNoBuffer) continue;
      const Buffer& buffer = parts_.buffers[static_cast<std::size_t>(argument.buffer)];
      if (!is_packed || buffer.home != Buffer::Home::kConstant) bytes += argument.bytes;
    }
  }
  return bytes;
}

PlanInfo Plan::info(const Graph& graph) const {
  PlanInfo info;
  info.is_static = is_static();
  info.arena_bytes = arena_bytes();
  info.decisions = parts_.decisions;
  std::set<const void*> seen;
  for (const PlanStep& step : parts_.steps) {
    info.steps.push_back({.node = step.name,
                          .op_type = step.op_type,
                          .kernel = step.step.kernel,
                          .reason = step.step.reason,
                          .output_shape = step.output_shape,
                          .scratch_bytes = step.step.scratch_bytes,
                          .flops = step.step.flops,
                          .bytes = touched_bytes(step)});
    if (step.step.weights != nullptr && seen.insert(step.step.weights.get()).second) {
      info.packed_weight_bytes += step.step.weight_bytes;
    }
  }
  for (const NodeId id : parts_.inferred.data_dependent) {
    info.data_dependent_nodes.push_back(graph.node(id).name);
  }
  return info;
}

}  // namespace lode::engine
