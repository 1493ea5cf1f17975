// Pad with zeros into the padding of the Conv that reads it.
#include <algorithm>
#include <cstring>

#include "engine/passes/passes.h"
#include "engine/passes/prologue.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

using Ints = std::vector<std::int64_t>;

bool is_zero(const Tensor& tensor) {
  const std::byte* data = tensor.view().data;
  return tensor.element_count() == 1 &&
         std::all_of(data, data + tensor.byte_size(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

// Amounts in front of all axes, then behind all, where they are known; else none.
Result<std::optional<Ints>> known_amounts(const Graph& graph, const Node& pad) {
  if (pad.opset < 11) {
    LODE_TRY(Ints amounts, attribute_ints(pad, pad.opset < 2 ? "paddings" : "pads", {}));
    return std::optional(std::move(amounts));
  }
  const Tensor* amounts = graph.constant(input_at(pad, 1));
  if (amounts == nullptr || amounts->dtype() != DType::kI64 || input_at(pad, 3) != kNoValue) {
    return std::optional<Ints>();
  }
  const auto elements = amounts->as<std::int64_t>();
  return std::optional(Ints(elements.begin(), elements.end()));
}

Result<std::string> why_not_zeros(const Graph& graph, const Node& pad) {
  LODE_TRY(const std::string mode, attribute_string(pad, "mode", "constant"));
  LODE_TRY(const float value, attribute_float(pad, "value", 0.0F));
  const ValueId input = input_at(pad, 2);
  const Tensor* constant = graph.constant(input);
  const bool zeros =
      value == 0.0F && (input == kNoValue || (constant != nullptr && is_zero(*constant)));
  return std::string(mode == "constant" && zeros ? "" : "it does not pad with zeros");
}

// The padding of the Conv with the Pad's added; a reason if there is no such.
struct Padding {
  Ints pads;
  std::string why_not;
};

Result<Padding> joined_padding(const Graph& graph, const Node& pad, const Node& conv) {
  Padding padding;
  LODE_TRY(padding.why_not, why_not_zeros(graph, pad));
  if (!padding.why_not.empty()) return padding;
  LODE_TRY(const auto amounts, known_amounts(graph, pad));
  if (!amounts || amounts->size() < 6 || amounts->size() % 2 != 0) {
    padding.why_not = "its amounts are not known";
    return padding;
  }
  const std::size_t rank = amounts->size() / 2;
  const std::size_t spatial = rank - 2;
  const auto& by = *amounts;
  const bool negative = std::any_of(by.begin(), by.end(), [](std::int64_t n) { return n < 0; });
  if (negative || by[0] != 0 || by[1] != 0 || by[rank] != 0 || by[rank + 1] != 0) {
    padding.why_not = "it crops, or pads batch or channels";
    return padding;
  }
  LODE_TRY(const std::string auto_pad, attribute_string(conv, "auto_pad", "NOTSET"));
  if (auto_pad.starts_with("SAME")) {
    padding.why_not = "the convolution's padding follows from its input's extents";
    return padding;
  }
  LODE_TRY(padding.pads, attribute_ints(conv, "pads", Ints(2 * spatial, 0)));
  if (padding.pads.size() != 2 * spatial) {
    padding.why_not = "the convolution has another number of axes";
    return padding;
  }
  for (std::size_t axis = 0; axis < spatial; ++axis) {
    padding.pads[axis] += by[2 + axis];
    padding.pads[spatial + axis] += by[rank + 2 + axis];
  }
  return padding;
}

}  // namespace

Status fuse_pad(Graph& graph, PassReport& report) {
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!is_op(node, {"Pad"})) continue;
    const Node* conv = conv_reader(graph, node.outputs[0]);
    if (conv == nullptr) {
      refuse(report, node, "no Conv is its one reader");
      continue;
    }
    LODE_TRY(Padding padding, joined_padding(graph, node, *conv));
    if (!padding.why_not.empty()) {
      refuse(report, node, std::move(padding.why_not));
      continue;
    }
    GraphEditor editor(graph);
    const ValueId unread = node.outputs[0];
    editor.set_input(conv->id, 0, node.inputs[0]);
    editor.set_attribute(conv->id, "auto_pad", std::string("NOTSET"));
    editor.set_attribute(conv->id, "pads", std::move(padding.pads));
    remove_unread(editor, graph, unread);
    ++report.changes;
  }
  return {};
}

}  // namespace lode::engine
