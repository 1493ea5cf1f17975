// `lode quantize`: a model file at a lower precision, and what that cost.
#include <cmath>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/command.h"
#include "quant/quantize.h"

namespace lode::cli {
namespace {

using nlohmann::ordered_json;

struct QuantizeFlags {
  std::string model;
  std::string precision;
  std::string output;
  std::string format = "text";
};

double ratio_of(const quant::QuantizedFile& file) {
  return static_cast<double>(file.bytes_after) / static_cast<double>(file.bytes_before);
}

std::string as_json(const QuantizeFlags& flags, const quant::QuantizedFile& file) {
  const quant::RoundingReport& rounding = file.rounding;
  const bool is_exact = std::isinf(rounding.signal_to_noise_db);
  ordered_json json = {{"model", flags.model},
                       {"output", flags.output},
                       {"precision", flags.precision},
                       {"bytes_before", file.bytes_before},
                       {"bytes_after", file.bytes_after},
                       {"ratio", ratio_of(file)},
                       {"tensors", rounding.tensors},
                       {"elements", rounding.elements},
                       {"largest_error", rounding.largest_error},
                       {"largest_error_node", rounding.largest_error_node},
                       {"signal_to_noise_db", is_exact ? ordered_json(nullptr)
                                                       : ordered_json(rounding.signal_to_noise_db)},
                       {"kept", ordered_json::array()}};
  for (const engine::PassNote& note : rounding.kept) {
    json["kept"].push_back({{"node", note.node}, {"why", note.why}});
  }
  return json.dump(2) + "\n";
}

std::string as_text(const QuantizeFlags& flags, const quant::QuantizedFile& file) {
  const quant::RoundingReport& rounding = file.rounding;
  std::string text = fmt::format(
      "{}: {} ({}), {:.3f} of the {} before\n"
      "rounded      {} tensors, {} weights; signal to noise ",
      flags.output, format_bytes(file.bytes_after), flags.precision, ratio_of(file),
      format_bytes(file.bytes_before), rounding.tensors,
      format_rate(static_cast<double>(rounding.elements)));
  if (std::isinf(rounding.signal_to_noise_db)) {
    text += "infinite: all were halves already\n";
  } else {
    text += fmt::format(
        "{:.1f} dB\nlargest      error {:.2e} of its tensor's largest weight, at {}\n",
        rounding.signal_to_noise_db, rounding.largest_error, rounding.largest_error_node);
  }
  for (const engine::PassNote& note : rounding.kept) {
    text += fmt::format("kept         {}: {}\n", note.node, note.why);
  }
  return text;
}

Result<int> quantize(const QuantizeFlags& flags) {
  const auto quantizer = quant::find_quantizer(flags.precision);
  if (!quantizer.ok()) return quantizer.error().within("--precision");
  LODE_TRY(const quant::QuantizedFile file,
           quant::quantize_file(**quantizer, flags.model, flags.output));
  LODE_CHECK_OK(print(flags.format == "json" ? as_json(flags, file) : as_text(flags, file)));
  return kExitValid;
}

}  // namespace

void add_quantize_command(CLI::App& app, Invocation& invocation) {
  auto flags = std::make_shared<QuantizeFlags>();
  CLI::App* command = app.add_subcommand("quantize", "write a model at a lower precision");
  command->add_option("model", flags->model, "the model, an ONNX file in FP32")->required();
  std::string precisions;
  for (const quant::Quantizer& each : quant::quantizers()) {
    precisions +=
        fmt::format("{}{} ({})", precisions.empty() ? "" : "; ", each.precision, each.doc);
  }
  command->add_option("--precision", flags->precision, precisions)->required();
  command->add_option("-o,--output", flags->output, "the model to write, an ONNX file")->required();
  command->add_option("--format", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return quantize(*flags); }; });
}

}  // namespace lode::cli
