// Plans by input extents, the arena that they share, and the checks in front of a run.
#include "engine/runtime/session.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>

#include "base/aligned_memory.h"
#include "engine/runtime/model_impl.h"
#include "engine/runtime/plan.h"
#include "engine/runtime/reference_executor.h"
#include "engine/runtime/thread_pool.h"

namespace lode::engine {

namespace {

/// Memory that is touched when made, so that no run meets a page fault.
class ArenaMemory {
 public:
  [[nodiscard]] std::byte* data() { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// At least `bytes`, contents lost; false if there is not as much.
  [[nodiscard]] bool grow(std::size_t bytes) {
    if (bytes <= size_) return true;
    data_.reset();
    size_ = 0;
    std::byte* fresh = allocate_aligned(bytes);
    if (fresh == nullptr) return false;
    data_.reset(fresh);
    size_ = bytes;
    std::memset(fresh, 0, bytes);
    return true;
  }

 private:
  std::unique_ptr<std::byte, FreeAligned> data_;
  std::size_t size_ = 0;
};

std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool has_shapes(std::span<const TensorView> views, const std::vector<Shape>& shapes) {
  return std::equal(views.begin(), views.end(), shapes.begin(), shapes.end(),
                    [](const TensorView& view, const Shape& shape) { return view.shape == shape; });
}

/// One argument of a run against what the model says; `what` is "input" or "output".
Status check_argument(std::string_view what, const PortInfo& port, DType wanted,
                      const TensorView& view) {
  if (view.dtype != wanted) {
    return runtime_error("{} '{}' is {}; the model has {}", what, port.name, dtype_name(view.dtype),
                         dtype_name(wanted));
  }
  if (view.data == nullptr && view.shape.is_static() && view.element_count() > 0) {
    return runtime_error("{} '{}' has no memory", what, port.name);
  }
  return {};
}

Status check_count(std::string_view what, std::size_t given, std::span<const PortInfo> ports) {
  if (given == ports.size()) return {};
  std::string names;
  for (const PortInfo& port : ports)
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", port.name);
  return runtime_error("{} {}s are given; the model has {}: {}", given, what, ports.size(), names);
}

Status check_inputs(std::span<const PortInfo> ports, std::span<const TensorView> inputs) {
  LODE_CHECK_OK(check_count("input", inputs.size(), ports));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    LODE_CHECK_OK(check_argument("input", ports[i], ports[i].dtype, inputs[i]));
  }
  return {};
}

Status check_output(const PortInfo& port, DType dtype, const Shape& shape,
                    const MutableTensorView& output) {
  LODE_CHECK_OK(check_argument("output", port, dtype, output));
  if (output.shape == shape) return {};
  return runtime_error("output '{}' has shape {}; for these inputs it is {}", port.name,
                       output.shape.to_string(), shape.to_string());
}

/// What the graph makes against what the model's file says of it.
Status check_declared(const Value& declared, DType dtype, const Shape& shape) {
  bool matches = !declared.dtype || *declared.dtype == dtype;
  if (declared.shape) {
    matches = matches &&
              std::equal(declared.shape->begin(), declared.shape->end(), shape.begin(), shape.end(),
                         [](std::int64_t says, std::int64_t is) { return says < 0 || says == is; });
  }
  if (matches) return {};
  return runtime_error("output '{}' is declared {}{}; the graph makes {}{}", declared.name,
                       declared.dtype ? dtype_name(*declared.dtype) : "",
                       declared.shape ? declared.shape->to_string() : "", dtype_name(dtype),
                       shape.to_string());
}

bool overlap(const TensorView& a, const TensorView& b) {
  const std::less<const std::byte*> before;
  return before(a.data, b.data + b.byte_size()) && before(b.data, a.data + a.byte_size());
}

/// Steps write outputs while inputs and other outputs are still read.
Status check_overlap(std::span<const PortInfo> ports, std::span<const TensorView> inputs,
                     std::span<const MutableTensorView> outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorView output = outputs[i];
    const auto meets = [&](const TensorView& other) { return overlap(output, other); };
    if (std::any_of(inputs.begin(), inputs.end(), meets) ||
        std::any_of(outputs.begin(), outputs.begin() + static_cast<std::ptrdiff_t>(i), meets)) {
      return runtime_error("the memory of output '{}' overlaps that of an input or another output",
                           ports[i].name);
    }
  }
  return {};
}

/// A plan and when it was last asked for.
struct HeldPlan {
  std::unique_ptr<Plan> plan;
  std::uint64_t last_use = 0;
};

}  // namespace

