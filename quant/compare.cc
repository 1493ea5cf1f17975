#include "quant/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::ValueId;

/// What says how a graph is computed, not what.
bool is_plumbing(const engine::Node& node) {
  return node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear" ||
         node.op_type == "DynamicQuantizeLinear";
}

struct Matches {
  std::vector<ValueId> in_a;
  std::vector<ValueId> in_b;
};

Matches values_in_both(const Graph& a, const Graph& b) {
  std::map<std::string_view, ValueId> by_name;
  for (const engine::NodeId id : b.topological_order()) {
    if (is_plumbing(b.node(id))) continue;
    const ValueId made = b.node(id).outputs[0];
    by_name[b.value(made).name] = made;
  }
  Matches matches;
  for (const engine::NodeId id : a.topological_order()) {
    if (is_plumbing(a.node(id))) continue;
    const ValueId made = a.node(id).outputs[0];
    const auto found = by_name.find(a.value(made).name);
    if (found == by_name.end()) continue;
    matches.in_a.push_back(made);
    matches.in_b.push_back(found->second);
  }
  return matches;
}

void add_error(const TensorView& a, const TensorView& b, ValueError& error) {
  if (a.dtype != DType::kF32 || b.dtype != DType::kF32 || a.shape != b.shape) return;
  const auto wanted = a.as<float>();
  const auto got = b.as<float>();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double difference = double{got[i]} - wanted[i];
    error.signal += double{wanted[i]} * wanted[i];
    error.noise += difference * difference;
    error.largest = std::max(error.largest, std::fabs(difference));
  }
}

/// Runs two graphs on the same samples, one after the other for each.
Status run_both(GraphRunner& a, GraphRunner& b, const SampleSet& samples, std::string_view stage,
                const StageSink& progress, const std::function<Status(SampleIndex)>& visit) {
  std::uint64_t done = 0;
  for (const SampleIndex index : samples.indices) {
    const std::span<const SampleIndex> one(&index, 1);
    LODE_CHECK_OK(samples.library->load(one));
    Status status = a.run(samples.library->sample(index));
    if (status.ok()) status = b.run(samples.library->sample(index));
    samples.library->unload(one);
    if (status.ok()) status = visit(index);
    if (!status.ok()) return status.error().within(fmt::format("sample {}", index));
    if (progress) progress(stage, ++done, samples.indices.size());
  }
  return {};
}

std::vector<double> softmax(std::span<const float> scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  std::vector<double> shares;
  double sum = 0.0;
  for (const float score : scores) {
    shares.push_back(std::exp(score - largest));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

double divergence(std::span<const float> a, std::span<const float> b) {
  const std::vector<double> p = softmax(a);
  const std::vector<double> q = softmax(b);
  double sum = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0.0) sum += p[i] * std::log(p[i] / std::max(q[i], 1e-300));
  }
  return sum;
}

std::int64_t first_largest(std::span<const float> scores) {
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

Status check_scores(const TensorView& a, const TensorView& b) {
  if (a.dtype == DType::kF32 && b.dtype == DType::kF32 && a.shape == b.shape &&
      a.element_count() > 0) {
    return {};
  }
  return runtime_error("the results are {}{} and {}{}: they cannot be compared as class scores",
                       dtype_name(a.dtype), a.shape.to_string(), dtype_name(b.dtype),
                       b.shape.to_string());
}

}  // namespace

