#include "cli/sweep_text.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/units.h"
#include "cli/figure_text.h"

namespace lode::cli {
namespace {

using record::Figure;
using sweep::Plan;
using sweep::Point;
using sweep::PointSummary;
using sweep::Summary;

/// Of a path the file's name.
std::string short_value(const std::string& value) {
  if (value.find('/') == std::string::npos) return value;
  return std::filesystem::path(value).filename().string();
}

std::string value_of(const Point& point, const std::string& key) {
  const auto at = std::find_if(point.values.begin(), point.values.end(),
                               [&](const sweep::Named& each) { return each.name == key; });
  return at == point.values.end() ? "-" : at->value;
}

/// Those that any point has, of those worth a column.
std::vector<const Figure*> shown_figures(const Summary& summary, const sweep::Question& question) {
  std::vector<const Figure*> wanted;
  const auto want = [&wanted](const Figure* figure) {
    if (std::find(wanted.begin(), wanted.end(), figure) == wanted.end()) wanted.push_back(figure);
  };
  for (const std::string_view name : {"throughput", "p50", "p90", "p99", "memory", "top1"}) {
    want(record::find_figure(name));
  }
  for (const Figure* figure : question.front) want(figure);
  if (question.best != nullptr) want(question.best);
  for (const sweep::Constraint& constraint : question.constraints) want(constraint.figure);
  std::erase_if(wanted, [&](const Figure* figure) {
    return std::none_of(summary.points.begin(), summary.points.end(),
                        [&](const PointSummary& point) { return point.find(*figure) != nullptr; });
  });
  return wanted;
}

bool has_interval(const stats::Estimate& estimate) {
  return estimate.method != stats::IntervalMethod::kNone;
}

std::string people_value(const Figure& figure, const stats::Estimate* estimate) {
  if (estimate == nullptr) return "-";
  std::string text = figure_text(figure, estimate->value);
  if (!has_interval(*estimate)) return text;
  const double half_width = std::sqrt(estimate->upper / estimate->lower) - 1.0;
  text += half_width > 1.0 ? " ±>100%" : fmt::format(" ±{:.1f}%", half_width * 100.0);
  return text;
}

/// Figures whose ratio to the baseline has a column: those of the front, or throughput.
std::vector<const Figure*> ratio_figures(const Summary& summary, const sweep::Question& question) {
  if (question.baseline.empty()) return {};
  std::vector<const Figure*> figures = question.front;
  if (figures.empty()) figures.push_back(record::find_figure("throughput"));
  std::erase_if(figures, [&](const Figure* figure) {
    return std::none_of(
        summary.points.begin(), summary.points.end(),
        [&](const PointSummary& point) { return point.find_ratio(*figure) != nullptr; });
  });
  return figures;
}

std::string ratio_text(const PointSummary& point, const Figure& figure) {
  const stats::Estimate* ratio = point.find_ratio(figure);
  if (ratio == nullptr) return "-";
  if (!has_interval(*ratio)) return fmt::format("{:.3f}x", ratio->value);
  return fmt::format("{:.3f}x [{:.3f}, {:.3f}]", ratio->value, ratio->lower, ratio->upper);
}

Table people_table(const Plan& plan, const Summary& summary, const sweep::Question& question) {
  const std::vector<const Figure*> figures = shown_figures(summary, question);
  Table table;
  table.columns.push_back({"point", true});
  for (const sweep::Axis& axis : plan.axes) table.columns.push_back({axis.key});
  table.columns.push_back({"valid", true});
  for (const Figure* figure : figures) table.columns.push_back({std::string(figure->name), true});
  const std::vector<const Figure*> ratios = ratio_figures(summary, question);
  if (!ratios.empty()) table.columns.push_back({"baseline", true});
  for (const Figure* figure : ratios) {
    table.columns.push_back({fmt::format("{} ratio", figure->name), true});
  }
  table.columns.push_back({"front"});
  table.columns.push_back({"trouble"});
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const PointSummary& point = summary.points[i];
    std::vector<std::string> row = {std::to_string(i + 1)};
    for (const sweep::Axis& axis : plan.axes) {
      row.push_back(short_value(value_of(plan.points[i], axis.key)));
    }
    row.push_back(fmt::format("{}/{}", point.valid, plan.repeats));
    for (const Figure* figure : figures) row.push_back(people_value(*figure, point.find(*figure)));
    if (!ratios.empty()) {
      row.push_back(point.baseline.has_value() ? std::to_string(*point.baseline + 1) : "-");
    }
    for (const Figure* figure : ratios) row.push_back(ratio_text(point, *figure));
    row.emplace_back(point.on_front ? "*" : "");
    row.push_back(point.trouble);
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// "p99_ns", "p99_ns_lower", "p99_ns_upper".
void add_plain_columns(std::string name, Table& table) {
  std::replace(name.begin(), name.end(), '/', '_');
  for (const std::string_view part : {"", "_lower", "_upper"}) {
    table.columns.push_back({name + std::string(part), true});
  }
}

void add_plain_cells(const stats::Estimate* estimate, std::vector<std::string>& row) {
  row.push_back(estimate != nullptr ? fmt::format("{}", estimate->value) : "");
  const bool bounds = estimate != nullptr && has_interval(*estimate);
  row.push_back(bounds ? fmt::format("{}", estimate->lower) : "");
  row.push_back(bounds ? fmt::format("{}", estimate->upper) : "");
}

Table plain_table(const Plan& plan, const Summary& summary, const sweep::Question& question) {
  Table table;
  table.columns.push_back({"point"});
  for (const sweep::Axis& axis : plan.axes) table.columns.push_back({axis.key});
  for (const std::string_view name : {"valid_runs", "runs", "on_front", "is_best", "trouble"}) {
    table.columns.push_back({std::string(name)});
  }
  for (const Figure& figure : record::all_figures()) {
    add_plain_columns(fmt::format("{}_{}", figure.name, record::unit_name(figure.unit)), table);
  }
  if (!question.baseline.empty()) {
    table.columns.push_back({"baseline"});
    for (const Figure& figure : record::all_figures()) {
      add_plain_columns(fmt::format("{}_ratio", figure.name), table);
    }
  }
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const PointSummary& point = summary.points[i];
    std::vector<std::string> row = {plan.points[i].name};
    for (const sweep::Axis& axis : plan.axes) {
      const std::string value = value_of(plan.points[i], axis.key);
      row.push_back(value == "-" ? "" : value);
    }
    row.push_back(std::to_string(point.valid));
    row.push_back(std::to_string(point.runs.size()));
    row.emplace_back(point.on_front ? "1" : "0");
    row.emplace_back(summary.best == i ? "1" : "0");
    row.push_back(point.trouble);
    for (const Figure& figure : record::all_figures()) add_plain_cells(point.find(figure), row);
    if (!question.baseline.empty()) {
      row.push_back(point.baseline.has_value() ? plan.points[*point.baseline].name : "");
      for (const Figure& figure : record::all_figures()) {
        add_plain_cells(point.find_ratio(figure), row);
      }
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string best_line(const Plan& plan, const Summary& summary, const sweep::Question& question) {
  if (question.best == nullptr) return {};
  std::string where;
  for (const sweep::Constraint& constraint : question.constraints) {
    where += fmt::format("{}{}", where.empty() ? " where " : " and ", constraint.text);
  }
  const std::string asked = fmt::format("best {}{}", question.best->name, where);
  if (!summary.best.has_value()) return fmt::format("{}: no point keeps that\n", asked);
  const stats::Estimate* estimate = summary.points[*summary.best].find(*question.best);
  return fmt::format("{}: point {} ({}), {}\n", asked, *summary.best + 1,
                     point_text(plan.points[*summary.best]),
                     people_value(*question.best, estimate));
}

std::string legend(const Plan& plan, const Summary& summary, const sweep::Question& question) {
  std::string text;
  if (plan.repeats > 1) {
    text += "± is the half width of the 95% interval over the repeats.\n";
  } else {
    text += "One repeat: how much a point varies from run to run is not known; see --repeats.\n";
  }
  if (!question.baseline.empty()) {
    text += fmt::format("Ratios say how many times better than its baseline a point is{}.\n",
                        plan.repeats > 1 ? ", with 95% intervals over the repeats" : "");
  }
  if (!question.front.empty()) {
    std::string names;
    for (const Figure* figure : question.front) {
      names += fmt::format("{}{}", names.empty() ? "" : " and ", figure->name);
    }
    text += fmt::format("* is on the Pareto front of {}.\n", names);
  }
  if (summary.runs_failed + summary.runs_invalid > 0) {
    text += fmt::format("{} of {} runs are INVALID, {} left no record; they count in no figure.\n",
                        summary.runs_invalid, summary.runs_made, summary.runs_failed);
  }
  return text;
}

std::int64_t expected_ns(const Plan& plan) {
  std::int64_t sum = 0;
  for (const Point& point : plan.points) sum += point.expected_ns + plan.cool_down_ns;
  return sum * static_cast<std::int64_t>(plan.repeats);
}

}  // namespace

std::string point_text(const Point& point) {
  std::string text;
  for (const sweep::Named& each : point.values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", each.name, short_value(each.value));
  }
  return text.empty() ? "the one point" : text;
}

std::string plan_line(const Plan& plan) {
  std::string text =
      fmt::format("{} point{} x {} repeat{}", plan.points.size(),
                  plan.points.size() == 1 ? "" : "s", plan.repeats, plan.repeats == 1 ? "" : "s");
  if (plan.order.size() > 1) text += ", interleaved";
  const auto untimed = std::count_if(plan.points.begin(), plan.points.end(),
                                     [](const Point& point) { return point.expected_ns == 0; });
  const std::int64_t seconds = expected_ns(plan) / 1'000'000'000;
  if (seconds > 0) {
    text += fmt::format(", about {}{:02}m{:02}s",
                        seconds >= 3600 ? fmt::format("{}h", seconds / 3600) : "",
                        seconds / 60 % 60, seconds % 60);
  }
  if (untimed > 0) text += fmt::format(" and {} in accuracy mode, as long as they take", untimed);
  return text;
}

std::string render_plan(const Plan& plan, Format format) {
  if (format == Format::kJson) return sweep::to_json(plan);
  Table table;
  table.columns.push_back({"point", true});
  for (const sweep::Axis& axis : plan.axes) table.columns.push_back({axis.key});
  table.columns.push_back({"seconds", true});
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    std::vector<std::string> row = {std::to_string(i + 1)};
    for (const sweep::Axis& axis : plan.axes) {
      row.push_back(short_value(value_of(plan.points[i], axis.key)));
    }
    const double seconds = static_cast<double>(plan.points[i].expected_ns) * 1e-9;
    row.push_back(seconds > 0.0 ? fmt::format("{:.1f}", seconds) : "-");
    table.rows.push_back(std::move(row));
  }
  const std::string text = render_table(table, format);
  return format == Format::kText ? text + fmt::format("plan: {}\n", plan_line(plan)) : text;
}

std::string render_sweep(const Plan& plan, const Summary& summary, const sweep::Question& question,
                         Format format) {
  if (format == Format::kJson) return sweep::to_json(plan, summary, question);
  if (format == Format::kCsv) return render_table(plain_table(plan, summary, question), format);
  std::string text = render_table(people_table(plan, summary, question), format);
  if (format != Format::kText) return text;
  return text + legend(plan, summary, question) + best_line(plan, summary, question);
}

}  // namespace lode::cli
