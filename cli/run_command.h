// What `lode run` and `lode rerun` share: execute with a live line, print, choose the exit code.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/table.h"
#include "config/run_config.h"

namespace lode::cli {

/// Runs `config`, prints the result in `format`, and returns 0, 3, 4 or 130.
[[nodiscard]] Result<int> run_and_report(const config::ResolvedConfig& config,
                                         const Invocation& invocation, Format format);

}  // namespace lode::cli
