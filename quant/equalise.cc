#include "quant/equalise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "engine/ops/activation.h"
#include "engine/passes/rewrite.h"

namespace lode::quant {

namespace {

using engine::Graph;
using engine::is_op;
using engine::Node;
using engine::NodeId;
using engine::ValueId;

constexpr int kRounds = 60;
constexpr double kSettled = 1e-3;
/// Beyond it a channel is dead or a weight an outlier, and floats lose bits.
constexpr double kLargestFactor = 1e4;
/// Of activations no more than this: a channel that was small on the samples may be larger on
/// others, and would be clipped.
constexpr double kLargestActivationFactor = 8.0;

/// Weights that are being scaled, in double until they are done.
struct Scaled {
  Layer layer;
  std::vector<double> weights;
  std::vector<double> bias;
  std::vector<double> max;  ///< of each channel before its activation, on the samples
  std::vector<double> min;
  bool is_changed = false;
};

/// A layer that reads the channels of another, from `offset` on among its own input channels.
struct Reader {
  std::size_t layer = 0;  ///< index into the list of layers
  std::size_t offset = 0;
};

/// A layer and all that read it.
struct Joint {
  std::size_t first = 0;
  std::vector<Reader> readers;
  double bound = std::numeric_limits<double>::infinity();  ///< of a Clip in between
  bool has_relu = false;
  bool is_direct = true;  ///< no average, no concatenation: biases can be absorbed
};

/// Positions of the weights that read input channel `c` of a layer.
template <typename Visit>
void each_reading(const Layer& layer, std::size_t c, const Visit& visit) {
  const Shape& shape = layer.weights.shape();
  if (!layer.is_convolution()) {
    const auto columns = static_cast<std::size_t>(shape[1]);
    for (std::size_t o = 0; o < layer.channels; ++o) {
      visit(layer.channel_axis == 0 ? o * columns + c : c * columns + o, o);
    }
    return;
  }
  const auto per_group = static_cast<std::size_t>(shape[1]);
  const std::size_t outputs = layer.channels / static_cast<std::size_t>(layer.groups);
  const std::size_t inner =
      static_cast<std::size_t>(layer.weights.element_count()) / layer.channels / per_group;
  const std::size_t group = c / per_group;
  for (std::size_t o = group * outputs; o < (group + 1) * outputs; ++o) {
    const std::size_t begin = (o * per_group + c % per_group) * inner;
    for (std::size_t i = begin; i < begin + inner; ++i) visit(i, o);
  }
}

/// Positions of the weights that make output channel `c`.
template <typename Visit>
void each_making(const Layer& layer, std::size_t c, const Visit& visit) {
  const auto count = static_cast<std::size_t>(layer.weights.element_count());
  const std::size_t inner = count / layer.channels;
  if (layer.channel_axis == 0) {
    for (std::size_t i = c * inner; i < (c + 1) * inner; ++i) visit(i);
    return;
  }
  for (std::size_t i = c; i < count; i += layer.channels) visit(i);
}

std::size_t input_channels(const Layer& layer) {
  const Shape& shape = layer.weights.shape();
  if (layer.is_convolution()) return static_cast<std::size_t>(shape[1] * layer.groups);
  return static_cast<std::size_t>(shape[layer.channel_axis == 0 ? 1 : 0]);
}

/// The upper bound of a Clip from 0; none if it is another Clip.
std::optional<double> clip_bound(const Graph& graph, const Node& node) {
  auto activation = engine::own_activation(node);
  if (!activation.ok()) return std::nullopt;
  const auto read = [&](std::size_t index, float& bound) {
    const engine::Tensor* constant = graph.constant(engine::input_at(node, index));
    if (constant == nullptr) return engine::input_at(node, index) == engine::kNoValue;
    if (constant->dtype() != DType::kF32 || constant->element_count() != 1) return false;
    bound = constant->as<float>()[0];
    return true;
  };
  if (!read(1, activation->alpha) || !read(2, activation->beta)) return std::nullopt;
  if (activation->alpha != 0.0F || !(activation->beta > 0.0F)) return std::nullopt;
  return activation->beta;
}

/// Follows the readers of a layer through what is homogeneous in each channel.
class JointFinder {
 public:
  JointFinder(const Graph& graph, std::span<const Scaled> layers)
      : graph_(graph), layers_(layers) {}

