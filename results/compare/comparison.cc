#include "results/compare/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/assert.h"

namespace lode::compare {
namespace {

using record::Figure;
using record::FigureUnit;
using stats::RatioEstimate;

std::vector<double> values_of(const Side& side, const Figure& figure) {
  std::vector<double> values;
  for (const StoredRun& run : side.runs) {
    const std::optional<double> value = figure.of(run.record);
    if (value.has_value() && *value > 0.0) values.push_back(*value);
  }
  return values;
}

/// The percentile that a latency figure is; none for mean and all else.
std::optional<double> percentile_of(const Figure& figure) {
  const std::map<std::string_view, double> kPercentiles = {
      {"p50", 0.50}, {"p90", 0.90}, {"p95", 0.95}, {"p97", 0.97}, {"p99", 0.99}, {"p99.9", 0.999}};
  const auto at = kPercentiles.find(figure.name);
  return at == kPercentiles.end() ? std::nullopt : std::optional(at->second);
}

/// Of each completed query, in order of issue.
std::vector<std::int64_t> latencies(const record::RawTimes& raw) {
  std::vector<std::int64_t> values;
  for (std::size_t q = 0; q < raw.completed_ns.size(); ++q) {
    // A latency of 0 has no logarithm; the clock's step is its true size at most.
    if (raw.completed_ns[q] < 0) continue;
    values.push_back(std::max<std::int64_t>(1, raw.completed_ns[q] - raw.scheduled_ns[q]));
  }
  return values;
}

/// From each completion of a sample to the next: their mean is the reciprocal of throughput.
std::vector<std::int64_t> gaps(const record::RawTimes& raw) {
  std::vector<std::int64_t> done;
  for (const std::int64_t ns : raw.sample_completed_ns) {
    if (ns >= 0) done.push_back(ns);
  }
  record::sort_times(done);
  std::vector<std::int64_t> values;
  std::int64_t before = 0;
  for (const std::int64_t ns : done) {
    values.push_back(ns - before);
    before = ns;
  }
  return values;
}

/// Resamples of a figure of one run; none for what one run has one value of.
Result<std::optional<stats::Resamples>> resample(const StoredRun& run, const Figure& figure,
                                                 const Options& options, Rng& rng) {
  const std::optional<double> p = percentile_of(figure);
  const bool is_mean = figure.name == "mean";
  const bool is_rate = figure.unit == FigureUnit::kSamplesPerS;
  std::optional<stats::Resamples> none;
  if (!p.has_value() && !is_mean && !is_rate) return none;
  const std::filesystem::path file = run.directory / record::kSamplesFile;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return none;
  LODE_TRY(const record::RawTimes raw, record::read_samples(file, run.record));
  const std::vector<std::int64_t> series = is_rate ? gaps(raw) : latencies(raw);
  constexpr std::size_t kFewest = 30;  // Fewer say next to nothing about their own spread.
  if (series.size() < kFewest) return none;
  stats::Resamples resamples = p.has_value()
                                   ? stats::resample_percentile(series, *p, options.resamples, rng)
                                   : stats::resample_mean(series, options.resamples, rng);
  if (is_rate) {
    constexpr double kNsPerS = 1e9;
    resamples.estimate = kNsPerS / resamples.estimate;
    for (double& value : resamples.values) value = kNsPerS / value;
  }
  return std::optional(std::move(resamples));
}

/// One run a side: what happened within them is all there is.
Status fill_within_runs(const Side& first, const Side& second, const Options& options, Rng& rng,
                        Row& row) {
  const stats::IntervalOptions intervals{options.confidence, options.resamples};
  LODE_TRY(const auto a, resample(first.runs.front(), *row.figure, options, rng));
  LODE_TRY(const auto b, resample(second.runs.front(), *row.figure, options, rng));
  if (!a.has_value() || !b.has_value()) {
    const double value_a = values_of(first, *row.figure).front();
    const double value_b = values_of(second, *row.figure).front();
    const double ratio = row.figure->higher_is_better ? value_b / value_a : value_a / value_b;
    row.first = {value_a, value_a, value_a, stats::IntervalMethod::kNone};
    row.second = {value_b, value_b, value_b, stats::IntervalMethod::kNone};
    row.ratio.ratio = {ratio, ratio, ratio, stats::IntervalMethod::kNone};
    return {};
  }
  row.first = stats::level_within_run(*a, intervals);
  row.second = stats::level_within_run(*b, intervals);
  row.ratio = row.figure->higher_is_better ? stats::ratio_within_runs(*b, *a, intervals)
                                           : stats::ratio_within_runs(*a, *b, intervals);
  return {};
}

void fill_over_runs(const std::vector<double>& a, const std::vector<double>& b,
                    const Options& options, Rng& rng, Row& row) {
  const stats::IntervalOptions intervals{options.confidence, options.resamples};
  row.first = stats::level_of_runs(a, intervals, rng);
  row.second = stats::level_of_runs(b, intervals, rng);
  const auto& above = row.figure->higher_is_better ? b : a;
  const auto& below = row.figure->higher_is_better ? a : b;
  row.ratio = options.paired ? stats::ratio_of_pairs(above, below, intervals, rng)
                             : stats::ratio_of_runs(above, below, intervals, rng);
  if (a.size() > 1 && b.size() > 1) row.second_opinion = stats::mann_whitney(a, b);
}

/// Correctness of each sample that was scored, by index.
Result<std::optional<std::map<std::int64_t, bool>>> answers_of(const StoredRun& run) {
  std::optional<std::map<std::int64_t, bool>> none;
  const std::filesystem::path file = run.directory / record::kSamplesFile;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return none;
  LODE_TRY(const record::RawTimes raw, record::read_samples(file, run.record));
  LODE_TRY(const record::Answers answers, record::read_answers(file));
  if (answers.predicted.empty()) return none;
  std::map<std::int64_t, bool> correct;
  for (std::size_t i = 0; i < raw.sample_index.size(); ++i) {
    if (answers.predicted[i] < 0) continue;
    correct[raw.sample_index[i]] = answers.predicted[i] == answers.label[i];
  }
  return std::optional(std::move(correct));
}

const StoredRun* accuracy_run(const Side& side) {
  const auto at = std::find_if(side.runs.begin(), side.runs.end(), [](const StoredRun& run) {
    return run.record.accuracy.has_value();
  });
  return at == side.runs.end() ? nullptr : &*at;
}

Result<std::optional<AccuracyRow>> compare_accuracy(const Side& first, const Side& second,
                                                    const Options& options) {
  const StoredRun* a = accuracy_run(first);
  const StoredRun* b = accuracy_run(second);
  if (a == nullptr || b == nullptr) return std::optional<AccuracyRow>();
  AccuracyRow row;
  row.samples = std::min(a->record.accuracy->samples, b->record.accuracy->samples);
  row.first = a->record.accuracy->top1;
  row.second = b->record.accuracy->top1;
  if (!a->record.dataset.has_value() || !b->record.dataset.has_value() ||
      a->record.dataset->sha256 != b->record.dataset->sha256) {
    row.note = "McNemar's test needs the same samples on both sides";
    return std::optional(std::move(row));
  }
  LODE_TRY(const auto of_a, answers_of(*a));
  LODE_TRY(const auto of_b, answers_of(*b));
  if (!of_a.has_value() || !of_b.has_value()) {
    row.note = "McNemar's test needs each sample's answer, and a samples.h5 does not have them";
    return std::optional(std::move(row));
  }
  std::uint64_t only_a = 0;
  std::uint64_t only_b = 0;
  std::uint64_t both = 0;
  for (const auto& [index, correct] : *of_a) {
    const auto other = of_b->find(index);
    if (other == of_b->end()) continue;
    ++both;
    only_a += correct && !other->second ? 1 : 0;
    only_b += !correct && other->second ? 1 : 0;
  }
  if (both == 0) {
    row.note = "no sample was scored on both sides";
    return std::optional(std::move(row));
  }
  row.samples = both;
  row.test = stats::mcnemar(only_a, only_b, both, options.confidence);
  return std::optional(std::move(row));
}

Change judge(const stats::Estimate& ratio, double p, const Options& options) {
  const double most = 1.0 + options.threshold;
  const bool is_beyond = ratio.value > most || ratio.value < 1.0 / most;
  if (is_beyond && p <= options.alpha) {
    return ratio.value > 1.0 ? Change::kBetter : Change::kWorse;
  }
  if (ratio.method == stats::IntervalMethod::kNone) return Change::kUnclear;
  if (ratio.lower >= 1.0 / most && ratio.upper <= most) return Change::kNone;
  return !is_beyond && half_width(ratio) <= options.threshold ? Change::kNone : Change::kUnclear;
}

Change judge(const AccuracyRow& row, const Options& options) {
  if (!row.test.has_value()) return Change::kUnclear;
  const double difference = row.test->difference;
  if (std::abs(difference) > options.threshold && row.p_holm <= options.alpha) {
    return difference > 0.0 ? Change::kBetter : Change::kWorse;
  }
  const bool is_known =
      row.test->lower >= -options.threshold && row.test->upper <= options.threshold;
  return is_known || std::abs(difference) <= options.threshold ? Change::kNone : Change::kUnclear;
}

void judge_all(Comparison& comparison) {
  std::vector<double> p_values;
  for (const Row& row : comparison.rows) p_values.push_back(row.ratio.p_value);
  std::optional<AccuracyRow>& accuracy = comparison.accuracy;
  const bool has_test = accuracy.has_value() && accuracy->test.has_value();
  if (has_test) p_values.push_back(accuracy->test->p_value);
  const std::vector<double> adjusted = stats::holm(p_values);
  for (std::size_t i = 0; i < comparison.rows.size(); ++i) {
    Row& row = comparison.rows[i];
    row.p_holm = adjusted[i];
    row.change = judge(row.ratio.ratio, row.p_holm, comparison.options);
  }
  if (has_test) accuracy->p_holm = adjusted.back();
  if (accuracy.has_value()) accuracy->change = judge(*accuracy, comparison.options);
}

const Limit* limit_of(const Options& options, std::string_view figure) {
  const auto at = std::find_if(options.limits.begin(), options.limits.end(),
                               [&](const Limit& limit) { return limit.figure->name == figure; });
  return at == options.limits.end() ? nullptr : &*at;
}

void find_regressions(Comparison& comparison) {
  const Options& options = comparison.options;
  for (const Row& row : comparison.rows) {
    const Limit* limit = limit_of(options, row.figure->name);
    const bool is_free = options.limits.empty() && row.figure->name != "memory";
    const double allowed = limit != nullptr ? limit->share : options.threshold;
    if (limit == nullptr && !is_free) continue;
    if (row.worse_by() <= allowed || row.p_holm > options.alpha) continue;
    comparison.regressions.push_back(fmt::format("{}: {:.1f}% worse, {:g}% allowed",
                                                 row.figure->name, row.worse_by() * 100.0,
                                                 allowed * 100.0));
  }
  const std::optional<AccuracyRow>& accuracy = comparison.accuracy;
  if (!accuracy.has_value() || !accuracy->test.has_value()) return;
  const Limit* limit = limit_of(options, "top1");
  if (limit == nullptr && !options.limits.empty()) return;
  const double allowed = limit != nullptr ? limit->share : options.threshold;
  if (-accuracy->test->difference <= allowed || accuracy->p_holm > options.alpha) return;
  comparison.regressions.push_back(fmt::format("top1: {:.2f} percentage points worse, {:g} allowed",
                                               -accuracy->test->difference * 100.0,
                                               allowed * 100.0));
}

Status check_refused(const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    if (check.mark != Mark::kRefused) continue;
    return usage_error("cannot compare: {} {}; {}", check.name, check.value, check.advice);
  }
  return {};
}

std::vector<const Figure*> figures_to_compare(const Options& options) {
  std::vector<const Figure*> figures;
  for (const std::string_view name : {"p50", "p90", "p99", "throughput", "memory"}) {
    figures.push_back(record::find_figure(name));
  }
  for (const Limit& limit : options.limits) {
    const bool known = std::find(figures.begin(), figures.end(), limit.figure) != figures.end();
    if (!known && limit.figure->unit != FigureUnit::kFraction) figures.push_back(limit.figure);
  }
  return figures;
}

std::string subject_of(const Side& first, const Side& second) {
  const auto model = [](const Side& side) {
    const record::Record& record = side.runs.front().record;
    if (!record.model.has_value()) return std::string("no model");
    return std::filesystem::path(record.model->path).filename().string();
  };
  const std::string models = model(first) == model(second)
                                 ? model(first)
                                 : fmt::format("{} and {}", model(first), model(second));
  return fmt::format("{} · {}", models, first.runs.front().record.scenario);
}

std::vector<std::string> notes_on(const Comparison& comparison) {
  std::vector<std::string> notes;
  const std::size_t fewest = std::min(comparison.runs_first, comparison.runs_second);
  if (!comparison.options.paired) {
    notes.emplace_back(
        "stored runs, not interleaved: what changed on the machine between them counts as a "
        "difference");
  }
  if (comparison.runs_first == 1 && comparison.runs_second == 1) {
    notes.emplace_back(
        "one run a side: intervals are of what varied within the runs; another run may differ more "
        "than they say");
  } else if (fewest < 5) {
    notes.emplace_back("fewer than 5 runs on a side: intervals are wide, and none is certain");
  }
  return notes;
}

}  // namespace

