// Model files at a lower precision: what `lode quantize` does, one function a precision.
//
// A quantized file is plain ONNX: what any engine reads, with the rounded weights beside the
// operators that widen them again.
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

namespace lode::quant {

/// What rounding did to the weights.
struct RoundingReport {
  std::int64_t tensors = 0;            ///< rounded ones
  std::int64_t elements = 0;           ///< of them
  double largest_error = 0.0;          ///< |rounded - weight| / largest |weight| of its tensor
  std::string largest_error_node;      ///< who reads that tensor
  double signal_to_noise_db = 0.0;     ///< 10 log10(sum w^2 / sum error^2); infinite if exact
  std::vector<engine::PassNote> kept;  ///< weights that stayed as they were, by who reads them
};

struct Quantized {
  engine::Graph graph;
  RoundingReport rounding;
};

struct Quantizer {
  std::string_view precision;  ///< as --precision names it
  std::string_view doc;
  Result<Quantized> (*run)(engine::Graph graph);
};

/// Every precision that a model can be brought to.
[[nodiscard]] std::span<const Quantizer> quantizers();

/// The one by that name; a usage error that lists them otherwise.
[[nodiscard]] Result<const Quantizer*> find_quantizer(std::string_view precision);

/// f32 weights of Conv, Gemm and MatMul to half, behind a Cast to f32; batch normalisation and
/// scale layers go into the weights first. Biases and all else stay. Fails where no weight could be
/// rounded.
[[nodiscard]] Result<Quantized> quantize_to_half(engine::Graph graph);

/// What the file of a quantized model is made of and how it compares.
struct QuantizedFile {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  RoundingReport rounding;
};

/// Imports `from`, quantizes, and writes `to`, whole or not at all.
[[nodiscard]] Result<QuantizedFile> quantize_file(const Quantizer& quantizer,
                                                  const std::filesystem::path& from,
                                                  const std::filesystem::path& to);

}  // namespace lode::quant
