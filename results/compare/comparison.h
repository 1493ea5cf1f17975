// Two sides of runs against each other: what may be compared, ratios with intervals, a verdict.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "results/record/figures.h"
#include "results/record/record.h"
#include "results/stats/hypothesis.h"
#include "results/stats/ratio_interval.h"

namespace lode::compare {

inline constexpr std::string_view kComparisonSchema = "lodestone.comparison/1";

struct StoredRun {
  std::filesystem::path directory;
  record::Record record;
};

/// Runs of one configuration.
struct Side {
  std::string name;
  std::vector<StoredRun> runs;
};

/// Reads a run directory, a result.json, or a folder whose folders are runs: its repeats. Errors:
/// there is no run, one is damaged or was interrupted, runs of one mode have unlike settings.
[[nodiscard]] Result<Side> read_side(const std::filesystem::path& path);

/// "p99=3%": a figure that must not get worse by more than a share of it (accuracy: by more than so
/// many percentage points).
struct Limit {
  const record::Figure* figure = nullptr;
  double share = 0.0;
};

struct Options {
  bool paired = false;       ///< run i of either side were made side by side
  double confidence = 0.95;  ///< of the intervals
  double alpha = 0.01;       ///< of the verdicts, all rows together
  double threshold = 0.01;   ///< changes up to this share are none
  std::size_t resamples = 2000;
  std::uint64_t seed = 1;
  std::vector<Limit> limits;
  bool across_hosts = false;     ///< compares runs of unlike machines all the same
  bool across_datasets = false;  ///< compares runs on unlike datasets all the same
};

enum class Mark : std::uint8_t { kSame, kWatch, kUnknown, kRefused };

/// One thing that should be alike on both sides.
struct Check {
  std::string name;  ///< "dataset sha"
  Mark mark = Mark::kSame;
  std::string value;   ///< "same", "differs", "performance"
  std::string advice;  ///< for kRefused: the one thing to do
};

enum class Change : std::uint8_t { kNone, kBetter, kWorse, kUnclear };

/// One figure of both sides. The second is judged against the first.
struct Row {
  const record::Figure* figure = nullptr;
  stats::Estimate first;
  stats::Estimate second;
  /// How many times better the second is: above 1 it is better, whatever the figure's direction.
  stats::RatioEstimate ratio;
  double p_holm = 1.0;  ///< adjusted over all rows
  std::optional<stats::MannWhitney> second_opinion;
  Change change = Change::kUnclear;

  /// Share by which the second is worse; negative: better.
  [[nodiscard]] double worse_by() const { return 1.0 / ratio.ratio.value - 1.0; }
};

/// Top-1 of both sides on the same samples.
struct AccuracyRow {
  std::uint64_t samples = 0;
  double first = 0.0;
  double second = 0.0;
  std::optional<stats::McNemar> test;  ///< none: `note` says why
  std::string note;
  double p_holm = 1.0;
  Change change = Change::kUnclear;
};

struct Comparison {
  std::string first, second;  ///< names of the sides
  std::string subject;        ///< "mobilenetv2.onnx · single-stream"
  std::size_t runs_first = 0, runs_second = 0;
  std::vector<Check> checks;
  std::vector<Row> rows;
  std::optional<AccuracyRow> accuracy;
  std::vector<std::string> notes;        ///< what limits what can be said
  std::vector<std::string> regressions;  ///< "p99: 4.1% worse, 3% allowed"; empty: none
  Options options;
};

/// What is alike, what to watch, and what forbids a comparison.
[[nodiscard]] std::vector<Check> check_sides(const Side& first, const Side& second,
                                             const Options& options);

/// One figure; none if a side did not measure it. Reads samples.h5 where both sides have one run.
[[nodiscard]] Result<std::optional<Row>> compare_figure(const Side& first, const Side& second,
                                                        const record::Figure& figure,
                                                        const Options& options);

/// p50, p90, p99, throughput, memory, what `limits` name, and top-1. A usage error if a check
/// refuses it. A row is better or worse if its p-value, adjusted by Holm over all rows, is at most
/// `alpha` and the change above `threshold`; it is no change if the interval is within `threshold`,
/// or the change is and the interval reaches no further from it than that; otherwise it is unclear,
/// and more runs would tell. With limits, a regression is a row that is worse by more than its
/// limit with p at most `alpha`; without, it is any row but memory that is worse.
[[nodiscard]] Result<Comparison> compare(const Side& first, const Side& second,
                                         const Options& options);

/// "lodestone.comparison/1", docs/comparison.schema.json.
[[nodiscard]] std::string to_json(const Comparison& comparison);

/// "no change", "faster", "slower", "smaller", "larger", "better", "worse", "unclear".
[[nodiscard]] std::string_view change_name(Change change, const record::Figure& figure);

/// How far the interval reaches from the ratio, as a share of it; infinite without an interval.
[[nodiscard]] double half_width(const stats::Estimate& ratio);

}  // namespace lode::compare
