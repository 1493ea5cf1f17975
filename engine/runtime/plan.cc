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

/// Every worker's arena begins at a multiple of the alignment.
std::size_t round_up_to_alignment(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

std::int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Plan::PartsRun {
  Plan* plan;
  std::span<const TensorView> inputs;
  std::span<const MutableTensorView> outputs;
  std::span<std::int64_t> step_ns;
};

Plan::Plan(PlanParts parts) : parts_(std::move(parts)) {
  Binding binding(parts_.steps.size());
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
    binding[step].inputs.resize(parts_.steps[step].inputs.size());
    binding[step].outputs.resize(parts_.steps[step].outputs.size());
    note_ports(parts_.steps[step].inputs, false);
    note_ports(parts_.steps[step].outputs, true);
  }
  bindings_.assign(is_split() ? static_cast<std::size_t>(parts_.workers) : 1, binding);
}

std::size_t Plan::arena_bytes() const {
  return round_up_to_alignment(parts_.memory.arena_bytes) * bindings_.size();
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
  for (Binding& binding : bindings_) {
    bind(binding, arena);
    arena += round_up_to_alignment(parts_.memory.arena_bytes);
  }
}

void Plan::bind(Binding& binding, std::byte* arena) const {
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
      if (buffer->home == Buffer::Home::kConstant) binding[step].inputs[i] = buffer->constant;
      if (buffer->home == Buffer::Home::kArena) {
        binding[step].inputs[i] =
            arena + parts_.memory.offsets[buffer->index] + planned.inputs[i].offset_bytes;
      }
    }
    for (std::size_t i = 0; i < planned.outputs.size(); ++i) {
      const Buffer* buffer = buffer_of(planned.outputs[i]);
      if (buffer == nullptr || buffer->home != Buffer::Home::kArena) continue;
      binding[step].outputs[i] =
          arena + parts_.memory.offsets[buffer->index] + planned.outputs[i].offset_bytes;
    }
  }
}

/// Points at the caller's memory, from part `part` of the batch on.
void Plan::set_ports(Binding& binding, std::span<const TensorView> inputs,
                     std::span<const MutableTensorView> outputs, std::int64_t part) const {
  const auto offset = [&](const TensorView& port) {
    LODE_ASSERT(port.byte_size() % static_cast<std::size_t>(parts_.batch_parts) == 0);
    return port.byte_size() / static_cast<std::size_t>(parts_.batch_parts) *
           static_cast<std::size_t>(part);
  };
  for (const PortArgument& port : ports_) {
    Bound& bound = binding[port.step];
    const bool is_input = port.home == Buffer::Home::kInput;
    const TensorView view = is_input ? inputs[port.port] : TensorView(outputs[port.port]);
    const std::size_t at = offset(view) + port.offset_bytes;
    if (port.is_step_output) {
      bound.outputs[port.argument] = outputs[port.port].data + at;
    } else {
      bound.inputs[port.argument] = view.data + at;
    }
  }
}

/// A worker by itself: the whole network on one part.
void Plan::run_part(const PartsRun& run, std::int64_t part, int worker) {
  Binding& binding = bindings_[static_cast<std::size_t>(worker)];
  set_ports(binding, run.inputs, run.outputs, part);
  const bool is_timed = worker == 0 && !run.step_ns.empty();
  std::int64_t begin_ns = is_timed ? now_ns() : 0;
  for (std::size_t i = 0; i < parts_.steps.size(); ++i) {
    const Step& step = parts_.steps[i].step;
    StepRun step_run{.step = &step,
                     .arguments = {.inputs = binding[i].inputs, .outputs = binding[i].outputs},
                     .scratch = scratch_,
                     .scratch_stride = scratch_stride_};
    for (std::int64_t task = 0; task < step.task_count; ++task) run_task(&step_run, task, worker);
    if (!is_timed) continue;
    const std::int64_t end_ns = now_ns();
    run.step_ns[i] += end_ns - begin_ns;
    begin_ns = end_ns;
  }
}

Status Plan::run_parts(ThreadPool& pool, std::span<const TensorView> inputs,
                       std::span<const MutableTensorView> outputs,
                       std::span<std::int64_t> step_ns) {
  std::fill(step_ns.begin(), step_ns.end(), 0);
  PartsRun run{.plan = this, .inputs = inputs, .outputs = outputs, .step_ns = step_ns};
  pool.run(
      parts_.batch_parts,
      [](void* context, std::int64_t part, int worker) {
        const auto& parts_run = *static_cast<const PartsRun*>(context);
        parts_run.plan->run_part(parts_run, part, worker);
      },
      &run);
  return {};
}

Status Plan::run(ThreadPool& pool, std::span<const TensorView> inputs,
                 std::span<const MutableTensorView> outputs, std::span<std::int64_t> step_ns) {
  const ThreadPool::CallerScope scope(pool);
  if (is_split()) return run_parts(pool, inputs, outputs, step_ns);
  Binding& binding = bindings_.front();
  set_ports(binding, inputs, outputs, 0);
  std::int64_t begin_ns = step_ns.empty() ? 0 : now_ns();
  for (std::size_t i = 0; i < parts_.steps.size(); ++i) {
    const Step& step = parts_.steps[i].step;
    StepRun run{.step = &step,
                .arguments = {.inputs = binding[i].inputs, .outputs = binding[i].outputs},
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

/// Constants that were packed do not count beside what they were packed into. Each part of a batch
/// reads all of it.
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
  return bytes * static_cast<std::size_t>(parts_.batch_parts);
}

PlanInfo Plan::info(const Graph& graph) const {
  PlanInfo info;
  info.is_static = is_static();
  info.arena_bytes = arena_bytes();
  info.decisions = parts_.decisions;
  std::set<const void*> seen;
  for (const PlanStep& step : parts_.steps) {
    Shape output_shape = step.output_shape;
    if (is_split() && output_shape.rank() > 0) output_shape[0] *= parts_.batch_parts;
    std::vector<KernelFlops> members = step.step.members;
    for (KernelFlops& member : members) member.flops *= static_cast<double>(parts_.batch_parts);
    info.steps.push_back({.node = step.name,
                          .op_type = step.op_type,
                          .kernel = step.step.kernel,
                          .reason = step.step.reason,
                          .output_shape = output_shape,
                          .scratch_bytes = step.step.scratch_bytes,
                          .flops = step.step.flops * static_cast<double>(parts_.batch_parts),
                          .members = std::move(members),
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
