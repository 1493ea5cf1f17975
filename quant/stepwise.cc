#include "quant/stepwise.h"

#include <algorithm>

#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::kNoValue;
using engine::Node;
using engine::NodeId;
using engine::Tensor;
using engine::ValueId;

/// A graph of some nodes of another: what they read and nobody among them makes are its inputs.
class UnitBuilder {
 public:
  explicit UnitBuilder(const Graph& from) : from_(from), editor_(graph_) {}

  ValueId constant(ValueId id, Tensor tensor) {
    return ids_[id] = editor_.add_constant(from_.value(id).name, std::move(tensor));
  }

  /// Makes `id` an input of this type and shape, unless it is known already.
  void input(ValueId id, const Tensor& example) {
    if (ids_.contains(id)) return;
    const ValueId own = editor_.add_value(from_.value(id).name);
    editor_.declare(own, example.dtype(), example.shape(),
                    std::vector<std::string>(example.shape().rank()));
    editor_.add_input(own);
    ids_[id] = own;
    inputs_.push_back(id);
  }

  void node(const Node& from, ValueId bias) {
    Node copy = from;
    for (ValueId& id : copy.inputs) {
      if (id == kNoValue) continue;
      if (from_.constant(id) != nullptr && !ids_.contains(id)) constant(id, *from_.constant(id));
      id = ids_.at(id);
    }
    if (bias != kNoValue) {
      copy.inputs.resize(3, kNoValue);
      copy.inputs[2] = bias;
    }
    for (ValueId& id : copy.outputs) {
      if (id == kNoValue) continue;
      const ValueId own = editor_.add_value(from_.value(id).name);
      ids_[id] = own;
      id = own;
    }
    editor_.add_node(std::move(copy));
  }

  ValueId bias(const std::vector<float>& values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return editor_.add_constant("", Tensor::of<float>(values, {count}));
  }

  Graph finish(ValueId output) {
    editor_.add_output(ids_.at(output));
    return std::move(graph_);
  }
  [[nodiscard]] const std::vector<ValueId>& inputs() const { return inputs_; }

 private:
  const Graph& from_;
  Graph graph_;
  engine::GraphEditor editor_;
  std::map<ValueId, ValueId> ids_;
  std::vector<ValueId> inputs_;
};

Tensor decoded(const Tensor& codes, const QuantParams& params) {
  Tensor reals = Tensor::for_overwrite(DType::kF32, codes.shape());
  const auto from = codes.as<std::uint8_t>();
  const auto to = reals.mutable_view().as<float>();
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = params.decode(from[i]);
  return reals;
}

Tensor encoded(const Tensor& reals, const QuantParams& params) {
  Tensor codes = Tensor::for_overwrite(DType::kU8, reals.shape());
  const auto from = reals.as<float>();
  const auto to = codes.mutable_view().as<std::uint8_t>();
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i] = static_cast<std::uint8_t>(params.encode(from[i]));
  }
  return codes;
}

/// A bias as the s32 codes hold it.
std::vector<float> rounded_bias(const LayerEncoding& layer) {
  const Tensor codes = quantize_bias(layer.bias, layer.bias_scales);
  std::vector<float> bias(layer.bias.size());
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const float scale = layer.bias_scales[layer.bias_scales.size() == 1 ? 0 : c];
    bias[c] = static_cast<float>(codes.as<std::int32_t>()[c]) * scale;
  }
  return bias;
}

}  // namespace

Stepwise::Stepwise(const Graph& graph, const Placement& placement, const Encoding& encoding,
                   int threads)
    : graph_(graph),
      placement_(placement),
      encoding_(encoding),
      threads_(threads),
      order_(graph.topological_order()),
      is_done_(graph.node_capacity(), false),
      values_(graph.value_capacity()) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    values_[i].readers_left = graph.value(static_cast<ValueId>(i)).consumers.size();
  }
}

Status Stepwise::load(const SampleSet& samples) {
  const ValueId input = graph_.inputs()[0];
  sample_count_ = samples.indices.size();
  Shape shape{1};
  for (const std::int64_t extent : samples.library->sample_shape()) shape.push_back(extent);
  for (std::size_t i = 0; i < sample_count_; ++i) {
    const std::span<const SampleIndex> one(&samples.indices[i], 1);
    LODE_CHECK_OK(samples.library->load(one));
    hold(input, i, Tensor::of<float>(samples.library->sample(one[0]), shape));
    samples.library->unload(one);
  }
  return {};
}

