// What a sweep found: each point's figures over its repeats, the Pareto front, the best point under
// constraints. Made from the plan and the records alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/record/figures.h"
#include "results/stats/ratio_interval.h"
#include "results/sweep/plan.h"

namespace lode::sweep {

inline constexpr std::string_view kSweepSchema = "lodestone.sweep/1";

/// One run that was made, or tried.
struct RunOutcome {
  std::uint64_t repeat = 1;
  std::optional<record::Record> record;
  std::string failure;  ///< why there is no record; "" if there is one
};

struct FigureValue {
  const record::Figure* figure = nullptr;
  stats::Estimate estimate;
};

struct PointSummary {
  std::vector<RunOutcome> runs;  ///< by repeat; those not made yet are left out
  /// Those that its valid runs measured, in the order of all_figures().
  std::vector<FigureValue> figures;
  std::optional<std::size_t> baseline;  ///< the point that `ratios` are against; may be this one
  /// How many times better than the baseline, whatever the figure's direction, over repeats in
  /// which both have a valid run; empty for the baseline itself.
  std::vector<FigureValue> ratios;
  std::uint64_t valid = 0;  ///< runs
  std::string trouble;  ///< the first failure or broken rule, and how many runs had one; "" if none
  bool on_front = false;

  /// The figure's estimate, or none.
  [[nodiscard]] const stats::Estimate* find(const record::Figure& figure) const;
  /// The figure's ratio, or none.
  [[nodiscard]] const stats::Estimate* find_ratio(const record::Figure& figure) const;
};

/// "p99<15ms": a bound on a figure.
struct Constraint {
  const record::Figure* figure = nullptr;
  bool below = true;   ///< the figure is to be below `bound`, otherwise above it
  double bound = 0.0;  ///< in the figure's unit
  std::string text;    ///< as it was written
};

/// What is asked of a summary, as users write it.
struct Asked {
  std::string front = "throughput,p99";  ///< figures of the Pareto front, or "none"
  std::string best;                      ///< a figure; "": none
  std::vector<std::string> where;        ///< "p99<15ms": bounds that the best point keeps
  std::string baseline;                  ///< "sut=engine,precision=fp32"; "": none
};

/// What is asked of a summary.
struct Question {
  std::vector<const record::Figure*> front;  ///< of these, the Pareto front; empty: none
  const record::Figure* best = nullptr;      ///< of this, the best point; null: none is asked
  std::vector<Constraint> constraints;       ///< that `best` has to keep
  std::vector<Named> baseline;               ///< axes and values of it; empty: none is asked
};

struct Summary {
  std::vector<PointSummary> points;  ///< as in the plan
  std::optional<std::size_t> best;   ///< the point; none if nothing keeps the constraints
  std::uint64_t runs_made = 0;
  std::uint64_t runs_failed = 0;  ///< without a record
  std::uint64_t runs_invalid = 0;
};

/// The point that point `index` is held against: it has the values of `baseline`, and on every
/// other axis that both have the same value as the point. None if there is no such point.
[[nodiscard]] std::optional<std::size_t> baseline_of(const Plan& plan, std::size_t index,
                                                     const std::vector<Named>& baseline);

/// An error that names what of `baseline` is no axis of the plan, none of its values, or given
/// twice; the points between which a point's baseline is not decided; or that no point has one but
/// the baselines themselves.
[[nodiscard]] Status check_baseline(const Plan& plan, const std::vector<Named>& baseline);

/// `runs[i]` are those of the plan's point i. INVALID runs count in nothing but `trouble`: a point
/// without a valid run has no figures, and is neither on the front nor the best. A point is on the
/// front if no other is at least as good in every figure and better in one.
[[nodiscard]] Summary summarize(const Plan& plan, std::vector<std::vector<RunOutcome>> runs,
                                const Question& question);

/// sweep.json ("lodestone.sweep/1", docs/sweep.schema.json).
[[nodiscard]] std::string to_json(const Plan& plan, const Summary& summary,
                                  const Question& question);

/// What a sweep.json answers. Errors name the member.
[[nodiscard]] Result<Asked> asked_from_json(std::string_view text, std::string_view name);

}  // namespace lode::sweep
