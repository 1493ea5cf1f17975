#include "results/sweep/summary.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/ranges.h>

#include "base/assert.h"

namespace lode::sweep {
namespace {

using record::Figure;

const stats::Estimate* find_figure(const std::vector<FigureValue>& values, const Figure& figure) {
  const auto at = std::find_if(values.begin(), values.end(),
                               [&](const FigureValue& each) { return each.figure == &figure; });
  return at == values.end() ? nullptr : &at->estimate;
}

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

const Named* find_value(const std::vector<Named>& values, const std::string& name) {
  const auto at = std::find_if(values.begin(), values.end(),
                               [&](const Named& each) { return each.name == name; });
  return at == values.end() ? nullptr : &*at;
}

/// Values of the figure in repeats in which both points have a valid one, pair by pair.
struct Pairs {
  std::vector<double> point;
  std::vector<double> baseline;
};

std::optional<double> valid_value(const Figure& figure, const RunOutcome& run) {
  if (!run.record.has_value() || !run.record->verdict.valid) return std::nullopt;
  return figure.of(*run.record);
}

Pairs pairs_of(const Figure& figure, const PointSummary& point, const PointSummary& baseline) {
  Pairs pairs;
  for (const RunOutcome& run : point.runs) {
    const auto other =
        std::find_if(baseline.runs.begin(), baseline.runs.end(),
                     [&](const RunOutcome& each) { return each.repeat == run.repeat; });
    if (other == baseline.runs.end()) continue;
    const std::optional<double> a = valid_value(figure, run);
    const std::optional<double> b = valid_value(figure, *other);
    if (!a.has_value() || !b.has_value()) continue;
    // What has no logarithm has no ratio either, but for a share of zero beside one that is not.
    const bool is_share = figure.unit == record::FigureUnit::kFraction;
    if (*b <= 0.0 || (*a <= 0.0 && !is_share)) continue;
    pairs.point.push_back(*a);
    pairs.baseline.push_back(*b);
  }
  return pairs;
}

/// Runs of a repeat are interleaved with those of the others, so what slows one slows its pair.
std::vector<FigureValue> ratios_of(const PointSummary& point, const PointSummary& baseline,
                                   Rng& rng) {
  std::vector<FigureValue> ratios;
  for (const Figure& figure : record::all_figures()) {
    Pairs pairs = pairs_of(figure, point, baseline);
    if (pairs.point.empty()) continue;
    if (!figure.higher_is_better) std::swap(pairs.point, pairs.baseline);
    if (figure.unit == record::FigureUnit::kFraction) {
      // Accuracy repeats exactly: an interval over repeats would have no width and mean nothing.
      const double ratio = plain_mean(pairs.point).value / plain_mean(pairs.baseline).value;
      ratios.push_back({&figure, {ratio, ratio, ratio, stats::IntervalMethod::kNone}});
      continue;
    }
    ratios.push_back({&figure, stats::ratio_of_pairs(pairs.point, pairs.baseline, {}, rng).ratio});
  }
  return ratios;
}

void hold_against_baseline(const Plan& plan, const Question& question, Summary& summary, Rng& rng) {
  if (question.baseline.empty()) return;
  for (std::size_t i = 0; i < summary.points.size(); ++i) {
    PointSummary& point = summary.points[i];
    point.baseline = baseline_of(plan, i, question.baseline);
    if (!point.baseline.has_value() || *point.baseline == i) continue;
    point.ratios = ratios_of(point, summary.points[*point.baseline], rng);
  }
}

/// All points that have the values of `baseline` and are otherwise like point `index`.
std::vector<std::size_t> baselines_of(const Plan& plan, std::size_t index,
                                      const std::vector<Named>& baseline) {
  const std::vector<Named>& own = plan.points[index].values;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const std::vector<Named>& values = plan.points[i].values;
    const bool has_all = std::all_of(baseline.begin(), baseline.end(), [&](const Named& wanted) {
      const Named* value = find_value(values, wanted.name);
      return value != nullptr && value->value == wanted.value;
    });
    if (!has_all) continue;
    const bool is_alike = std::all_of(values.begin(), values.end(), [&](const Named& value) {
      const Named* mine = find_value(own, value.name);
      return find_value(baseline, value.name) != nullptr || mine == nullptr ||
             mine->value == value.value;
    });
    if (is_alike) found.push_back(i);
  }
  return found;
}

/// A key in which two points differ.
std::string differing_key(const Point& first, const Point& second) {
  for (const Named& each : first.values) {
    const Named* other = find_value(second.values, each.name);
    if (other == nullptr || other->value != each.value) return each.name;
  }
  for (const Named& each : second.values) {
    if (find_value(first.values, each.name) == nullptr) return each.name;
  }
  return {};
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
  return find_figure(figures, figure);
}

const stats::Estimate* PointSummary::find_ratio(const Figure& figure) const {
  return find_figure(ratios, figure);
}

Status check_baseline(const Plan& plan, const std::vector<Named>& baseline) {
  if (baseline.empty()) return {};
  std::set<std::string> named;
  for (const Named& wanted : baseline) {
    if (!named.insert(wanted.name).second) {
      return usage_error("--baseline: '{}' is given twice", wanted.name);
    }
    const auto axis = std::find_if(plan.axes.begin(), plan.axes.end(),
                                   [&](const Axis& each) { return each.key == wanted.name; });
    if (axis == plan.axes.end()) {
      return usage_error("--baseline: '{}' is no axis of the sweep; give the key a list of values",
                         wanted.name);
    }
    const auto& values = axis->values;
    if (std::find(values.begin(), values.end(), wanted.value) == values.end()) {
      return usage_error("--baseline: {} takes {}, not '{}'", wanted.name, fmt::join(values, ", "),
                         wanted.value);
    }
  }
  bool is_any = false;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const std::vector<std::size_t> candidates = baselines_of(plan, i, baseline);
    if (candidates.size() > 1) {
      const Point& first = plan.points[candidates[0]];
      const Point& second = plan.points[candidates[1]];
      return usage_error(
          "--baseline: point {} could be held against {} and against {}; name {} too",
          plan.points[i].name, first.name, second.name, differing_key(first, second));
    }
    is_any = is_any || (candidates.size() == 1 && candidates[0] != i);
  }
  if (is_any) return {};
  return usage_error(
      "--baseline: no point but the baseline itself is otherwise like it; name the keys that "
      "change "
      "together with these, too");
}

std::optional<std::size_t> baseline_of(const Plan& plan, std::size_t index,
                                       const std::vector<Named>& baseline) {
  const std::vector<std::size_t> candidates = baselines_of(plan, index, baseline);
  return candidates.empty() ? std::nullopt : std::optional(candidates.front());
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
  hold_against_baseline(plan, question, summary, rng);
  mark_front(summary.points, question.front);
  summary.best = find_best(summary.points, question);
  return summary;
}

}  // namespace lode::sweep
