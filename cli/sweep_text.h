// A sweep for people and for spreadsheets.
#pragma once

#include <string>

#include "cli/table.h"
#include "results/sweep/summary.h"

namespace lode::cli {

/// In any format: a row a point, what was asked of it below.
[[nodiscard]] std::string render_sweep(const sweep::Plan& plan, const sweep::Summary& summary,
                                       const sweep::Question& question, Format format);

/// The points of a plan and how long they will take, for --dry-run.
[[nodiscard]] std::string render_plan(const sweep::Plan& plan, Format format);

/// "12 points x 5 repeats, interleaved, about 6 min 43 s".
[[nodiscard]] std::string plan_line(const sweep::Plan& plan);

/// "int8-static 4": the point's values.
[[nodiscard]] std::string point_text(const sweep::Point& point);

}  // namespace lode::cli
