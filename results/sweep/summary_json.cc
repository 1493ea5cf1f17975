// Summary -> sweep.json, and what was asked back from it.
#include <fmt/ranges.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "results/record/json_cursor.h"
#include "results/sweep/summary.h"

namespace lode::sweep {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json estimate_json(const stats::Estimate& estimate) {
  const bool has_interval = estimate.method != stats::IntervalMethod::kNone;
  return {{"value", estimate.value},
          {"lower", has_interval ? Json(estimate.lower) : Json()},
          {"upper", has_interval ? Json(estimate.upper) : Json()},
          {"method", stats::method_name(estimate.method)}};
}

Json figure_json(const FigureValue& value) {
  Json json = {{"unit", record::unit_name(value.figure->unit)}};
  json.update(estimate_json(value.estimate));
  return json;
}

Json run_json(const Point& point, const RunOutcome& run) {
  Json json = {{"repeat", run.repeat}};
  if (!run.record.has_value()) {
    json["failure"] = run.failure;
    return json;
  }
  json["directory"] = run_directory({}, point, run.repeat).string();
  json["id"] = run.record->id;
  json["valid"] = run.record->verdict.valid;
  Json reasons = Json::array();
  for (const record::Reason& reason : run.record->verdict.reasons) reasons.push_back(reason.rule);
  json["broken_rules"] = std::move(reasons);
  return json;
}

/// Null where there is no baseline to be held against.
Json baseline_json(const Plan& plan, const PointSummary& summary) {
  if (!summary.baseline.has_value()) return Json();
  Json ratios = Json::object();
  for (const FigureValue& each : summary.ratios) {
    ratios[std::string(each.figure->name)] = estimate_json(each.estimate);
  }
  return {{"point", plan.points[*summary.baseline].name}, {"ratios", std::move(ratios)}};
}

Json point_json(const Plan& plan, const Point& point, const PointSummary& summary) {
  Json values = Json::object();
  for (const Named& each : point.values) values[each.name] = each.value;
  Json runs = Json::array();
  for (const RunOutcome& run : summary.runs) runs.push_back(run_json(point, run));
  Json figures = Json::object();
  for (const FigureValue& each : summary.figures) {
    figures[std::string(each.figure->name)] = figure_json(each);
  }
  return {{"name", point.name},
          {"values", std::move(values)},
          {"runs", std::move(runs)},
          {"valid_runs", summary.valid},
          {"trouble", text_or_null(summary.trouble)},
          {"figures", std::move(figures)},
          {"baseline", baseline_json(plan, summary)},
          {"on_front", summary.on_front}};
}

Json best_json(const Plan& plan, const Summary& summary, const Question& question) {
  if (question.best == nullptr) return Json();
  Json constraints = Json::array();
  for (const Constraint& constraint : question.constraints) constraints.push_back(constraint.text);
  return {{"figure", question.best->name},
          {"where", std::move(constraints)},
          {"point", summary.best.has_value() ? Json(plan.points[*summary.best].name) : Json()}};
}

std::string baseline_text(const std::vector<Named>& baseline) {
  const bool has_comma = std::any_of(baseline.begin(), baseline.end(), [](const Named& each) {
    return each.value.find(',') != std::string::npos;
  });
  std::string text;
  for (const Named& each : baseline) {
    text += fmt::format("{}{}={}",
                        text.empty() ? ""
                        : has_comma  ? ";"
                                     : ",",
                        each.name, each.value);
  }
  // One that stands alone needs its separator as well, to be told from two.
  if (has_comma && baseline.size() == 1) text += ";";
  return text;
}

Asked as_asked(const record::JsonCursor& root) {
  const auto as_text = [](const record::JsonCursor& item) { return item.text(); };
  Asked asked;
  const std::vector<std::string> front = root.at("front").list(as_text);
  asked.front = front.empty() ? "none" : fmt::format("{}", fmt::join(front, ","));
  if (root.has("baseline")) asked.baseline = root.at("baseline").text_or_null();
  const record::JsonCursor best = root.at("best");
  if (best.is_null()) return asked;
  asked.best = best.at("figure").text();
  asked.where = best.at("where").list(as_text);
  return asked;
}

}  // namespace

std::string to_json(const Plan& plan, const Summary& summary, const Question& question) {
  Json axes = Json::array();
  for (const Axis& axis : plan.axes) axes.push_back({{"key", axis.key}, {"values", axis.values}});
  Json front = Json::array();
  for (const record::Figure* figure : question.front) front.push_back(figure->name);
  Json points = Json::array();
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    points.push_back(point_json(plan, plan.points[i], summary.points[i]));
  }
  const Json json = {{"schema", kSweepSchema},
                     {"created_at", plan.created_at},
                     {"command", plan.command},
                     {"seed", plan.seed},
                     {"repeats", plan.repeats},
                     {"runs_planned", plan.order.size()},
                     {"runs_made", summary.runs_made},
                     {"runs_failed", summary.runs_failed},
                     {"runs_invalid", summary.runs_invalid},
                     {"axes", std::move(axes)},
                     {"points", std::move(points)},
                     {"baseline", text_or_null(baseline_text(question.baseline))},
                     {"front", std::move(front)},
                     {"best", best_json(plan, summary, question)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Asked> asked_from_json(std::string_view text, std::string_view name) {
  return record::read_json(text, name, kSweepSchema, as_asked);
}

}  // namespace lode::sweep
