// `lode quantize`: a model file at a lower precision, and what that cost.
#include <memory>

#include "base/file_io.h"
#include "cli/command.h"
#include "cli/quantize_options.h"
#include "quant/quantize.h"

namespace lode::cli {
namespace {

struct QuantizeFlags {
  std::string model;
  std::string precision;
  std::string output;
  std::string format = "text";
  std::string report;
  std::string table_out;
  QuantizeChoices choices;
};

Status write_reports(const QuantizeFlags& flags, const quant::QuantizeReport& report) {
  if (!flags.report.empty()) {
    LODE_CHECK_OK(
        write_file_atomically(flags.report, quant::to_json(report, flags.model, flags.output)));
  }
  if (flags.table_out.empty()) return {};
  if (!report.table) {
    return usage_error("--write-calibration-table: {} makes none", report.precision);
  }
  return write_file_atomically(flags.table_out, quant::to_json(*report.table));
}

Result<int> quantize(const QuantizeFlags& flags) {
  LODE_TRY(const ResolvedChoices resolved, resolve(flags.choices, flags.precision));
  Samples samples;
  if (!flags.choices.dataset.empty()) {
    LODE_TRY(samples, open_samples(flags.choices));
  }
  StageProgress progress;
  quant::QuantizeData data{
      .calibration = samples.calibration, .scored = samples.scored, .progress = progress.sink()};
  LODE_TRY(quant::QuantizeReport report, quant::quantize_file(*resolved.quantizer, resolved.options,
                                                              data, flags.model, flags.output));
  progress.finish();
  report.settings = resolved.settings;
  LODE_CHECK_OK(write_reports(flags, report));
  const bool is_json = flags.format == "json";
  LODE_CHECK_OK(print(is_json ? quant::to_json(report, flags.model, flags.output)
                              : quant::to_text(report, flags.output)));
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
  command->add_option("--precision", flags->precision, precisions);
  command->add_option("-o,--output", flags->output, "the model to write, an ONNX file")->required();
  command->add_option("--format", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_option("--report", flags->report, "a file to write the report to as JSON");
  command->add_option("--write-calibration-table", flags->table_out,
                      "a file to write the ranges to, for --calibration-table");
  add_quantize_choices(*command, flags->choices);
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return quantize(*flags); }; });
}

}  // namespace lode::cli
