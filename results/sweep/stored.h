// A sweep's directory, read back. Nothing here changes it.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "results/sweep/plan.h"
#include "results/sweep/summary.h"

namespace lode::sweep {

/// The sweep's directory that `path` is, or whose plan.json or sweep.json it is; none if it is none
/// of these.
[[nodiscard]] std::optional<std::filesystem::path> find_sweep(const std::filesystem::path& path);

/// Errors: it cannot be read, or is damaged.
[[nodiscard]] Result<Plan> read_plan(const std::filesystem::path& directory);

/// An error that names what of `record` was not made with the files of the plan: one may change
/// under a sweep that runs.
[[nodiscard]] Status check_files(const record::Record& record, const Plan& plan);

/// What a step left; none if it was not made yet, or was interrupted.
[[nodiscard]] Result<std::optional<RunOutcome>> read_outcome(const std::filesystem::path& directory,
                                                             const Plan& plan, const Step& step);

/// What all steps left so far: [point][...], by repeat.
[[nodiscard]] Result<std::vector<std::vector<RunOutcome>>> read_outcomes(
    const std::filesystem::path& directory, const Plan& plan);

/// What the sweep was asked when it ended; what is asked by default if it has not ended.
[[nodiscard]] Result<Asked> read_asked(const std::filesystem::path& directory);

}  // namespace lode::sweep
