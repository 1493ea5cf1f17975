#include "quant/prepare.h"

#include <algorithm>
#include <array>

#include "engine/passes/pass.h"

namespace lode::quant {

namespace {

constexpr std::array<std::string_view, 7> kPasses = {
    "eliminate_identity", "fold_constants",  "fuse_pad", "split_sum",
    "fold_scale",         "fold_batch_norm", "dead_code"};

/// The operators that read or make codes.
bool reads_codes(const engine::Node& node) {
  const std::string_view type = node.op_type;
  return type.starts_with("QLinear") || type.starts_with("QGemm") ||
         type.ends_with("QuantizeLinear") || type == "DequantizeLinear" ||
         type.ends_with("Integer") || type.starts_with("MatMulInteger");
}

}  // namespace

Status prepare(engine::Graph& graph) {
  for (const engine::NodeId id : graph.topological_order()) {
    if (!reads_codes(graph.node(id))) continue;
    return runtime_error(
        "{}: the model is quantized already: quantize the FP32 model that it was "
        "made from",
        engine::describe(graph.node(id)));
  }
  engine::PassOptions options;
  for (const engine::Pass& pass : engine::all_passes()) {
    if (std::find(kPasses.begin(), kPasses.end(), pass.name) == kPasses.end()) {
      options.disabled.emplace_back(pass.name);
    }
  }
  LODE_CHECK_OK(engine::optimise(graph, options));
  return {};
}

}  // namespace lode::quant
