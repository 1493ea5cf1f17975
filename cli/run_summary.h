// A run for people: a page on one, a table of several.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "cli/table.h"
#include "results/record/record.h"

namespace lode::cli {

struct ShownRun {
  std::filesystem::path directory;
  record::Record record;
  record::RawTimes raw;  ///< empty if samples.h5 is not there
};

/// One page: headline with its interval, percentiles, accuracy, verdict with each broken rule.
[[nodiscard]] std::string summary_text(const ShownRun& run);

/// One row a run. Numbers with units for people in text and Markdown, plain ones in CSV, whose
/// columns name the unit.
[[nodiscard]] std::string runs_table(std::span<const ShownRun> runs, Format format);

/// The records themselves: one, or a list of several.
[[nodiscard]] std::string runs_json(std::span<const ShownRun> runs);

/// All of the above, by format.
[[nodiscard]] std::string render_runs(std::span<const ShownRun> runs, Format format);

}  // namespace lode::cli
