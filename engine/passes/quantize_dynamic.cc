// FP32 layers to dynamic INT8 at load: per-channel symmetric s8 weights, u8 activations with a
// scale of each image, one quantisation for all readers of a value. A layer for which quantising
// its input costs more than the products save stays float.
#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "engine/ops/conv_fusion.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantized.h"

namespace lode::engine {

namespace {

// The cost model, in nanoseconds on a core with AVX-512-VNNI at the rates that kernels reach there.
// It looks at shapes alone: which layers are quantised, and so the results, are the same on every
// machine.
constexpr double kFloatProductNs = 1.0 / 50;  // a multiply-add in float
constexpr double kByteProductNs = 1.0 / 180;  // and of bytes
/// Winograd needs fewer multiplications where it serves.
constexpr double kWinogradProductNs = 1.0 / 100;
/// Range, and then quantisation, of an element.
constexpr double kQuantiseNs = 0.45;
/// Products of fewer terms leave most of a register of bytes unused.
constexpr std::int64_t kLeastDepth = 8;

struct Layer {
  NodeId node = kNoNode;
  double saved_ns = 0.0;  ///< for each element of its input, quantisation not counted
};

std::int64_t product(const Node& node, std::string_view name) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return 1;
  const auto* values = std::get_if<std::vector<std::int64_t>>(&found->second);
  std::int64_t result = 1;
  for (const std::int64_t value : values != nullptr ? *values : std::vector<std::int64_t>{}) {
    result *= value;
  }
  return result;
}

/// Gemm's weights are [columns, depth].
bool is_transposed(const Node& node) {
  const auto transposed = attribute_int(node, "transB", 0);
  return transposed.ok() && *transposed != 0;
}

class Quantiser {
 public:
  Quantiser(Graph& graph, PassReport& report) : graph_(graph), report_(report), editor_(graph) {}

  void run();

 private:
  [[nodiscard]] std::string why_not(const Node& node) const;
  [[nodiscard]] double saved_ns(const Node& node) const;
  void rewrite(NodeId id, const std::array<ValueId, 3>& data);

  Graph& graph_;
  PassReport& report_;
  GraphEditor editor_;
};

std::string Quantiser::why_not(const Node& node) const {
  const Tensor* weight = graph_.constant(input_at(node, 1));
  const ValueId bias = input_at(node, kConvBias);
  if (weight == nullptr || weight->dtype() != DType::kF32) return "its weights are no f32 constant";
  if (dtype_of(graph_, node.inputs[0]) != DType::kF32) return "its data are not known to be f32";
  if (node.attributes.contains("lode_prologue")) return "something is fused in front of it";
  const std::size_t rank = weight->shape().rank();
  const bool is_conv = is_op(node, {"Conv"});
  if (is_conv ? rank != 4 : rank != 2) return "its weights are not a kernel or a matrix";
  // A Gemm's are a matrix by definition.
  if (is_op(node, {"MatMul"}) && rank_of(graph_, node.inputs[0]) != 2) {
    return "its data are no known matrix";
  }
  const auto values = weight->as<float>();
  if (!std::all_of(values.begin(), values.end(), [](float w) { return std::isfinite(w); })) {
    return "a weight is not finite";
  }
  if (is_conv) {
    if (weight->shape()[1] < kLeastDepth) {
      return fmt::format("its sums have {} channels; float is faster below {}", weight->shape()[1],
                         kLeastDepth);
    }
    if (is_narrow(weight->shape())) return std::string(kNarrowReason);
    return bias == kNoValue || graph_.constant(bias) != nullptr ? "" : "its bias is not constant";
  }
  const auto is_plain = [&](const char* name, float wanted) {
    const auto factor = attribute_float(node, name, wanted);
    return factor.ok() && *factor == wanted;
  };
  const auto transposed = attribute_int(node, "transA", 0);
  if (!is_plain("alpha", 1.0F) || !is_plain("beta", 1.0F) || !transposed.ok() || *transposed != 0) {
    return "it is more than a product and a bias";
  }
  const std::int64_t columns = weight->shape()[is_transposed(node) ? 0 : 1];
  const Tensor* c = graph_.constant(bias);
  if (bias != kNoValue && (c == nullptr || c->element_count() != columns)) {
    return "its bias is no constant row";
  }
  return "";
}

double Quantiser::saved_ns(const Node& node) const {
  const Shape& weight = graph_.constant(node.inputs[1])->shape();
  if (!is_op(node, {"Conv"})) {
    return static_cast<double>(weight[is_transposed(node) ? 0 : 1]) *
           (kFloatProductNs - kByteProductNs);
  }
  const auto groups = attribute_int(node, "group", 1);
  const std::int64_t outputs = weight[0] / std::max<std::int64_t>(groups.ok() ? *groups : 1, 1);
  const std::int64_t strides = std::max<std::int64_t>(product(node, "strides"), 1);
  const bool is_winograd = weight[2] == 3 && weight[3] == 3 && strides == 1 && outputs == weight[0];
  const double products =
      static_cast<double>(outputs * weight[2] * weight[3]) / static_cast<double>(strides);
  return products * ((is_winograd ? kWinogradProductNs : kFloatProductNs) - kByteProductNs);
}

/// Each output channel to s8 by its greatest magnitude: 127 steps to either side.
struct ByteWeights {
  Tensor bytes;
  Tensor scales;
};

ByteWeights quantise_weights(const Tensor& weight, std::int64_t channels, std::int64_t channel_step,
                             std::int64_t step) {
  constexpr float kSteps = 127.0F;
  ByteWeights result{Tensor(DType::kI8, weight.shape()), Tensor(DType::kF32, Shape{channels})};
  const auto from = weight.as<float>();
  const auto to = result.bytes.mutable_view().as<std::int8_t>();
  const auto scales = result.scales.mutable_view().as<float>();
  const auto depth = static_cast<std::int64_t>(from.size()) / channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    float greatest = 0.0F;
    for (std::int64_t k = 0; k < depth; ++k) {
      const auto at = static_cast<std::size_t>(c * channel_step + k * step);
      greatest = std::max(greatest, std::fabs(from[at]));
    }
    // A dead channel: any scale serves, and 0 is none.
    const float scale = std::isnormal(greatest / kSteps) ? greatest / kSteps : 1.0F;
    scales[static_cast<std::size_t>(c)] = scale;
    for (std::int64_t k = 0; k < depth; ++k) {
      const auto at = static_cast<std::size_t>(c * channel_step + k * step);
      to[at] = quantise<std::int8_t>(from[at], scale, 0);
    }
  }
  return result;
}

