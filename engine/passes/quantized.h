// What passes ask of quantised graphs, and how they build operators on quantised values.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "engine/ops/qlinear_inputs.h"
#include "engine/ops/qlinear_table.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

/// A QuantizeLinear or DequantizeLinear whose scale and zero point are constants.
struct LinearNode {
  NodeId node = kNoNode;
  ValueId data = kNoValue;
  ValueId scale = kNoValue;
  ValueId zero_point = kNoValue;  ///< kNoValue: none
  DType type = DType::kU8;        ///< of the quantised side
  bool is_per_tensor = true;
};

/// The DequantizeLinear that makes `id`; none if another node does, or its parameters vary.
[[nodiscard]] std::optional<LinearNode> dequantize_before(const Graph& graph, ValueId id);

/// The QuantizeLinear that alone reads `id`, in the same sense.
[[nodiscard]] std::optional<LinearNode> quantize_behind(const Graph& graph, ValueId id);

/// The same of a node that is one of both.
[[nodiscard]] std::optional<LinearNode> read_linear_node(const Graph& graph, const Node& node);

/// lode.DynamicConv or lode.DynamicGemm.
[[nodiscard]] inline bool is_dynamic_product(const Node& node) {
  return node.domain == kOwnDomain &&
         (node.op_type == "DynamicConv" || node.op_type == "DynamicGemm");
}

/// One scale, 8 bits.
[[nodiscard]] bool is_byte_tensor(const LinearNode& linear);

/// Scale and zero point of constants at these values (none: 0), element 0.
[[nodiscard]] QScale scale_of(const Graph& graph, ValueId scale, ValueId zero_point);
[[nodiscard]] QScale scale_of(const Graph& graph, const LinearNode& linear);

/// Both are one constant of one and the same value.
[[nodiscard]] bool is_same_scale(const QScale& a, const QScale& b);

/// The element type of an operator's first output where that follows from quantisation.
[[nodiscard]] std::optional<DType> quantised_output_type(const Graph& graph, const Node& node);

/// The zero point of `linear`, or a new constant 0 of its type.
[[nodiscard]] ValueId zero_point_of(GraphEditor& editor, const LinearNode& linear);

/// Removes `old` and those of its readers that are in `also`, and makes `node`, named like it,
/// produce `output`. What then has no reader goes, too.
void replace_node(GraphEditor& editor, const Graph& graph, NodeId old, std::vector<NodeId> also,
                  Node node, ValueId output);

/// The operator by another name, with the attributes of `from` that stay.
[[nodiscard]] Node make_node(const Node& from, std::string_view domain, std::string_view op_type);

/// Adds lode.DynamicRange and lode.DynamicQuantize behind `x`; the values of the latter: u8 data,
/// scales, zero points.
[[nodiscard]] std::array<ValueId, 3> add_dynamic_quantisation(GraphEditor& editor, ValueId x,
                                                              bool is_per_tensor);

/// ONNX's newest operator set that brought nothing to QLinearConv and its kin: what a made node of
/// ai.onnx says it is of.
inline constexpr std::int64_t kQuantisedOpset = 13;

/// A 1x1 convolution into at most 32 channels, fewer than it reads, by its weights [out, in, 1, 1].
/// Dynamic quantisation leaves it in float: there is little to save, and all that follows hangs on
/// these few channels.
[[nodiscard]] inline bool is_narrow(const Shape& weights) {
  constexpr std::int64_t kFewOutputs = 32;
  return weights[2] == 1 && weights[3] == 1 && weights[0] <= kFewOutputs && weights[0] < weights[1];
}
inline constexpr std::string_view kNarrowReason =
    "1x1 into few channels: little to save, and all that follows hangs on them";

}  // namespace lode::engine