struct Session::Impl {
  std::shared_ptr<const Model> model;
  std::unique_ptr<ThreadPool> pool;
  std::vector<HeldPlan> plans;
  std::uint64_t uses = 0;
  ArenaMemory arena;
  ArenaMemory scratch;

  template <typename Matches>
  [[nodiscard]] Plan* find(const Matches& matches);
  [[nodiscard]] Status check_results(const Plan& plan) const;
  void drop_oldest();
  Result<Plan*> plan_for(std::span<const Shape> shapes);
  Result<Plan*> plan_for(std::span<const TensorView> inputs);
  Status make_room(const Plan& plan);
  Status check_outputs(const Plan& plan, std::span<const MutableTensorView> outputs) const;
  Result<Plan*> checked_plan(std::span<const TensorView> inputs,
                             std::span<const MutableTensorView> outputs);
  [[nodiscard]] Result<std::vector<Tensor>> results_by_reference(
      std::span<const TensorView> inputs) const;
  Status run_by_reference(std::span<const TensorView> inputs,
                          std::span<const MutableTensorView> outputs) const;
};

/// The plan whose input shapes match, marked as used; null if there is none.
template <typename Matches>
Plan* Session::Impl::find(const Matches& matches) {
  for (HeldPlan& held : plans) {
    if (!matches(held.plan->parts().input_shapes)) continue;
    held.last_use = ++uses;
    return held.plan.get();
  }
  return nullptr;
}

Status Session::Impl::check_results(const Plan& plan) const {
  const auto ids = model->graph().outputs();
  for (std::size_t i = 0; plan.is_static() && i < ids.size(); ++i) {
    const ValueInfo& info = plan.parts().outputs[i];
    LODE_CHECK_OK(check_declared(model->graph().value(ids[i]), info.dtype, info.shape));
  }
  return {};
}

void Session::Impl::drop_oldest() {
  plans.erase(std::min_element(
      plans.begin(), plans.end(),
      [](const HeldPlan& a, const HeldPlan& b) { return a.last_use < b.last_use; }));
}

/// Arena and scratch for all plans so far and this one; when they move, all plans are bound anew.
Status Session::Impl::make_room(const Plan& plan) {
  std::size_t stride = aligned(plan.scratch_bytes());
  for (const HeldPlan& held : plans) stride = std::max(stride, aligned(held.plan->scratch_bytes()));
  const std::size_t needed = plan.arena_bytes();
  const std::size_t scratch_bytes = stride * static_cast<std::size_t>(pool->threads());
  if (!arena.grow(needed) || !scratch.grow(scratch_bytes)) {
    plans.clear();  // they point into memory that is gone
    return runtime_error("not enough memory: {} bytes of intermediate values are needed",
                         needed + scratch_bytes);
  }
  for (const HeldPlan& held : plans) held.plan->bind(arena.data(), scratch.data(), stride);
  return {};
}

Result<Plan*> Session::Impl::plan_for(std::span<const Shape> shapes) {
  Plan* known = find([&](const std::vector<Shape>& planned) {
    return std::equal(shapes.begin(), shapes.end(), planned.begin(), planned.end());
  });
  if (known != nullptr) return known;
  LODE_TRY(auto plan, model->impl_->build_plan(shapes, pool->threads()));
  LODE_CHECK_OK(check_results(*plan));
  if (plans.size() == kPlansMax) drop_oldest();
  plans.push_back({std::move(plan), ++uses});
  Plan& added = *plans.back().plan;
  LODE_CHECK_OK(make_room(added));
  return &added;
}

Result<Plan*> Session::Impl::plan_for(std::span<const TensorView> inputs) {
  Plan* known =
      find([&](const std::vector<Shape>& planned) { return has_shapes(inputs, planned); });
  if (known != nullptr) return known;
  std::vector<Shape> shapes;
  for (const TensorView& input : inputs) shapes.push_back(input.shape);
  return plan_for(shapes);
}

Status Session::Impl::check_outputs(const Plan& plan,
                                    std::span<const MutableTensorView> outputs) const {
  LODE_CHECK_OK(check_count("output", outputs.size(), model->outputs()));
  for (std::size_t i = 0; plan.is_static() && i < outputs.size(); ++i) {
    const ValueInfo& info = plan.parts().outputs[i];
    LODE_CHECK_OK(check_output(model->outputs()[i], info.dtype, info.shape, outputs[i]));
  }
  return {};
}

Result<std::vector<Tensor>> Session::Impl::results_by_reference(
    std::span<const TensorView> inputs) const {
  const Graph& graph = model->graph();
  LODE_TRY(auto results, execute_by_reference(graph, inputs));
  for (std::size_t i = 0; i < results.size(); ++i) {
    LODE_CHECK_OK(
        check_declared(graph.value(graph.outputs()[i]), results[i].dtype(), results[i].shape()));
  }
  return results;
}

