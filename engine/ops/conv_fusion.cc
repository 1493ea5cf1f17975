#include "engine/ops/conv_fusion.h"

#include "engine/ops/checks.h"

namespace lode::engine {

namespace {

Result<ConvPrologue> read_prologue(const Node& node) {
  LODE_TRY(const std::string name, attribute_string(node, "lode_prologue", ""));
  if (name.empty()) return ConvPrologue::kNone;
  for (const ConvPrologue prologue : {ConvPrologue::kAffineRelu, ConvPrologue::kScale}) {
    if (name == prologue_name(prologue)) return prologue;
  }
  return node_error(node, "attribute 'lode_prologue'='{}' is neither AffineRelu nor Scale", name);
}

Status check_input(const Node& node, std::size_t index, bool wanted) {
  const bool present = index < node.inputs.size() && node.inputs[index] != kNoValue;
  if (present == wanted) return {};
  return wanted ? node_error(node, "input {} of what is fused into it is missing", index)
                : node_error(node, "input {} belongs to nothing that is fused into it", index);
}

}  // namespace

std::string_view prologue_name(ConvPrologue prologue) {
  LODE_ASSERT(prologue != ConvPrologue::kNone);
  return prologue == ConvPrologue::kAffineRelu ? "AffineRelu" : "Scale";
}

Result<ConvFusion> conv_fusion(const Node& node) {
  ConvFusion fusion;
  LODE_TRY(fusion.has_residual, attribute_flag(node, "lode_residual", false));
  LODE_TRY(fusion.prologue, read_prologue(node));
  LODE_CHECK_OK(check_input(node, kConvResidual, fusion.has_residual));
  LODE_CHECK_OK(check_input(node, kConvScale, fusion.prologue != ConvPrologue::kNone));
  LODE_CHECK_OK(check_input(node, kConvShift, fusion.prologue == ConvPrologue::kAffineRelu));
  return fusion;
}

}  // namespace lode::engine