void Quantiser::rewrite(NodeId id, const std::array<ValueId, 3>& data) {
  const Node& node = graph_.node(id);
  const bool is_conv = is_op(node, {"Conv"});
  const Tensor& weight = *graph_.constant(node.inputs[1]);
  const Shape& extents = weight.shape();
  const bool is_row_major = is_conv || is_transposed(node);
  const std::int64_t channels = extents[is_row_major ? 0 : 1];
  const std::int64_t depth = extents.element_count() / channels;
  const ByteWeights bytes =
      quantise_weights(weight, channels, is_row_major ? depth : 1, is_row_major ? 1 : channels);
  Node made = make_node(node, kOwnDomain, is_conv ? "DynamicConv" : "DynamicGemm");
  for (const char* name : {"alpha", "beta", "transA"}) made.attributes.erase(name);
  ValueId bias = input_at(node, kConvBias);
  if (bias != kNoValue && graph_.constant(bias)->shape() != Shape{channels}) {
    bias = editor_.add_constant("", graph_.constant(bias)->reshaped(Shape{channels}));
  }
  made.inputs = {data[0],
                 data[1],
                 data[2],
                 editor_.add_constant("", bytes.bytes),
                 editor_.add_constant("", bytes.scales),
                 kNoValue,
                 bias};
  if (is_conv && input_at(node, kConvResidual) != kNoValue) {
    made.inputs.push_back(input_at(node, kConvResidual));
  }
  while (made.inputs.back() == kNoValue) made.inputs.pop_back();
  replace_node(editor_, graph_, id, {}, std::move(made), node.outputs[0]);
  ++report_.changes;
}

void Quantiser::run() {
  std::map<ValueId, std::vector<Layer>> readers;
  for (const NodeId id : graph_.topological_order()) {
    const Node& node = graph_.node(id);
    if (!is_op(node, {"Conv", "Gemm"})) continue;
    std::string reason = why_not(node);
    if (reason.empty()) {
      readers[node.inputs[0]].push_back({id, saved_ns(node)});
    } else {
      refuse(report_, node, std::move(reason));
    }
  }
  for (const auto& [value, layers] : readers) {
    double saved = 0.0;
    for (const Layer& layer : layers) saved += layer.saved_ns;
    if (saved <= kQuantiseNs) {
      for (const Layer& layer : layers) {
        refuse(report_, graph_.node(layer.node),
               fmt::format("quantising an element takes {:.2f} ns and saves {:.2f}", kQuantiseNs,
                           saved));
      }
      continue;
    }
    const auto data = add_dynamic_quantisation(editor_, value, false);
    for (const Layer& layer : layers) rewrite(layer.node, data);
  }
}

}  // namespace

Status quantize_dynamic(Graph& graph, PassReport& report) {
  Quantiser(graph, report).run();
  return {};
}

}  // namespace lode::engine
