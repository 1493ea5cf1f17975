// Model files at a lower precision: what `lode quantize` does, one function a precision.
//
// A quantized file is plain ONNX: what any engine reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/graph/graph.h"
#include "engine/passes/pass.h"
#include "quant/graph_runner.h"
#include "quant/options.h"
#include "quant/report.h"

namespace lode::quant {

/// What a quantizer may look at beside the model.
struct QuantizeData {
  /// For ranges and corrections; null library: none.
  SampleSet calibration;
  /// With labels, for a target on top-1; null library: none.
  SampleSet scored;
  StageSink progress;
};

struct Quantized {
  engine::Graph graph;
  QuantizeReport report;
};

struct Quantizer {
  std::string_view precision;  ///< as --precision names it
  std::string_view doc;
  bool needs_samples = false;  ///< QuantizeData::calibration, unless there is a table
  Result<Quantized> (*run)(engine::Graph graph, const QuantizeOptions& options,
                           const QuantizeData& data);
};

/// Every precision that a model can be brought to.
[[nodiscard]] std::span<const Quantizer> quantizers();

/// The one by that name; a usage error that lists them otherwise.
[[nodiscard]] Result<const Quantizer*> find_quantizer(std::string_view precision);

/// f32 weights of Conv, Gemm and MatMul to half, behind a Cast to f32; batch normalisation and
/// scale layers go into the weights first. Biases and all else stay. Fails where no weight could be
/// rounded.
[[nodiscard]] Result<Quantized> quantize_to_half(engine::Graph graph,
                                                 const QuantizeOptions& options,
                                                 const QuantizeData& data);

/// Weights and activations to 8 bits, by ranges that calibration finds (QDQ). The order: what can
/// be folded is; weights are equalised; ranges are found; weights, activations and biases get their
/// codes; biases are corrected; layers go back to float until the targets are met.
[[nodiscard]] Result<Quantized> quantize_static(engine::Graph graph, const QuantizeOptions& options,
                                                const QuantizeData& data);

/// Weights to 8 bits, activations as they come (DynamicQuantizeLinear). Looks at no sample.
[[nodiscard]] Result<Quantized> quantize_dynamic(engine::Graph graph,
                                                 const QuantizeOptions& options,
                                                 const QuantizeData& data);

/// Imports `from`, quantizes, and writes `to`, whole or not at all. The report has the sizes.
[[nodiscard]] Result<QuantizeReport> quantize_file(const Quantizer& quantizer,
                                                   const QuantizeOptions& options,
                                                   const QuantizeData& data,
                                                   const std::filesystem::path& from,
                                                   const std::filesystem::path& to);

}  // namespace lode::quant