double decibels(double signal, double noise) {
  if (noise == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(signal / noise);
}

Result<std::vector<ValueError>> compare_values(const Graph& a, const Graph& b,
                                               const SampleSet& samples, int threads,
                                               const StageSink& progress) {
  const Matches matches = values_in_both(a, b);
  if (matches.in_a.empty()) {
    return runtime_error("the models have no value of one name: they are not of one origin");
  }
  const Shape& shape = samples.library->sample_shape();
  LODE_TRY(auto run_a, GraphRunner::create(a, matches.in_a, shape, {.threads = threads}));
  LODE_TRY(auto run_b, GraphRunner::create(b, matches.in_b, shape, {.threads = threads}));
  std::vector<ValueError> errors;
  for (const ValueId id : matches.in_a) {
    const engine::Node& maker = *engine::producer_of(a, id);
    errors.push_back({.node = maker.name, .op_type = maker.op_type, .value = a.value(id).name});
  }
  LODE_CHECK_OK(run_both(*run_a, *run_b, samples, "compare", progress, [&](SampleIndex) -> Status {
    for (std::size_t i = 0; i < errors.size(); ++i) {
      add_error(run_a->value(i), run_b->value(i), errors[i]);
    }
    return {};
  }));
  return errors;
}

Result<std::map<std::string, std::int64_t>> time_layers(const Graph& graph,
                                                        const SampleSet& samples, int threads) {
  LODE_TRY(auto runner,
           GraphRunner::create(graph, graph.outputs().first(1), samples.library->sample_shape(),
                               {.threads = threads, .is_timed = true}));
  LODE_CHECK_OK(runner->run_all(samples, "time", {}, [] { return Status(); }));
  std::map<std::string, std::int64_t> times;
  const auto count = static_cast<std::int64_t>(std::max<std::size_t>(1, samples.indices.size()));
  for (const auto& [node, ns] : runner->layer_ns()) times[node] += ns / count;
  return times;
}

Result<Score> score(const Graph& a, const Graph& b, const SampleSet& samples, int threads,
                    std::string_view stage, const StageSink& progress) {
  const Shape& shape = samples.library->sample_shape();
  LODE_TRY(auto run_a, GraphRunner::create(a, a.outputs().first(1), shape, {.threads = threads}));
  LODE_TRY(auto run_b, GraphRunner::create(b, b.outputs().first(1), shape, {.threads = threads}));
  Score result;
  ValueError error;
  const auto add_sample = [&](SampleIndex index) -> Status {
    const TensorView wanted = run_a->value(0);
    const TensorView got = run_b->value(0);
    LODE_CHECK_OK(check_scores(wanted, got));
    add_error(wanted, got, error);
    const std::int64_t top_a = first_largest(wanted.as<float>());
    const std::int64_t top_b = first_largest(got.as<float>());
    const std::int64_t label = samples.library->label(index);
    ++result.samples;
    result.labelled += label >= 0 ? 1 : 0;
    result.top1_a += top_a == label ? 1 : 0;
    result.top1_b += top_b == label ? 1 : 0;
    result.agreed += top_a == top_b ? 1 : 0;
    result.mean_kl += divergence(wanted.as<float>(), got.as<float>());
    return {};
  };
  LODE_CHECK_OK(run_both(*run_a, *run_b, samples, stage, progress, add_sample));
  result.sqnr_db = error.sqnr_db();
  if (result.samples > 0) result.mean_kl /= static_cast<double>(result.samples);
  return result;
}

Result<std::vector<CodeError>> measure_codes(const Graph& graph, const Placement& placement,
                                             const Encoding& encoding, const SampleSet& samples,
                                             int threads, const StageSink& progress) {
  const std::vector<ValueId> watched = quantized_values(graph, placement);
  std::vector<CodeError> errors;
  std::vector<double> counts;
  for (const ValueId id : watched) {
    const engine::Node* maker = engine::producer_of(graph, id);
    const QuantParams& params = encoding.params(placement, id);
    errors.push_back({.node = maker == nullptr ? graph.value(id).name : maker->name,
                      .value = graph.value(id).name,
                      .range = {params.low(), params.high()}});
  }
  counts.assign(watched.size(), 0.0);
  LODE_TRY(auto runner, GraphRunner::create(graph, watched, samples.library->sample_shape(),
                                            {.threads = threads}));
  const auto measure = [&]() -> Status {
    for (std::size_t i = 0; i < watched.size(); ++i) {
      const QuantParams& params = encoding.params(placement, watched[i]);
      for (const float real : runner->value(i).as<float>()) {
        const double error = double{params.decode(params.encode(real))} - real;
        // Half a step beyond the outermost codes still rounds to them.
        const float margin = 0.5F * params.scale;
        const bool is_beyond =
            real < errors[i].range.low - margin || real > errors[i].range.high + margin;
        errors[i].signal += double{real} * real;
        (is_beyond ? errors[i].clipping : errors[i].rounding) += error * error;
        errors[i].saturated += is_beyond ? 1.0 : 0.0;
      }
      counts[i] += static_cast<double>(runner->value(i).element_count());
    }
    return {};
  };
  LODE_CHECK_OK(runner->run_all(samples, "report", progress, measure));
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i].saturated /= std::max(1.0, counts[i]);
  return errors;
}

}  // namespace lode::quant
