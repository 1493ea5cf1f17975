// Plans by input extents, the arena that they share, and the checks in front of a run.
#include "engine/runtime/session.h"

#include <algorithm>
#include <cstring>
#include <new>

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
    auto* fresh = static_cast<std::byte*>(
        ::operator new (bytes, std::align_val_t{kArenaAlignment}, std::nothrow));
    if (fresh == nullptr) return false;
    data_.reset(fresh);
    size_ = bytes;
    std::memset(fresh, 0, bytes);
    return true;
  }

 private:
  struct Free {
    void operator()(std::byte* pointer) const {
      ::operator delete (pointer, std::align_val_t{kArenaAlignment});
    }
  };
  std::unique_ptr<std::byte, Free> data_;
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

}  // namespace

struct Session::Impl {
  std::shared_ptr<const Model> model;
  std::unique_ptr<ThreadPool> pool;
  std::vector<std::unique_ptr<Plan>> plans;
  ArenaMemory arena;
  ArenaMemory scratch;

  [[nodiscard]] Plan* find(std::span<const Shape> shapes) const;
  [[nodiscard]] Plan* find(std::span<const TensorView> inputs) const;
  Result<Plan*> plan_for(std::span<const Shape> shapes);
  Result<Plan*> plan_for(std::span<const TensorView> inputs);
  Status make_room(const Plan& plan);
  Status check_outputs(const Plan& plan, std::span<const MutableTensorView> outputs) const;
  Status run_by_reference(std::span<const TensorView> inputs,
                          std::span<const MutableTensorView> outputs) const;
};

Plan* Session::Impl::find(std::span<const Shape> shapes) const {
  for (const auto& plan : plans) {
    const auto& known = plan->parts().input_shapes;
    if (std::equal(shapes.begin(), shapes.end(), known.begin(), known.end())) return plan.get();
  }
  return nullptr;
}

Plan* Session::Impl::find(std::span<const TensorView> inputs) const {
  for (const auto& plan : plans) {
    if (has_shapes(inputs, plan->parts().input_shapes)) return plan.get();
  }
  return nullptr;
}

/// Arena and scratch for all plans so far and this one; when they move, all plans are bound anew.
Status Session::Impl::make_room(const Plan& plan) {
  std::size_t stride = aligned(plan.scratch_bytes());
  for (const auto& other : plans) stride = std::max(stride, aligned(other->scratch_bytes()));
  const std::size_t scratch_bytes = stride * static_cast<std::size_t>(pool->threads());
  const bool has_room = arena.grow(plan.arena_bytes()) && scratch.grow(scratch_bytes);
  for (const auto& other : plans) other->bind(arena.data(), scratch.data(), stride);
  if (has_room) return {};
  plans.clear();  // they may point into memory that is gone
  return runtime_error("not enough memory: {} bytes of intermediate values are needed",
                       plan.arena_bytes() + scratch_bytes);
}

Result<Plan*> Session::Impl::plan_for(std::span<const Shape> shapes) {
  if (Plan* known = find(shapes)) return known;
  const Model::Impl& held = *model->impl_;
  LODE_TRY(auto plan, Plan::build(held.graph, shapes, held.weights, held.isa));
  plans.push_back(std::move(plan));
  Plan& added = *plans.back();
  LODE_CHECK_OK(make_room(added));
  return &added;
}

Result<Plan*> Session::Impl::plan_for(std::span<const TensorView> inputs) {
  if (Plan* known = find(inputs)) return known;
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

Status Session::Impl::run_by_reference(std::span<const TensorView> inputs,
                                       std::span<const MutableTensorView> outputs) const {
  LODE_TRY(const auto results, execute_by_reference(model->graph(), inputs));
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

Result<std::vector<Shape>> Session::output_shapes(std::span<const Shape> input_shapes) {
  LODE_TRY(const Plan* plan, impl_->plan_for(input_shapes));
  if (!plan->is_static()) {
    const NodeId first = plan->parts().inferred.data_dependent.front();
    return runtime_error("the output shapes depend on the data: {} is the first node to make them",
                         describe(impl_->model->graph().node(first)));
  }
  std::vector<Shape> shapes;
  for (const ValueInfo& output : plan->parts().outputs) shapes.push_back(output.shape);
  return shapes;
}

Status Session::run(std::span<const TensorView> inputs,
                    std::span<const MutableTensorView> outputs) {
  LODE_CHECK_OK(check_inputs(impl_->model->inputs(), inputs));
  LODE_TRY(Plan * plan, impl_->plan_for(inputs));
  LODE_CHECK_OK(impl_->check_outputs(*plan, outputs));
  if (!plan->is_static()) return impl_->run_by_reference(inputs, outputs);
  return plan->run(*impl_->pool, inputs, outputs);
}

Result<std::vector<Tensor>> Session::run_allocating(std::span<const TensorView> inputs) {
  LODE_CHECK_OK(check_inputs(impl_->model->inputs(), inputs));
  LODE_TRY(const Plan* plan, impl_->plan_for(inputs));
  if (!plan->is_static()) return execute_by_reference(impl_->model->graph(), inputs);
  std::vector<Tensor> outputs;
  std::vector<MutableTensorView> views;
  for (const ValueInfo& output : plan->parts().outputs) {
    outputs.emplace_back(output.dtype, output.shape);
    views.push_back(outputs.back().mutable_view());
  }
  LODE_CHECK_OK(run(inputs, views));
  return outputs;
}

Result<PlanInfo> Session::plan_info(std::span<const Shape> input_shapes) {
  LODE_TRY(const Plan* plan, impl_->plan_for(input_shapes));
  return plan->info(impl_->model->graph());
}

}  // namespace lode::engine
