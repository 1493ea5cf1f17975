// The option by which a command refuses an unfit machine.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "run/machine_check.h"

namespace lode::cli {

/// Adds a flag `name`, or `name`=amber; `level` stays empty without it. `when` goes before its
/// help.
CLI::Option* add_strict_option(CLI::App& command, const std::string& name, std::string& level,
                               const std::string& when = "");

/// Of a level that was given.
[[nodiscard]] run::Strictness strictness_from_name(const std::string& level);

/// The gate of commands that measure: true if no level was given, or if nothing of this machine is
/// against it. Otherwise stderr has said what is, and the exit code is kExitUnstable.
[[nodiscard]] bool is_fit_to_measure(const std::string& level);

}  // namespace lode::cli
