#include "cli/quantize_options.h"

#include <algorithm>
#include <set>

#include "base/units.h"
#include "datasets/dataset.h"
#include "engine/runtime/thread_pool.h"

namespace lode::cli {
namespace {

using quant::QuantizeOptions;

std::string observer_help() {
  std::string text = "how ranges are found: ";
  for (const quant::ObserverDef& each : quant::all_observers())
    text += fmt::format("{} ({}); ", each.name, each.doc);
  return text + fmt::format("default: {}", QuantizeOptions().calibration);
}

std::string scheme_help() {
  std::string text = "choices by name, which other flags change: ";
  for (const quant::Preset& each : quant::all_presets()) {
    text += fmt::format("{} ({}); ", each.name, each.doc);
  }
  text.resize(text.size() - 2);
  return text;
}

void add_number_flags(CLI::App& command, QuantizeChoices& choices) {
  command
      .add_option("--percentile", choices.percentile,
                  "percentile calibration: elements within the range, in percent (default: 99.99)")
      ->check(CLI::Range(50.0, 100.0));
  command
      .add_option("--momentum", choices.momentum,
                  "moving-average calibration: weight of the newest sample (default: 0.01)")
      ->check(CLI::Range(1e-6, 1.0));
  command
      .add_option("--weight-bits", choices.weight_bits,
                  "8, or 7 for machines that saturate 8-bit products (default: 8)")
      ->check(CLI::IsMember({7, 8}));
  command
      .add_option("--scale-floor", choices.scale_floor,
                  "the least scale, for what is always 0 (default: 1e-8)")
      ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--correction-samples", choices.correction_samples,
                  "calibration samples that bias correction and --equalise auto look at, held in "
                  "memory (default: 128)")
      ->check(CLI::Range(1, 1'000'000));
  command
      .add_option("--calibration-samples", choices.calibration_samples,
                  "use the first so many of the calibration samples (default: all)")
      ->check(CLI::Range(1, 100'000'000));
  command
      .add_option("--report-samples", choices.report_samples,
                  "calibration samples that the report measures errors on (default: 8); 0: none")
      ->check(CLI::Range(0, 1'000'000));
  command
      .add_option("--threads", choices.threads,
                  "threads of the engine (default: 0, one a processor that affinity and quota "
                  "leave)")
      ->check(CLI::Range(0, 1024));
}

void add_target_flags(CLI::App& command, QuantizeChoices& choices) {
  command.add_flag("--sensitivity", choices.sensitivity,
                   "rank the layers by what each costs the result");
  command.add_option("--target-sqnr", choices.target_sqnr,
                     "signal to noise of the result in dB that must be reached on the calibration "
                     "samples: the most sensitive layers stay in float until it is");
  command.add_option(
      "--target-top1-drop", choices.target_top1_drop,
      "likewise, the most of top-1 that may be lost on labelled samples: 0.5% or 0.005");
  command
      .add_option("--score-samples", choices.score_samples,
                  "labelled samples to judge that on (default: 1000)")
      ->check(CLI::Range(1, 100'000'000));
}

/// A share: "0.5%" or "0.005".
Result<double> parse_share(std::string_view flag, std::string_view text) {
  const bool is_percent = text.ends_with('%');
  auto number = parse_number(is_percent ? text.substr(0, text.size() - 1) : text);
  if (!number.ok()) return number.error().within(flag);
  const double share = is_percent ? *number / 100.0 : *number;
  if (share >= 0.0 && share <= 1.0) return share;
  return usage_error("{}: {} is not a share from 0 to 1, or from 0% to 100%", flag, text);
}

/// What only static quantization looks at, by flag.
std::vector<std::string> static_flags_given(const QuantizeChoices& choices) {
  std::vector<std::string> given;
  const auto note = [&](bool is_given, const char* flag) {
    if (is_given) given.emplace_back(flag);
  };
  note(!choices.calibration.empty(), "--calibration-method");
  note(choices.percentile.has_value(), "--percentile");
  note(choices.momentum.has_value(), "--momentum");
  note(!choices.activation_symmetry.empty(), "--activation-symmetry");
  note(!choices.equalise.empty(), "--equalise");
  note(choices.no_bias_correction, "--no-bias-correction");
  note(!choices.rounding.empty(), "--rounding");
  note(choices.correction_samples.has_value(), "--correction-samples");
  note(choices.calibration_samples.has_value(), "--calibration-samples");
  note(choices.own_concat_scales, "--own-concat-scales");
  note(!choices.table.empty(), "--calibration-table");
  note(choices.report_samples.has_value(), "--report-samples");
  note(choices.sensitivity, "--sensitivity");
  note(choices.target_sqnr.has_value(), "--target-sqnr");
  note(!choices.target_top1_drop.empty(), "--target-top1-drop");
  return given;
}

std::vector<std::string> weight_flags_given(const QuantizeChoices& choices) {
  std::vector<std::string> given;
  if (!choices.weights.empty()) given.emplace_back("--weights");
  if (!choices.weight_symmetry.empty()) given.emplace_back("--weight-symmetry");
  if (!choices.weight_ranges.empty()) given.emplace_back("--weight-ranges");
  if (choices.weight_bits) given.emplace_back("--weight-bits");
  if (choices.scale_floor) given.emplace_back("--scale-floor");
  if (!choices.float_nodes.empty()) given.emplace_back("--float");
  return given;
}

Status check_meaning(const QuantizeChoices& choices, std::string_view precision) {
  std::vector<std::string> useless;
  if (precision != "int8-static") useless = static_flags_given(choices);
  if (precision == "fp16") {
    for (std::string& flag : weight_flags_given(choices)) useless.push_back(std::move(flag));
  }
  if (useless.empty()) return {};
  return usage_error("{} means nothing for {}; leave it out", useless.front(), precision);
}

void apply_encoding(const QuantizeChoices& choices, quant::EncodingOptions& encoding) {
  quant::WeightScheme& weights = encoding.weights;
  if (!choices.weights.empty()) {
    weights.granularity = *quant::granularity_from_name(choices.weights);
  }
  if (!choices.weight_symmetry.empty()) {
    weights.symmetry = *quant::symmetry_from_name(choices.weight_symmetry);
  }
  if (!choices.weight_ranges.empty()) weights.least_mse = choices.weight_ranges == "mse";
  if (choices.weight_bits) weights.bits = *choices.weight_bits;
  if (!choices.activation_symmetry.empty()) {
    encoding.activations = *quant::symmetry_from_name(choices.activation_symmetry);
  }
  if (choices.scale_floor) encoding.scale_floor = static_cast<float>(*choices.scale_floor);
}

Status apply_static(const QuantizeChoices& choices, QuantizeOptions& options) {
  if (!choices.calibration.empty()) options.calibration = choices.calibration;
  LODE_CHECK_OK(quant::find_observer(options.calibration));
  options.percentile = choices.percentile.value_or(options.percentile);
  options.momentum = choices.momentum.value_or(options.momentum);
  if (choices.equalise == "on") options.equalise = quant::Toggle::kOn;
  if (choices.equalise == "off") options.equalise = quant::Toggle::kOff;
  if (choices.equalise == "auto") options.equalise = quant::Toggle::kAuto;
  if (choices.no_bias_correction) options.correct_biases = false;
  if (!choices.rounding.empty()) options.feedback_rounding = choices.rounding == "feedback";
  options.correction_samples = choices.correction_samples.value_or(options.correction_samples);
  options.share_concat_scales = !choices.own_concat_scales;
  options.report_samples = choices.report_samples.value_or(options.report_samples);
  options.rank_layers = choices.sensitivity;
  options.target_sqnr_db = choices.target_sqnr;
  if (!choices.target_top1_drop.empty()) {
    LODE_TRY(options.target_top1_drop, parse_share("--target-top1-drop", choices.target_top1_drop));
  }
  if (!choices.table.empty()) {
    LODE_TRY(options.table, quant::read_calibration_table(choices.table));
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> settings_of(const QuantizeChoices& choices,
                                                             std::string_view precision,
                                                             const QuantizeOptions& options) {
  std::vector<std::pair<std::string, std::string>> settings;
  const quant::WeightScheme& weights = options.encoding.weights;
  if (precision == "fp16") return settings;
  if (!choices.scheme.empty()) settings.emplace_back("scheme", choices.scheme);
  settings.emplace_back("weights", quant::granularity_name(weights.granularity));
  settings.emplace_back("weight_symmetry", quant::symmetry_name(weights.symmetry));
  settings.emplace_back("weight_ranges", weights.least_mse ? "mse" : "min-max");
  settings.emplace_back("weight_bits", std::to_string(weights.bits));
  if (precision != "int8-static") return settings;
  settings.emplace_back("activation_symmetry", quant::symmetry_name(options.encoding.activations));
  settings.emplace_back("calibration", options.table ? "table" : options.calibration);
  settings.emplace_back("bias_correction", options.correct_biases ? "on" : "off");
  settings.emplace_back("rounding", options.feedback_rounding ? "feedback" : "nearest");
  settings.emplace_back("concat_scales", options.share_concat_scales ? "shared" : "own");
  return settings;
}

}  // namespace

void add_quantize_choices(CLI::App& command, QuantizeChoices& choices) {
  const std::vector<std::string> symmetries = {"symmetric", "symmetric-full", "asymmetric"};
  command.add_option("--scheme", choices.scheme, scheme_help());
  command.add_option("--dataset", choices.dataset,
                     "the dataset whose /calibration samples are looked at");
  command.add_option("--calibration-method", choices.calibration, observer_help());
  command
      .add_option("--weights", choices.weights,
                  "per-channel or per-tensor scales of weights (default: per-channel)")
      ->check(CLI::IsMember({"per-channel", "per-tensor"}));
  command
      .add_option("--weight-symmetry", choices.weight_symmetry,
                  "of weights: symmetric (-127..127), symmetric-full (-128..127) or asymmetric "
                  "(default: symmetric)")
      ->check(CLI::IsMember(symmetries));
  command
      .add_option("--weight-ranges", choices.weight_ranges,
                  "cover all weights (min-max) or clip for the least squared error (mse) (default: "
                  "min-max)")
      ->check(CLI::IsMember({"min-max", "mse"}));
  command
      .add_option("--activation-symmetry", choices.activation_symmetry,
                  "of activations (default: asymmetric)")
      ->check(CLI::IsMember(symmetries));
  command
      .add_option("--equalise", choices.equalise,
                  "rescale channels between layers: on, off, or auto: both are tried on the "
                  "calibration samples (default: auto)")
      ->check(CLI::IsMember({"auto", "on", "off"}));
  command.add_flag("--no-bias-correction", choices.no_bias_correction,
                   "leave the biases as they are");
  command
      .add_option("--rounding", choices.rounding,
                  "of weights: nearest, or with feedback: each makes up for the errors of the "
                  "others on the samples (default: feedback)")
      ->check(CLI::IsMember({"nearest", "feedback"}));
  command.add_flag("--own-concat-scales", choices.own_concat_scales,
                   "let each input of a Concat keep its own scale");
  command.add_option("--float", choices.float_nodes,
                     "a layer to leave in float, by name; may be repeated");
  command.add_option("--calibration-table", choices.table,
                     "ranges to use, as --write-calibration-table wrote them");
  add_number_flags(command, choices);
  add_target_flags(command, choices);
}

Result<ResolvedChoices> resolve(const QuantizeChoices& choices, const std::string& precision) {
  ResolvedChoices resolved;
  std::string name = precision;
  if (!choices.scheme.empty()) {
    auto preset = quant::find_preset(choices.scheme);
    if (!preset.ok()) return preset.error().within("--scheme");
    if (!name.empty() && name != (*preset)->precision) {
      return usage_error("--scheme {} is one of {}, and --precision says {}", choices.scheme,
                         (*preset)->precision, name);
    }
    name = (*preset)->precision;
    (*preset)->apply(resolved.options);
  }
  if (name.empty()) return usage_error("--precision or --scheme is needed");
  const auto quantizer = quant::find_quantizer(name);
  if (!quantizer.ok()) return quantizer.error().within("--precision");
  resolved.quantizer = *quantizer;
  LODE_CHECK_OK(check_meaning(choices, name));
  apply_encoding(choices, resolved.options.encoding);
  LODE_CHECK_OK(apply_static(choices, resolved.options));
  resolved.options.float_nodes = {choices.float_nodes.begin(), choices.float_nodes.end()};
  resolved.options.threads = choices.threads > 0 ? choices.threads : engine::usable_processors();
  resolved.settings = settings_of(choices, name, resolved.options);
  return resolved;
}

Result<Samples> open_samples(const QuantizeChoices& choices) {
  Samples samples;
  LODE_TRY(const datasets::DatasetInfo info, datasets::read_dataset_info(choices.dataset));
  if (info.calibration.empty()) {
    return runtime_error(
        "'{}' has no /calibration indices: import it with --calibration-samples above 0",
        choices.dataset);
  }
  LODE_TRY(samples.library, datasets::open_dataset(choices.dataset, 0));
  samples.calibration = {samples.library.get(), info.calibration};
  if (choices.calibration_samples) {
    samples.calibration = samples.calibration.first(*choices.calibration_samples);
  }
  if (samples.library->label(0) < 0) return samples;
  const std::set<SampleIndex> seen(info.calibration.begin(), info.calibration.end());
  samples.scored.library = samples.library.get();
  for (SampleIndex i = 0; i < info.samples && samples.scored.indices.size() < choices.score_samples;
       ++i) {
    if (!seen.contains(i)) samples.scored.indices.push_back(i);
  }
  return samples;
}

quant::StageSink StageProgress::sink() {
  return [this](std::string_view stage, std::uint64_t done, std::uint64_t total) {
    if (stage != stage_) {
      line_.reset();
      stage_ = stage;
      line_ = std::make_unique<Progress>(stage, "steps");
    }
    line_->update(done, total);
  };
}

}  // namespace lode::cli
