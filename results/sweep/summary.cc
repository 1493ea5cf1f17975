#include "results/sweep/summary.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"

namespace lode::sweep {
namespace {

using record::Figure;

/// Fractions repeat exactly, and may be 0, which has no logarithm.
stats::Estimate plain_mean(const std::vector<double>& values) {
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return {mean, mean, mean, stats::IntervalMethod::kNone};
}

std::vector<FigureValue> figures_of(const std::vector<RunOutcome>& runs, Rng& rng) {
  std::vector<FigureValue> figures;
  for (const Figure& figure : record::all_figures()) {
    std::vector<double> values;
    for (const RunOutcome& run : runs) {
      if (!run.record.has_value() || !run.record->verdict.valid) continue;
      const std::optional<double> value = figure.of(*run.record);
      if (value.has_value()) values.push_back(*value);
    }
    if (values.empty()) continue;
    const bool has_logs = figure.unit != record::FigureUnit::kFraction &&
                          *std::min_element(values.begin(), values.end()) > 0.0;
    figures.push_back(
        {&figure, has_logs ? stats::level_of_runs(values, {}, rng) : plain_mean(values)});
  }
  return figures;
}

std::string trouble_of(const std::vector<RunOutcome>& runs) {
  std::string first;
  std::size_t count = 0;
  for (const RunOutcome& run : runs) {
    std::string reason = run.failure;
    if (run.record.has_value() && !run.record->verdict.valid) {
      const record::Reason& broken = run.record->verdict.reasons.front();
      reason = fmt::format("INVALID: {}: {}, wanted {}", broken.rule, broken.value, broken.limit);
    }
    if (reason.empty()) continue;
    if (count++ == 0) first = std::move(reason);
  }
  if (count < 2) return first;
  return fmt::format("{} ({} of {} runs)", first, count, runs.size());
}

bool better(const Figure& figure, double a, double b) {
  return figure.higher_is_better ? a > b : a < b;
}

bool has_all(const PointSummary& point, const std::vector<const Figure*>& figures) {
  return std::all_of(figures.begin(), figures.end(),
                     [&](const Figure* figure) { return point.find(*figure) != nullptr; });
}

/// `a` is nowhere worse than `b`, and somewhere better.
bool dominates(const PointSummary& a, const PointSummary& b,
               const std::vector<const Figure*>& figures) {
  bool somewhere = false;
  for (const Figure* figure : figures) {
    const double of_a = a.find(*figure)->value;
    const double of_b = b.find(*figure)->value;
    if (better(*figure, of_b, of_a)) return false;
    somewhere = somewhere || better(*figure, of_a, of_b);
  }
  return somewhere;
}

void mark_front(std::vector<PointSummary>& points, const std::vector<const Figure*>& figures) {
  if (figures.empty()) return;
  for (PointSummary& point : points) {
    if (!has_all(point, figures)) continue;
    point.on_front = std::none_of(points.begin(), points.end(), [&](const PointSummary& other) {
      return has_all(other, figures) && dominates(other, point, figures);
    });
  }
}

bool keeps(const PointSummary& point, const Constraint& constraint) {
  const stats::Estimate* estimate = point.find(*constraint.figure);
  if (estimate == nullptr) return false;
  return constraint.below ? estimate->value < constraint.bound : estimate->value > constraint.bound;
}

std::optional<std::size_t> find_best(const std::vector<PointSummary>& points,
                                     const Question& question) {
  std::optional<std::size_t> best;
  if (question.best == nullptr) return best;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const stats::Estimate* estimate = points[i].find(*question.best);
    const bool allowed =
        estimate != nullptr &&
        std::all_of(question.constraints.begin(), question.constraints.end(),
                    [&](const Constraint& constraint) { return keeps(points[i], constraint); });
    if (!allowed) continue;
    if (!best.has_value() ||
        better(*question.best, estimate->value, points[*best].find(*question.best)->value)) {
      best = i;
    }
  }
  return best;
}

}  // namespace

const stats::Estimate* PointSummary::find(const Figure& figure) const {
  const auto at = std::find_if(figures.begin(), figures.end(),
                               [&](const FigureValue& each) { return each.figure == &figure; });
  return at == figures.end() ? nullptr : &at->estimate;
}

Summary summarize(const Plan& plan, std::vector<std::vector<RunOutcome>> runs,
                  const Question& question) {
  LODE_ASSERT(runs.size() == plan.points.size());
  Summary summary;
  Rng rng = make_rng(plan.seed, "sweep intervals");
  for (std::vector<RunOutcome>& of_point : runs) {
    PointSummary point;
    point.figures = figures_of(of_point, rng);
    point.trouble = trouble_of(of_point);
    for (const RunOutcome& run : of_point) {
      const bool valid = run.record.has_value() && run.record->verdict.valid;
      point.valid += valid ? 1 : 0;
      summary.runs_failed += run.record.has_value() ? 0 : 1;
      summary.runs_invalid += run.record.has_value() && !valid ? 1 : 0;
    }
    summary.runs_made += of_point.size();
    point.runs = std::move(of_point);
    summary.points.push_back(std::move(point));
  }
  mark_front(summary.points, question.front);
  summary.best = find_best(summary.points, question);
  return summary;
}

}  // namespace lode::sweep
