// A comparison for people and for spreadsheets.
#pragma once

#include <string>

#include "cli/table.h"
#include "results/compare/comparison.h"

namespace lode::cli {

/// In any format; `runs` says how they were made: "10+10 interleaved runs".
[[nodiscard]] std::string render_comparison(const compare::Comparison& comparison,
                                            const std::string& runs, Format format);

}  // namespace lode::cli
