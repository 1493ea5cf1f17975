// Looks over a command line before and after the parser, for errors that name what was mistyped.
#pragma once

#include <CLI/CLI.hpp>

#include <span>
#include <string>

#include "base/result.h"

namespace lode::cli {

/// Usage errors: a command that there is none of (the nearest is named), an option whose value is
/// missing so that the next option would be taken for it.
[[nodiscard]] Status check_arguments(const CLI::App& app, std::span<const std::string> arguments);

/// For a command line that the parser refused: "unknown option '--modle'; did you mean '--model'?",
/// or "" if no option is unknown.
[[nodiscard]] std::string describe_unknown_option(const CLI::App& app,
                                                  std::span<const std::string> arguments);

}  // namespace lode::cli
