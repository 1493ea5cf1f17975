#include "quant/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace lode::quant {

namespace {

using nlohmann::ordered_json;

/// Of what JSON has no number for: null.
ordered_json finite(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

std::string db(double value) {
  if (std::isnan(value)) return "-";
  return std::isinf(value) ? "exact" : fmt::format("{:.1f} dB", value);
}

double ratio_of(const QuantizeReport& report) {
  return static_cast<double>(report.bytes_after) /
         static_cast<double>(std::max<std::uint64_t>(1, report.bytes_before));
}

std::string rounding_text(const RoundingReport& rounding) {
  std::string text =
      fmt::format("rounded      {} tensors, {} weights; signal to noise ", rounding.tensors,
                  format_rate(static_cast<double>(rounding.elements)));
  if (std::isinf(rounding.signal_to_noise_db)) return text + "infinite: all were halves already\n";
  return text + fmt::format(
                    "{:.1f} dB\nlargest      error {:.2e} of its tensor's largest weight, "
                    "at {}\n",
                    rounding.signal_to_noise_db, rounding.largest_error,
                    rounding.largest_error_node);
}

std::string score_text(std::string_view title, const Score& score) {
  std::string text =
      fmt::format("{:<12} {} samples: {} have the same top-1; result {}, KL {:.2e} nats\n", title,
                  score.samples, score.agreed, db(score.sqnr_db), score.mean_kl);
  if (score.labelled > 0) {
    text += fmt::format("             top-1 {} of {} in float, {} quantized\n", score.top1_a,
                        score.labelled, score.top1_b);
  }
  return text;
}

std::string methods_text(const QuantizeReport& report) {
  std::string text;
  if (report.table) {
    text += fmt::format("calibrated   {} values by {} on {} samples\n", report.table->ranges.size(),
                        report.table->method, report.table->samples);
  }
  if (report.equalisation) {
    const EqualiseReport& own = *report.equalisation;
    text += fmt::format(
        "equalised    channels behind {} layers, by at most {:.3g}; {} channels held by a clip, "
        "{} biases absorbed\n",
        own.joints, own.largest_factor, own.channels_bound, own.biases_absorbed);
  }
  if (report.equalise_choice) {
    const EqualiseChoice& choice = *report.equalise_choice;
    text += fmt::format(
        "             chosen by KL on {} samples: {:.3g} nats equalised, {:.3g} unchanged\n",
        choice.equalised.samples, choice.equalised.mean_kl, choice.unchanged.mean_kl);
  }
  if (report.correction) {
    text += fmt::format(
        "corrected    {} biases, {} layers rounded with feedback, on {} samples; mean errors "
        "{:.3g}\n",
        report.correction->layers, report.correction->rounded, report.correction->samples,
        report.correction->mean_error);
  }
  return text;
}

std::string layers_text(const QuantizeReport& report) {
  if (report.layers.empty()) return "";
  std::string text = "\nlayer, worst first                                   SQNR    weights\n";
  std::vector<LayerReport> sorted = report.layers;
  std::stable_sort(sorted.begin(), sorted.end(), [](const LayerReport& a, const LayerReport& b) {
    return a.sqnr_db < b.sqnr_db;
  });
  for (const LayerReport& layer : sorted) {
    text += fmt::format("{:<46} {:>10} {:>10}{}\n", layer.node, db(layer.sqnr_db),
                        db(layer.weight_sqnr_db),
                        layer.is_widened ? "  scale widened for its bias" : "");
  }
  return text;
}

std::string codes_text(const QuantizeReport& report) {
  if (report.codes.empty()) return "";
  std::string text =
      "\nvalue stored as codes                            range          rounding   clipping "
      "saturated\n";
  for (const CodeError& code : report.codes) {
    text += fmt::format("{:<40} {:>21} {:>10} {:>10} {:>8.4f}%\n", code.value,
                        fmt::format("[{:.4g}, {:.4g}]", code.range.low, code.range.high),
                        db(decibels(code.signal, code.rounding)),
                        db(decibels(code.signal, code.clipping)), 100.0 * code.saturated);
  }
  return text;
}

std::string sensitivity_text(const QuantizeReport& report) {
  if (report.sensitivity.empty()) return "";
  std::string text =
      "\nsensitivity, worst first                         result     multiply-adds       float\n";
  for (const LayerSensitivity& layer : report.sensitivity) {
    text += fmt::format("{:<46} {:>10} {:>15} {:>13}\n", layer.node, db(layer.sqnr_db),
                        format_rate(layer.multiply_adds), format_duration(layer.float_ns));
  }
  return text;
}

std::string stages_text(const QuantizeReport& report) {
  std::string text = "\nstage               time           CPU     peak memory\n";
  for (const StageCost& stage : report.stages) {
    text +=
        fmt::format("{:<12} {:>11} {:>13} {:>15}\n", stage.stage, format_duration(stage.wall_ns),
                    format_duration(stage.cpu_ns), format_bytes(stage.peak_rss_bytes));
  }
  return text;
}

ordered_json score_json(const Score& score) {
  return {{"samples", score.samples},     {"labelled", score.labelled},
          {"top1_float", score.top1_a},   {"top1_quantized", score.top1_b},
          {"agreed", score.agreed},       {"sqnr_db", finite(score.sqnr_db)},
          {"mean_kl_nats", score.mean_kl}};
}

void add_rounding(const RoundingReport& rounding, ordered_json& json) {
  json["tensors"] = rounding.tensors;
  json["elements"] = rounding.elements;
  json["largest_error"] = rounding.largest_error;
  json["largest_error_node"] = rounding.largest_error_node;
  json["signal_to_noise_db"] = finite(rounding.signal_to_noise_db);
}

void add_methods(const QuantizeReport& report, ordered_json& json) {
  if (report.equalisation) {
    const EqualiseReport& own = *report.equalisation;
    json["equalisation"] = {{"joints", own.joints},
                            {"largest_factor", own.largest_factor},
                            {"channels_bound", own.channels_bound},
                            {"biases_absorbed", own.biases_absorbed}};
  }
  if (report.equalise_choice) {
    const EqualiseChoice& choice = *report.equalise_choice;
    json["equalise_choice"] = {{"samples", choice.equalised.samples},
                               {"kl_equalised", choice.equalised.mean_kl},
                               {"kl_unchanged", choice.unchanged.mean_kl}};
  }
  if (report.correction) {
    json["bias_correction"] = {{"layers", report.correction->layers},
                               {"rounded_with_feedback", report.correction->rounded},
                               {"samples", report.correction->samples},
                               {"mean_error", report.correction->mean_error}};
  }
  if (report.score) json["score"] = score_json(*report.score);
  if (report.target_score) json["target_score"] = score_json(*report.target_score);
}

void add_lists(const QuantizeReport& report, ordered_json& json) {
  for (const LayerReport& layer : report.layers) {
    json["layers"].push_back({{"node", layer.node},
                              {"op_type", layer.op_type},
                              {"sqnr_db", finite(layer.sqnr_db)},
                              {"weight_sqnr_db", finite(layer.weight_sqnr_db)},
                              {"widened_for_bias", layer.is_widened}});
  }
  for (const CodeError& code : report.codes) {
    json["values"].push_back({{"value", code.value},
                              {"node", code.node},
                              {"low", code.range.low},
                              {"high", code.range.high},
                              {"rounding_sqnr_db", finite(decibels(code.signal, code.rounding))},
                              {"clipping_sqnr_db", finite(decibels(code.signal, code.clipping))},
                              {"saturated", code.saturated}});
  }
  for (const LayerSensitivity& layer : report.sensitivity) {
    json["sensitivity"].push_back({{"node", layer.node},
                                   {"sqnr_db", finite(layer.sqnr_db)},
                                   {"multiply_adds", layer.multiply_adds},
                                   {"float_ns", layer.float_ns}});
  }
}

}  // namespace

std::string to_text(const QuantizeReport& report, const std::string& output) {
  std::string text = fmt::format("{}: {} ({}), {:.3f} of the {} before\n", output,
                                 format_bytes(report.bytes_after), report.precision,
                                 ratio_of(report), format_bytes(report.bytes_before));
  if (report.rounding) text += rounding_text(*report.rounding);
  if (report.layers_quantized > 0) {
    text += fmt::format("quantized    {} layers\n", report.layers_quantized);
  }
  text += methods_text(report);
  if (report.score) text += score_text("report", *report.score);
  if (report.target_score) text += score_text("target", *report.target_score);
  for (const FloatNote& note : report.kept_float) {
    text += fmt::format("kept         {}: {}\n", note.node, note.why);
  }
  return text + layers_text(report) + codes_text(report) + sensitivity_text(report) +
         stages_text(report);
}

std::string to_json(const QuantizeReport& report, const std::string& model,
                    const std::string& output) {
  ordered_json json = {{"model", model},
                       {"output", output},
                       {"precision", report.precision},
                       {"bytes_before", report.bytes_before},
                       {"bytes_after", report.bytes_after},
                       {"ratio", ratio_of(report)}};
  for (const auto& [key, value] : report.settings) json["settings"][key] = value;
  if (report.rounding) add_rounding(*report.rounding, json);
  if (report.layers_quantized > 0) json["layers_quantized"] = report.layers_quantized;
  if (report.table) {
    json["calibration"] = {{"method", report.table->method}, {"samples", report.table->samples}};
  }
  add_methods(report, json);
  json["kept"] = ordered_json::array();
  for (const FloatNote& note : report.kept_float) {
    json["kept"].push_back({{"node", note.node}, {"why", note.why}});
  }
  add_lists(report, json);
  for (const StageCost& stage : report.stages) {
    json["stages"].push_back({{"stage", stage.stage},
                              {"wall_ns", stage.wall_ns},
                              {"cpu_ns", stage.cpu_ns},
                              {"peak_rss_bytes", stage.peak_rss_bytes}});
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace lode::quant