double half_width(const stats::Estimate& ratio) {
  if (ratio.method == stats::IntervalMethod::kNone) {
    return std::numeric_limits<double>::infinity();
  }
  return std::sqrt(ratio.upper / ratio.lower) - 1.0;
}

std::string_view change_name(Change change, const Figure& figure) {
  const bool is_latency = figure.unit == FigureUnit::kNs;
  const bool is_speed = is_latency || figure.unit == FigureUnit::kSamplesPerS;
  switch (change) {
    case Change::kNone:
      return "no change";
    case Change::kBetter:
      return is_speed ? "faster" : figure.unit == FigureUnit::kBytes ? "smaller" : "better";
    case Change::kWorse:
      return is_speed ? "slower" : figure.unit == FigureUnit::kBytes ? "larger" : "worse";
    case Change::kUnclear:
      break;
  }
  return "unclear";
}

Result<std::optional<Row>> compare_figure(const Side& first, const Side& second,
                                          const Figure& figure, const Options& options) {
  const std::vector<double> a = values_of(first, figure);
  const std::vector<double> b = values_of(second, figure);
  if (a.empty() || b.empty()) return std::optional<Row>();
  // A pair of which one half is missing is none.
  if (options.paired && a.size() != b.size()) return std::optional<Row>();
  Row row;
  row.figure = &figure;
  Rng rng = make_rng(options.seed, fmt::format("comparison {}", figure.name));
  if (first.runs.size() == 1 && second.runs.size() == 1) {
    LODE_CHECK_OK(fill_within_runs(first, second, options, rng, row));
  } else if (a.size() + b.size() > 2) {
    fill_over_runs(a, b, options, rng, row);
  } else {
    return std::optional<Row>();
  }
  return std::optional(std::move(row));
}