Status Session::Impl::run_by_reference(std::span<const TensorView> inputs,
                                       std::span<const MutableTensorView> outputs) const {
  LODE_TRY(const auto results, results_by_reference(inputs));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Tensor& result = results[i];
    LODE_CHECK_OK(check_output(model->outputs()[i], result.dtype(), result.shape(), outputs[i]));
    if (result.byte_size() > 0) {
      std::memcpy(outputs[i].data, result.view().data, result.byte_size());
    }
  }
  return {};
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Model> model,
                                                 const SessionOptions& options) {
  LODE_ASSERT(model != nullptr);
  auto impl = std::make_unique<Impl>();
  impl->model = std::move(model);
  LODE_TRY(impl->pool, ThreadPool::create(options.threads, options.cpus));
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

Status Session::prepare(std::span<const Shape> input_shapes) {
  LODE_CHECK_OK(impl_->plan_for(input_shapes));
  return {};
}

Result<std::vector<PortInfo>> Session::output_ports(std::span<const Shape> input_shapes) {
  LODE_TRY(const Plan* plan, impl_->plan_for(input_shapes));
  if (!plan->is_static()) {
    const NodeId first = plan->parts().inferred.data_dependent.front();
    return runtime_error("the output shapes depend on the data: {} is the first node to make them",
                         describe(impl_->model->graph().node(first)));
  }
  std::vector<PortInfo> ports;
  for (std::size_t i = 0; i < plan->parts().outputs.size(); ++i) {
    const ValueInfo& output = plan->parts().outputs[i];
    ports.push_back({.name = impl_->model->outputs()[i].name,
                     .dtype = output.dtype,
                     .shape = output.shape,
                     .symbols = std::vector<std::string>(output.shape.rank())});
  }
  return ports;
}

/// The plan for a run with these arguments, which fit it.
Result<Plan*> Session::Impl::checked_plan(std::span<const TensorView> inputs,
                                          std::span<const MutableTensorView> outputs) {
  LODE_CHECK_OK(check_inputs(model->inputs(), inputs));
  LODE_TRY(Plan * plan, plan_for(inputs));
  LODE_CHECK_OK(check_outputs(*plan, outputs));
  LODE_CHECK_OK(check_overlap(model->outputs(), inputs, outputs));
  return plan;
}

Status Session::run(std::span<const TensorView> inputs,
                    std::span<const MutableTensorView> outputs) {
  LODE_TRY(Plan * plan, impl_->checked_plan(inputs, outputs));
  if (!plan->is_static()) return impl_->run_by_reference(inputs, outputs);
  return plan->run(*impl_->pool, inputs, outputs);
}

Status Session::run_timed(std::span<const TensorView> inputs,
                          std::span<const MutableTensorView> outputs,
                          std::span<std::int64_t> step_ns) {
  LODE_TRY(Plan * plan, impl_->checked_plan(inputs, outputs));
  if (!plan->is_static()) {
    return runtime_error("there are no steps to time: the model's shapes depend on the data");
  }
  LODE_ASSERT(step_ns.size() == plan->parts().steps.size());
  return plan->run(*impl_->pool, inputs, outputs, step_ns);
}

Result<std::vector<Tensor>> Session::run_allocating(std::span<const TensorView> inputs) {
  LODE_CHECK_OK(check_inputs(impl_->model->inputs(), inputs));
  LODE_TRY(const Plan* plan, impl_->plan_for(inputs));
  if (!plan->is_static()) return impl_->results_by_reference(inputs);
  std::vector<Tensor> outputs;
  std::vector<MutableTensorView> views;
  for (const ValueInfo& output : plan->parts().outputs) {
    try {
      outputs.emplace_back(output.dtype, output.shape);
    } catch (const std::bad_alloc&) {
      return runtime_error(
          "not enough memory: outputs of {} bytes are needed",
          static_cast<std::size_t>(output.shape.element_count()) * dtype_size(output.dtype));
    }
    views.push_back(outputs.back().mutable_view());
  }
  LODE_CHECK_OK(run(inputs, views));
  return outputs;
}

Result<PlanInfo> Session::plan_info(std::span<const Shape> input_shapes) {
  LODE_TRY(const Plan* plan, impl_->plan_for(input_shapes));
  return plan->info(impl_->model->graph());
}

std::size_t Session::plan_count() const {
  return impl_->plans.size();
}

}  // namespace lode::engine