  [[nodiscard]] std::optional<Joint> find(std::size_t first) const {
    Joint joint;
    joint.first = first;
    const bool is_whole = follow({layers_[first].layer.output, 0, false}, joint);
    return is_whole && !joint.readers.empty() ? std::optional(joint) : std::nullopt;
  }

 private:
  struct Place {
    ValueId value = engine::kNoValue;
    std::size_t offset = 0;  ///< of the layer's first channel
    bool is_vector = false;  ///< one pixel a channel: Flatten keeps channels apart
  };

  /// False if something reads the value that is neither a layer nor homogeneous.
  bool follow(Place place, Joint& joint) const {
    const auto& readers = graph_.value(place.value).consumers;
    if (graph_.is_output(place.value) || readers.empty()) return false;
    if (readers.size() > 1 && std::isfinite(joint.bound)) joint.is_direct = false;
    return std::all_of(readers.begin(), readers.end(), [&](NodeId id) {
      const Node& node = graph_.node(id);
      if (const auto index = index_of(id)) return add_reader(node, *index, place, joint);
      Place next = place;
      if (!step(node, next, joint)) return false;
      next.value = node.outputs[0];
      return follow(next, joint);
    });
  }

  bool add_reader(const Node& node, std::size_t index, const Place& place, Joint& joint) const {
    const std::size_t channels = layers_[joint.first].layer.channels;
    const bool fits = place.offset + channels <= input_channels(layers_[index].layer);
    if (node.inputs[0] != place.value || !fits) return false;
    joint.readers.push_back({index, place.offset});
    return true;
  }

  bool step(const Node& node, Place& place, Joint& joint) const {
    if (is_op(node, {"GlobalAveragePool"})) place.is_vector = true;
    if (is_op(node, {"AveragePool", "GlobalAveragePool"})) {
      joint.is_direct = false;
      return true;
    }
    if (is_op(node, {"MaxPool", "LeakyRelu"})) return true;
    if (is_op(node, {"Relu"})) return joint.has_relu = true;
    if (is_op(node, {"Flatten"})) return place.is_vector;
    if (is_op(node, {"Concat"})) return step_concat(node, place, joint);
    if (!is_op(node, {"Clip"})) return false;
    const auto bound = clip_bound(graph_, node);
    if (!bound) return false;
    joint.bound = std::min(joint.bound, *bound);
    return true;
  }

  /// Moves the place by the channels of the inputs before it.
  bool step_concat(const Node& node, Place& place, Joint& joint) const {
    joint.is_direct = false;
    const auto axis = engine::attribute_int(node, "axis", 0);
    if (!axis.ok() || *axis != 1) return false;
    for (const ValueId input : node.inputs) {
      if (input == place.value) return true;
      const auto channels = channels_of(input);
      if (!channels) return false;
      place.offset += *channels;
    }
    return false;
  }

  /// Channels of a value as far as layers and what keeps channels tell.
  [[nodiscard]] std::optional<std::size_t> channels_of(ValueId value) const {
    const Node* maker = engine::producer_of(graph_, value);
    if (maker == nullptr) return std::nullopt;
    if (const auto index = index_of(maker->id)) return layers_[*index].layer.channels;
    if (is_op(*maker, {"Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool"})) {
      return channels_of(maker->inputs[0]);
    }
    if (!is_op(*maker, {"Concat"})) return std::nullopt;
    std::size_t sum = 0;
    for (const ValueId input : maker->inputs) {
      const auto channels = channels_of(input);
      if (!channels) return std::nullopt;
      sum += *channels;
    }
    return sum;
  }

  [[nodiscard]] std::optional<std::size_t> index_of(NodeId id) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].layer.node == id) return i;
    }
    return std::nullopt;
  }

  const Graph& graph_;
  std::span<const Scaled> layers_;
};

/// Sizes of channels, each over that of the largest.
std::vector<double> relative(std::vector<double> sizes) {
  const double largest = *std::max_element(sizes.begin(), sizes.end());
  for (double& size : sizes) size = largest > 0.0 ? size / largest : 0.0;
  return sizes;
}

class Equaliser {
 public:
  Equaliser(std::vector<Scaled>& layers, Granularity granularity)
      : layers_(layers), is_per_channel_(granularity == Granularity::kPerChannel) {}