void Stepwise::hold(ValueId id, std::size_t sample, const Tensor& value) {
  auto& held = values_[static_cast<std::size_t>(id)].samples;
  held.resize(sample_count_);
  held[sample] =
      placement_.is_quantized(id) ? encoded(value, encoding_.params(placement_, id)) : value;
}

Tensor Stepwise::input_of(ValueId id, std::size_t sample) const {
  const Tensor& held = values_[static_cast<std::size_t>(id)].samples[sample];
  return placement_.is_quantized(id) ? decoded(held, encoding_.params(placement_, id)) : held;
}

void Stepwise::release(ValueId id) {
  if (id == kNoValue || graph_.constant(id) != nullptr) return;
  Held& held = values_[static_cast<std::size_t>(id)];
  if (--held.readers_left == 0) held.samples = {};
}

Status Stepwise::run_unit(std::span<const NodeId> nodes, ValueId output,
                          const Outputs& take) const {
  UnitBuilder builder(graph_);
  std::set<ValueId> made;
  for (const NodeId id : nodes) {
    const Node& node = graph_.node(id);
    ValueId bias = kNoValue;
    if (placement_.role(id) == NodeRole::kLayer) {
      const LayerEncoding& layer = encoding_.layers.at(id);
      builder.constant(node.inputs[1], layer.weights.decode());
      if (layer.has_bias) bias = builder.bias(rounded_bias(layer));
    }
    for (const ValueId input : node.inputs) {
      if (input == kNoValue || graph_.constant(input) != nullptr || made.contains(input)) continue;
      builder.input(input, input_of(input, 0));
    }
    builder.node(node, bias);
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  LODE_TRY(auto model, engine::Model::from_graph(builder.finish(output), {}));
  LODE_TRY(auto session, engine::Session::create(model, {.threads = threads_, .cpus = {}}));
  for (std::size_t i = 0; i < sample_count_; ++i) {
    std::vector<Tensor> inputs;
    std::vector<TensorView> views;
    for (const ValueId id : builder.inputs()) {
      inputs.push_back(input_of(id, i));
      views.push_back(inputs.back().view());
    }
    LODE_TRY(auto outputs, session->run_allocating(views));
    take(i, std::move(outputs[0]));
  }
  return {};
}

Result<Stepwise::Sums> Stepwise::layer_sums(const Layer& layer) const {
  Sums result;
  const bool is_last = engine::is_op(graph_.node(layer.node), {"MatMul"});
  const auto add = [&](std::size_t, const Tensor& output) {
    add_channel_sums(output.view(), layer.channels, is_last, result.sums);
    result.count += output.element_count() / static_cast<std::int64_t>(layer.channels);
  };
  LODE_CHECK_OK(run_unit({&layer.node, 1}, layer.output, add));
  return result;
}

Status Stepwise::step(NodeId id) {
  if (is_done_[static_cast<std::size_t>(id)]) return {};
  std::vector<NodeId> nodes = {id};
  const std::vector<ValueId> outputs = graph_.node(id).outputs;
  ValueId output = outputs[0];
  if (outputs.size() > 1 && !engine::only_first_output_used(graph_, graph_.node(id))) {
    return runtime_error(
        "{}: has several results, which bias correction does not follow: leave it "
        "out with --no-bias-correction",
        engine::describe(graph_.node(id)));
  }
  const ValueId end = end_of_activations(graph_, output);
  while (output != end && !placement_.is_quantized(output)) {
    nodes.push_back(graph_.value(output).consumers[0]);
    output = graph_.node(nodes.back()).outputs[0];
  }
  LODE_CHECK_OK(run_unit(nodes, output, [&](std::size_t sample, const Tensor& value) {
    hold(output, sample, value);
  }));
  for (const NodeId done : nodes) {
    is_done_[static_cast<std::size_t>(done)] = true;
    for (const ValueId input : graph_.node(done).inputs) release(input);
  }
  return {};
}

}  // namespace lode::quant