Result<Comparison> compare(const Side& first, const Side& second, const Options& options) {
  LODE_ASSERT(!first.runs.empty() && !second.runs.empty());
  Comparison comparison;
  comparison.options = options;
  comparison.first = first.name;
  comparison.second = second.name;
  comparison.subject = subject_of(first, second);
  comparison.runs_first = first.runs.size();
  comparison.runs_second = second.runs.size();
  comparison.checks = check_sides(first, second, options);
  LODE_CHECK_OK(check_refused(comparison.checks));
  for (const Figure* figure : figures_to_compare(options)) {
    LODE_TRY(std::optional<Row> row, compare_figure(first, second, *figure, options));
    if (row.has_value()) comparison.rows.push_back(*std::move(row));
  }
  LODE_TRY(comparison.accuracy, compare_accuracy(first, second, options));
  for (const Limit& limit : options.limits) {
    const bool is_row = std::any_of(comparison.rows.begin(), comparison.rows.end(),
                                    [&](const Row& row) { return row.figure == limit.figure; });
    const bool is_accuracy = limit.figure->name == "top1" && comparison.accuracy.has_value();
    if (is_row || is_accuracy) continue;
    return usage_error("--fail-above {}: these runs did not measure it on both sides",
                       limit.figure->name);
  }
  judge_all(comparison);
  find_regressions(comparison);
  comparison.notes = notes_on(comparison);
  return comparison;
}

}  // namespace lode::compare