  /// Scales all joints in turn until they settle.
  void settle(std::span<const Joint> joints, EqualiseReport& report) {
    std::vector<std::vector<double>> totals;
    for (const Joint& joint : joints) totals.emplace_back(layers_[joint.first].layer.channels, 1.0);
    double largest = kSettled;
    for (int round = 0; round < kRounds && largest >= kSettled; ++round) {
      largest = 0.0;
      for (std::size_t j = 0; j < joints.size(); ++j) {
        const std::vector<double> factors = factors_for(joints[j], totals[j]);
        for (std::size_t c = 0; c < factors.size(); ++c) {
          if (factors[c] == 1.0) continue;
          largest = std::max(largest, std::fabs(std::log(factors[c])));
          totals[j][c] *= factors[c];
          apply(joints[j], c, factors[c]);
        }
      }
    }
    for (std::size_t j = 0; j < joints.size(); ++j) {
      for (std::size_t c = 0; c < totals[j].size(); ++c) {
        report.largest_factor = std::max({report.largest_factor, totals[j][c], 1.0 / totals[j][c]});
        report.channels_bound += layers_[joints[j].first].max[c] >= joints[j].bound ? 1 : 0;
      }
    }
  }

 private:
  /// What makes a channel large where codes are given. With one scale a tensor, the weights that
  /// make it; with one a channel these do not matter, and the activations do.
  [[nodiscard]] std::vector<double> made(const Joint& joint) const {
    const Scaled& first = layers_[joint.first];
    std::vector<double> sizes(first.layer.channels, 0.0);
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      if (is_per_channel_) {
        const double high = std::min(first.max[c], joint.bound);
        const bool is_positive = joint.has_relu || std::isfinite(joint.bound);
        sizes[c] = std::max({0.0, high, is_positive ? 0.0 : -first.min[c]});
        continue;
      }
      each_making(first.layer, c, [&](std::size_t i) {
        sizes[c] = std::max(sizes[c], std::fabs(first.weights[i]));
      });
    }
    return relative(sizes);
  }

  /// What makes it large in the layers behind: the weights that read it, the largest over all
  /// readers. Of a depthwise reader with one scale a channel, any size will do.
  [[nodiscard]] std::optional<std::vector<double>> read(const Joint& joint) const {
    const std::size_t channels = layers_[joint.first].layer.channels;
    std::optional<std::vector<double>> sizes;
    for (const Reader& reader : joint.readers) {
      const Scaled& second = layers_[reader.layer];
      const bool is_depthwise =
          second.layer.is_convolution() && second.layer.weights.shape()[1] == 1;
      if (is_per_channel_ && is_depthwise) continue;
      std::vector<double> own(channels, 0.0);
      for (std::size_t c = 0; c < channels; ++c) {
        each_reading(second.layer, reader.offset + c, [&](std::size_t i, std::size_t) {
          own[c] = std::max(own[c], std::fabs(second.weights[i]));
        });
      }
      own = relative(own);
      if (!sizes) sizes = std::vector<double>(channels, 0.0);
      for (std::size_t c = 0; c < channels; ++c) (*sizes)[c] = std::max((*sizes)[c], own[c]);
    }
    return sizes;
  }

  [[nodiscard]] std::vector<double> factors_for(const Joint& joint,
                                                std::span<const double> totals) const {
    const Scaled& first = layers_[joint.first];
    const double largest = is_per_channel_ ? kLargestActivationFactor : kLargestFactor;
    const std::vector<double> sizes = made(joint);
    const auto wanted = read(joint);
    std::vector<double> factors(sizes.size(), 1.0);
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      if (sizes[c] == 0.0 || (wanted && (*wanted)[c] == 0.0)) continue;
      if (std::isfinite(joint.bound) && first.max[c] >= joint.bound) continue;
      double factor = wanted ? std::sqrt((*wanted)[c] / sizes[c]) : 1.0 / sizes[c];
      factor = std::clamp(factor * totals[c], 1.0 / largest, largest) / totals[c];
      if (std::isfinite(joint.bound) && first.max[c] > 0.0) {
        factor = std::min(factor, joint.bound / first.max[c]);
      }
      factors[c] = factor;
    }
    return factors;
  }

  void apply(const Joint& joint, std::size_t c, double factor) {
    Scaled& first = layers_[joint.first];
    each_making(first.layer, c, [&](std::size_t i) { first.weights[i] *= factor; });
    first.bias[c] *= factor;
    first.max[c] *= factor;
    first.min[c] *= factor;
    first.is_changed = true;
    for (const Reader& reader : joint.readers) {
      Scaled& second = layers_[reader.layer];
      each_reading(second.layer, reader.offset + c,
                   [&](std::size_t i, std::size_t) { second.weights[i] /= factor; });
      second.is_changed = true;
    }
  }

  std::vector<Scaled>& layers_;
  bool is_per_channel_;
};

