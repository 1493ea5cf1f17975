// Figures, shares and bounds as people write and read them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "results/record/figures.h"
#include "results/sweep/summary.h"

namespace lode::cli {

/// "7.02 ms", "812.3 /s", "14.2 MB", "76.40%".
[[nodiscard]] std::string figure_text(const record::Figure& figure, double value);

/// The figure called `name`. Usage errors name `flag`.
[[nodiscard]] Result<const record::Figure*> figure_from_name(std::string_view flag,
                                                             std::string_view name);

/// "p50,p99". Usage errors name `flag`.
[[nodiscard]] Result<std::vector<const record::Figure*>> figures_from_list(std::string_view flag,
                                                                           std::string_view text);

/// "3%" -> 0.03, from 0 to 1000%. Usage errors name `flag`.
[[nodiscard]] Result<double> parse_share(std::string_view flag, std::string_view text);

/// "p99<15ms", "throughput>100", "memory<200MB", "top1>70%". Usage errors name `flag`.
[[nodiscard]] Result<sweep::Constraint> parse_constraint(std::string_view flag,
                                                         const std::string& text);

/// What is asked, read. Usage errors name the flag of `lode sweep`.
[[nodiscard]] Result<sweep::Question> question_of(const sweep::Asked& asked);

}  // namespace lode::cli
