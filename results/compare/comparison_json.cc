// Comparison -> JSON.
#include <nlohmann/json.hpp>

#include "results/compare/comparison.h"

namespace lode::compare {
namespace {

using Json = nlohmann::ordered_json;

std::string_view mark_name(Mark mark) {
  switch (mark) {
    case Mark::kSame:
      return "ok";
    case Mark::kWatch:
      return "watch";
    case Mark::kUnknown:
      return "unknown";
    case Mark::kRefused:
      break;
  }
  return "refused";
}

Json estimate_json(const stats::Estimate& estimate) {
  const bool has_interval = estimate.method != stats::IntervalMethod::kNone;
  return {{"value", estimate.value},
          {"lower", has_interval ? Json(estimate.lower) : Json()},
          {"upper", has_interval ? Json(estimate.upper) : Json()},
          {"method", stats::method_name(estimate.method)}};
}

Json row_json(const Row& row) {
  const record::Figure& figure = *row.figure;
  const auto& opinion = row.second_opinion;
  return {{"figure", figure.name},
          {"unit", record::unit_name(figure.unit)},
          {"higher_is_better", figure.higher_is_better},
          {"first", estimate_json(row.first)},
          {"second", estimate_json(row.second)},
          {"ratio", estimate_json(row.ratio.ratio)},
          {"worse_by", row.worse_by()},
          {"p", row.ratio.p_value},
          {"p_holm", row.p_holm},
          {"p_mann_whitney", opinion.has_value() ? Json(opinion->p_value) : Json()},
          {"change", change_name(row.change, figure)}};
}

Json accuracy_json(const std::optional<AccuracyRow>& row) {
  if (!row.has_value()) return Json();
  const record::Figure& top1 = *record::find_figure("top1");
  Json json = {{"samples", row->samples}, {"first", row->first}, {"second", row->second}};
  if (!row->test.has_value()) {
    json["note"] = row->note;
    return json;
  }
  const stats::McNemar& test = *row->test;
  json["difference"] = {{"value", test.difference}, {"lower", test.lower}, {"upper", test.upper}};
  json["only_first_right"] = test.only_a;
  json["only_second_right"] = test.only_b;
  json["p"] = test.p_value;
  json["p_chi_square"] = test.p_chi_square;
  json["p_holm"] = row->p_holm;
  json["change"] = change_name(row->change, top1);
  return json;
}

Json limits_json(const Options& options) {
  Json limits = Json::object();
  for (const Limit& limit : options.limits) limits[std::string(limit.figure->name)] = limit.share;
  return limits;
}

}  // namespace

std::string to_json(const Comparison& comparison) {
  Json checks = Json::array();
  for (const Check& check : comparison.checks) {
    checks.push_back(
        {{"name", check.name}, {"mark", mark_name(check.mark)}, {"value", check.value}});
  }
  Json rows = Json::array();
  for (const Row& row : comparison.rows) rows.push_back(row_json(row));
  const Options& options = comparison.options;
  const Json json = {
      {"schema", kComparisonSchema},
      {"first", {{"name", comparison.first}, {"runs", comparison.runs_first}}},
      {"second", {{"name", comparison.second}, {"runs", comparison.runs_second}}},
      {"subject", comparison.subject},
      {"paired", options.paired},
      {"confidence", options.confidence},
      {"alpha", options.alpha},
      {"threshold", options.threshold},
      {"fail_above", limits_json(options)},
      {"seed", options.seed},
      {"checks", std::move(checks)},
      {"rows", std::move(rows)},
      {"accuracy", accuracy_json(comparison.accuracy)},
      {"notes", comparison.notes},
      {"verdict",
       {{"regression", !comparison.regressions.empty()}, {"regressions", comparison.regressions}}}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lode::compare
