#include "quant/graph_runner.h"

#include <algorithm>
#include <cstring>

#include "engine/graph/editor.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::ValueId;

/// Samples in memory at once: few, since one may be large.
constexpr std::size_t kLoadedSamples = 16;

/// The shape of the input for one sample, or why the sample does not fit.
Result<Shape> shape_for(const Graph& graph, const Shape& sample) {
  if (graph.inputs().size() != 1) {
    return runtime_error("the model has {} inputs; samples can be given to a model of one",
                         graph.inputs().size());
  }
  const engine::Value& input = graph.value(graph.inputs()[0]);
  const Shape declared = input.shape.value_or(Shape{});
  Shape shape{1};
  for (const std::int64_t extent : sample) shape.push_back(extent);
  bool fits = input.dtype == DType::kF32 && declared.rank() == shape.rank();
  for (std::size_t axis = 0; fits && axis < shape.rank(); ++axis) {
    fits = declared[axis] < 0 || declared[axis] == shape[axis];
  }
  if (fits) return shape;
  return runtime_error(
      "input '{}' is {}{}, and a sample of the dataset is f32{}: import the dataset "
      "for this model",
      input.name, dtype_name(input.dtype.value_or(DType::kF32)), declared.to_string(),
      shape.to_string());
}

}  // namespace

Result<std::unique_ptr<GraphRunner>> GraphRunner::create(const Graph& graph,
                                                         std::span<const ValueId> watched,
                                                         const Shape& sample_shape,
                                                         const RunnerOptions& options) {
  std::unique_ptr<GraphRunner> runner(new GraphRunner());
  LODE_TRY(runner->input_shape_, shape_for(graph, sample_shape));
  Graph shown = graph;
  engine::GraphEditor editor(shown);
  for (const ValueId id : watched) {
    if (id == graph.inputs()[0]) {
      runner->slots_.push_back(-1);
      continue;
    }
    if (!shown.is_output(id)) editor.add_output(id);
    const auto outputs = shown.outputs();
    const auto at = std::find(outputs.begin(), outputs.end(), id) - outputs.begin();
    runner->slots_.push_back(static_cast<int>(at));
  }
  LODE_TRY(auto model, engine::Model::from_graph(std::move(shown), {}));
  LODE_TRY(runner->session_,
           engine::Session::create(model, {.threads = options.threads, .cpus = {}}));
  const std::vector<Shape> shapes = {runner->input_shape_};
  LODE_TRY(const auto ports, runner->session_->output_ports(shapes));
  for (const engine::PortInfo& port : ports) {
    runner->outputs_.emplace_back(port.dtype, port.shape);
    runner->output_views_.push_back(runner->outputs_.back().mutable_view());
  }
  runner->is_timed_ = options.is_timed;
  if (options.is_timed) {
    LODE_TRY(const engine::PlanInfo plan, runner->session_->plan_info(shapes));
    for (const engine::StepInfo& step : plan.steps) runner->step_nodes_.push_back(step.node);
    runner->step_ns_.resize(plan.steps.size());
    runner->total_ns_.resize(plan.steps.size());
  }
  return runner;
}

Status GraphRunner::run(std::span<const float> sample) {
  LODE_ASSERT(static_cast<std::int64_t>(sample.size()) == input_shape_.element_count());
  input_ = {reinterpret_cast<const std::byte*>(sample.data()), DType::kF32, input_shape_};
  if (!is_timed_) return session_->run({&input_, 1}, output_views_);
  LODE_CHECK_OK(session_->run_timed({&input_, 1}, output_views_, step_ns_));
  for (std::size_t i = 0; i < step_ns_.size(); ++i) total_ns_[i] += step_ns_[i];
  return {};
}

TensorView GraphRunner::value(std::size_t index) const {
  const int slot = slots_[index];
  return slot < 0 ? input_ : outputs_[static_cast<std::size_t>(slot)].view();
}

Status GraphRunner::run_all(const SampleSet& samples, std::string_view stage,
                            const StageSink& progress, const std::function<Status()>& visit) {
  const std::span<const SampleIndex> indices = samples.indices;
  for (std::size_t begin = 0; begin < indices.size(); begin += kLoadedSamples) {
    const auto part = indices.subspan(begin, std::min(kLoadedSamples, indices.size() - begin));
    LODE_CHECK_OK(samples.library->load(part));
    Status status;
    for (std::size_t i = 0; status.ok() && i < part.size(); ++i) {
      status = run(samples.library->sample(part[i]));
      if (status.ok()) status = visit();
      if (!status.ok()) status = status.error().within(fmt::format("sample {}", part[i]));
      if (progress) progress(stage, begin + i + 1, indices.size());
    }
    samples.library->unload(part);
    LODE_CHECK_OK(status);
  }
  return {};
}

std::vector<std::pair<std::string, std::int64_t>> GraphRunner::layer_ns() const {
  std::vector<std::pair<std::string, std::int64_t>> times;
  for (std::size_t i = 0; i < total_ns_.size(); ++i)
    times.emplace_back(step_nodes_[i], total_ns_[i]);
  return times;
}

}  // namespace lode::quant