bool pads(const Graph& graph, const Layer& layer) {
  const Node& node = graph.node(layer.node);
  const auto pads = engine::attribute_ints(node, "pads", {});
  const auto automatic = engine::attribute_string(node, "auto_pad", "NOTSET");
  if (!pads.ok() || !automatic.ok() || (*automatic != "NOTSET" && *automatic != "VALID"))
    return true;
  return std::any_of(pads->begin(), pads->end(), [](std::int64_t pad) { return pad != 0; });
}

/// relu(x) = relu(x - c) + c wherever x >= c >= 0.
void absorb_biases(const Graph& graph, std::vector<Scaled>& layers, const Joint& joint,
                   EqualiseReport& report) {
  Scaled& first = layers[joint.first];
  if (!joint.has_relu || !joint.is_direct || std::isfinite(joint.bound)) return;
  const bool pad =
      std::any_of(joint.readers.begin(), joint.readers.end(),
                  [&](const Reader& reader) { return pads(graph, layers[reader.layer].layer); });
  if (pad) return;
  for (std::size_t c = 0; c < first.layer.channels; ++c) {
    const double least = first.min[c];
    if (!(least > 0.0)) continue;
    first.bias[c] -= least;
    first.min[c] -= least;
    first.max[c] -= least;
    for (const Reader& reader : joint.readers) {
      Scaled& second = layers[reader.layer];
      each_reading(second.layer, reader.offset + c, [&](std::size_t i, std::size_t output) {
        second.bias[output] += second.weights[i] * least;
      });
      second.is_changed = true;
    }
    first.is_changed = true;
    ++report.biases_absorbed;
  }
}

engine::Tensor as_tensor(const std::vector<double>& values, const Shape& shape) {
  engine::Tensor tensor(DType::kF32, shape);
  std::transform(values.begin(), values.end(), tensor.mutable_view().as<float>().begin(),
                 [](double value) { return static_cast<float>(value); });
  return tensor;
}

/// Whether a bias can be given to the node: MatMul has none.
bool takes_bias(const Graph& graph, const Layer& layer) {
  return !is_op(graph.node(layer.node), {"MatMul"});
}

void write_back(Graph& graph, const Scaled& scaled) {
  engine::GraphEditor editor(graph);
  const NodeId node = scaled.layer.node;
  const Shape weight_shape = scaled.layer.weights.shape();
  const auto channels = static_cast<std::int64_t>(scaled.layer.channels);
  engine::set_constant_input(editor, graph, node, 1, as_tensor(scaled.weights, weight_shape));
  if (takes_bias(graph, scaled.layer)) {
    engine::set_constant_input(editor, graph, node, 2, as_tensor(scaled.bias, {channels}));
  }
}

}  // namespace

Result<EqualiseReport> equalise(Graph& graph, const Placement& placement, Granularity granularity,
                                const SampleSet& samples, int threads, const StageSink& progress) {
  EqualiseReport report;
  std::vector<Layer> layers = quantized_layers(graph, placement);
  std::erase_if(layers, [&](const Layer& layer) { return !takes_bias(graph, layer); });
  LODE_TRY(const auto stats, channel_stats(graph, layers, samples, threads, "equalise", progress));
  std::vector<Scaled> scaled;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto weights = layers[i].weights.as<float>();
    const std::vector<float> bias = layers[i].bias_values();
    scaled.push_back({.layer = layers[i],
                      .weights = {weights.begin(), weights.end()},
                      .bias = {bias.begin(), bias.end()},
                      .max = {stats[i].max.begin(), stats[i].max.end()},
                      .min = {stats[i].min.begin(), stats[i].min.end()}});
  }
  std::vector<Joint> joints;
  const JointFinder finder(graph, scaled);
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    if (auto joint = finder.find(i)) joints.push_back(std::move(*joint));
  }
  report.joints = static_cast<int>(joints.size());
  Equaliser(scaled, granularity).settle(joints, report);
  for (const Joint& joint : joints) absorb_biases(graph, scaled, joint, report);
  for (const Scaled& each : scaled) {
    if (each.is_changed) write_back(graph, each);
  }
  LODE_CHECK_OK(engine::verify(graph));
  return report;
}

}  // namespace lode::quant
