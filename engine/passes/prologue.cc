#include "engine/passes/prologue.h"

#include <algorithm>

#include "engine/passes/rewrite.h"

namespace lode::engine {

const Node* conv_reader(const Graph& graph, ValueId id) {
  if (id == kNoValue || !has_one_reader(graph, id)) return nullptr;
  const Node& reader = graph.node(graph.value(id).consumers[0]);
  return is_op(reader, {"Conv"}) && reader.inputs[0] == id ? &reader : nullptr;
}

Result<std::string> why_no_prologue(const Graph& graph, const Node& conv) {
  const Tensor* weights = graph.constant(input_at(conv, 1));
  if (weights == nullptr || weights->dtype() != DType::kF32 || weights->shape().rank() != 4) {
    return std::string("the convolution's weights are not an f32 constant of two spatial axes");
  }
  LODE_TRY(const std::int64_t groups, attribute_int(conv, "group", 1));
  LODE_TRY(const auto pads, attribute_ints(conv, "pads", {}));
  const bool padded =
      std::any_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad != 0; });
  if (weights->shape()[2] != 1 || weights->shape()[3] != 1 || groups != 1 || padded) {
    return std::string("the convolution behind it is not 1x1 in one group without padding");
  }
  if (conv.attributes.contains("lode_prologue")) return std::string("it has a prologue already");
  return std::string();
}

void set_prologue(GraphEditor& editor, const Graph& graph, NodeId conv, ConvPrologue prologue,
                  ValueId x, ValueId scale, ValueId shift) {
  const std::size_t last = shift == kNoValue ? kConvScale : kConvShift;
  while (graph.node(conv).inputs.size() <= last) editor.append_input(conv, kNoValue);
  editor.set_input(conv, 0, x);
  editor.set_input(conv, kConvScale, scale);
  if (shift != kNoValue) editor.set_input(conv, kConvShift, shift);
  editor.set_attribute(conv, "lode_prologue", std::string(prologue_name(prologue)));
}

}  // namespace lode::engine
