// The list of precisions, and files in and out.
#include "quant/quantize.h"

#include <algorithm>
#include <array>

#include "engine/onnx/export.h"
#include "engine/onnx/import.h"

namespace lode::quant {

namespace {

constexpr std::array kQuantizers = {
    Quantizer{"fp16", "weights rounded to IEEE half, sums in float", quantize_to_half},
};

Result<std::uint64_t> bytes_of(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return runtime_error("cannot read '{}': {}", path.string(), error.message());
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace

std::span<const Quantizer> quantizers() {
  return kQuantizers;
}

Result<const Quantizer*> find_quantizer(std::string_view precision) {
  std::string names;
  for (const Quantizer& quantizer : kQuantizers) {
    if (quantizer.precision == precision) return &quantizer;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", quantizer.precision);
  }
  return usage_error("'{}' is no precision that this version quantizes to; there is {}", precision,
                     names);
}

Result<QuantizedFile> quantize_file(const Quantizer& quantizer, const std::filesystem::path& from,
                                    const std::filesystem::path& to) {
  QuantizedFile file;
  LODE_TRY(engine::Graph graph, engine::import_onnx(from));
  LODE_TRY(file.bytes_before, bytes_of(from));
  auto quantized = quantizer.run(std::move(graph));
  if (!quantized.ok()) return quantized.error().within(from.string());
  LODE_CHECK_OK(engine::export_onnx(quantized->graph, to));
  LODE_TRY(file.bytes_after, bytes_of(to));
  file.rounding = std::move(quantized->rounding);
  return file;
}

}  // namespace lode::quant
