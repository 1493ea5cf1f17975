// The list of precisions, and files in and out.
#include "quant/quantize.h"

#include <algorithm>
#include <array>

#include "engine/onnx/export.h"
#include "engine/onnx/import.h"

namespace lode::quant {

namespace {

constexpr std::array kQuantizers = {
    Quantizer{"fp16", "weights rounded to IEEE half, sums in float", false, quantize_to_half},
    Quantizer{"int8-static", "weights and activations in 8 bits, ranges from calibration samples",
              true, quantize_static},
    Quantizer{"int8-dynamic", "weights in 8 bits, activations as they come", false,
              quantize_dynamic},
};

Result<std::uint64_t> bytes_of(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return runtime_error("cannot read '{}': {}", path.string(), error.message());
  return static_cast<std::uint64_t>(bytes);
}

/// Stages of one name become one, in the order in which they first came.
std::vector<StageCost> joined(std::vector<StageCost> first, const std::vector<StageCost>& then) {
  for (const StageCost& cost : then) {
    const auto known = std::find_if(first.begin(), first.end(), [&](const StageCost& each) {
      return each.stage == cost.stage;
    });
    if (known == first.end()) {
      first.push_back(cost);
      continue;
    }
    known->wall_ns += cost.wall_ns;
    known->cpu_ns += cost.cpu_ns;
    known->peak_rss_bytes = std::max(known->peak_rss_bytes, cost.peak_rss_bytes);
  }
  return first;
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

Result<QuantizeReport> quantize_file(const Quantizer& quantizer, const QuantizeOptions& options,
                                     const QuantizeData& data, const std::filesystem::path& from,
                                     const std::filesystem::path& to) {
  StageCosts costs;
  costs.begin("load");
  LODE_TRY(engine::Graph graph, engine::import_onnx(from));
  LODE_TRY(const std::uint64_t bytes_before, bytes_of(from));
  costs.end();
  auto quantized = quantizer.run(std::move(graph), options, data);
  if (!quantized.ok()) {
    const bool is_runtime = quantized.error().kind == ErrorKind::kRuntime;
    return is_runtime ? quantized.error().within(from.string()) : quantized.error();
  }
  StageCosts writing;
  writing.begin("write");
  LODE_CHECK_OK(engine::export_onnx(quantized->graph, to));
  writing.end();
  QuantizeReport& report = quantized->report;
  report.bytes_before = bytes_before;
  LODE_TRY(report.bytes_after, bytes_of(to));
  report.stages = joined(joined(costs.costs(), report.stages), writing.costs());
  return std::move(report);
}

}  // namespace lode::quant
