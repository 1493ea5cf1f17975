// What the commands share: how one registers, how it prints, what it exits with.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode::cli {

enum ExitCode : int {
  kExitValid = 0,
  kExitRuntimeError = 1,
  kExitUsage = 2,
  kExitInvalidRun = 3,
  kExitAccuracyMissed = 4,
  kExitRegression = 5,
  kExitUnstable = 6,
  kExitInterrupted = 130,
};

/// Filled while the command line is parsed; main() runs the action afterwards.
struct Invocation {
  std::vector<std::string> arguments;   ///< argv[0] left out
  std::function<Result<int>()> action;  ///< returns the exit code
};

/// The command line as a shell would read it back.
[[nodiscard]] std::string command_line(const Invocation& invocation);

// One function a file, each adding its commands to `app`.
void add_check_command(CLI::App& app, Invocation& invocation);
void add_compare_command(CLI::App& app, Invocation& invocation);
void add_dataset_commands(CLI::App& app, Invocation& invocation);
void add_model_commands(CLI::App& app, Invocation& invocation);
void add_quantize_command(CLI::App& app, Invocation& invocation);
void add_rerun_command(CLI::App& app, Invocation& invocation);
void add_run_command(CLI::App& app, Invocation& invocation);
void add_show_command(CLI::App& app, Invocation& invocation);
void add_sweep_command(CLI::App& app, Invocation& invocation);

/// Writes a result to stdout and flushes; a closed pipe or full disk is an error.
[[nodiscard]] Status print(std::string_view text);

/// Writes one line for people to stderr; failures are ignored.
void note(std::string_view line);

/// stderr is a terminal.
[[nodiscard]] bool stderr_is_terminal();

/// Parses "0.485,0.456,0.406". Errors name the flag.
[[nodiscard]] Result<std::vector<float>> parse_floats(std::string_view flag, std::string_view text);

/// Parses "0,1,3". Errors name the flag.
[[nodiscard]] Result<std::vector<std::int64_t>> parse_integers(std::string_view flag,
                                                               std::string_view text);

/// Parses the command line and runs the command: the whole program but for main().
[[nodiscard]] int run_command_line(int argc, const char* const* argv);

}  // namespace lode::cli
