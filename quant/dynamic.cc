// int8-dynamic: weights alone are known before the run.
#include "quant/convert.h"
#include "quant/prepare.h"
#include "quant/quantize.h"

namespace lode::quant {

Result<Quantized> quantize_dynamic(engine::Graph graph, const QuantizeOptions& options,
                                   const QuantizeData&) {
  Quantized quantized;
  StageCosts costs;
  costs.begin("load");
  LODE_CHECK_OK(prepare(graph));
  costs.begin("convert");
  LODE_TRY(DynamicReport converted,
           convert_to_dynamic(graph, {.weights = options.encoding.weights,
                                      .scale_floor = options.encoding.scale_floor,
                                      .float_nodes = options.float_nodes}));
  costs.end();
  quantized.report.precision = "int8-dynamic";
  quantized.report.layers_quantized = converted.layers;
  quantized.report.kept_float = std::move(converted.kept_float);
  quantized.report.stages = costs.costs();
  quantized.graph = std::move(graph);
  return quantized;
}

}  // namespace lode::quant
