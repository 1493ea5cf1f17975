#include "cli/command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "base/interrupt.h"
#include "base/knobs.h"
#include "base/provenance.h"
#include "base/units.h"
#include "cli/arguments.h"

namespace lode::cli {
namespace {

constexpr std::string_view kExitCodes =
    "Exit codes: 0 valid, 1 runtime error, 2 usage or configuration, 3 run INVALID,\n"
    "4 accuracy target missed, 5 regression found, 6 unstable, 130 interrupted.\n";

std::string footer() {
  std::string text(kExitCodes);
  text += "\nEnvironment:\n";
  for (const Knob& knob : all_knobs()) text += fmt::format("  {:<16} {}\n", knob.name, knob.doc);
  return text;
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kInterrupted:
      return kExitInterrupted;
    case ErrorKind::kRuntime:
      break;
  }
  return kExitRuntimeError;
}

/// Prints CLI11's help or its error: help to stdout with exit code 0, an error as one line.
int finish_parse(const CLI::App& app, const Invocation& invocation, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    // Help of the innermost command that was named; CLI::Success also covers --version.
    const bool version = error.get_name() == "CallForVersion";
    const Status printed = print(version ? fmt::format("{}\n", error.what()) : app.help());
    return printed.ok() ? kExitValid : kExitRuntimeError;
  }
  const std::string unknown = describe_unknown_option(app, invocation.arguments);
  note(fmt::format("lode: {} (see lode --help, lode COMMAND --help)",
                   unknown.empty() ? error.what() : unknown));
  return kExitUsage;
}

int run_action(const Invocation& invocation) {
  Result<int> code = invocation.action();
  if (code.ok()) return *code;
  note(fmt::format("lode: {}", code.error().message));
  return exit_code(code.error().kind);
}

template <typename T, typename Parse>
Result<std::vector<T>> parse_list(std::string_view flag, std::string_view text, Parse parse) {
  std::vector<T> values;
  while (true) {
    const std::size_t comma = text.find(',');
    auto value = parse(text.substr(0, comma));
    if (!value.ok()) return value.error().within(flag);
    values.push_back(static_cast<T>(*value));
    if (comma == std::string_view::npos) return values;
    text.remove_prefix(comma + 1);
  }
}

/// As a shell would read it back.
std::string quoted(const std::string& word) {
  constexpr std::string_view kSafe =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-=:,@%";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') {
      text += "'\\''";
    } else {
      text += c;
    }
  }
  text += '\'';
  return text;
}

}  // namespace

std::string command_line(const Invocation& invocation) {
  std::string text = "lode";
  for (const std::string& argument : invocation.arguments) {
    text += ' ';
    text += quoted(argument);
  }
  return text;
}

Status print(std::string_view text) {
  errno = 0;
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written) return {};
  return runtime_error("cannot write to standard output: {}",
                       std::generic_category().message(errno));
}

void note(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

Result<std::vector<float>> parse_floats(std::string_view flag, std::string_view text) {
  return parse_list<float>(flag, text, parse_number);
}

Result<std::vector<std::int64_t>> parse_integers(std::string_view flag, std::string_view text) {
  return parse_list<std::int64_t>(
      flag, text, [](std::string_view item) { return parse_integer(item, INT64_MIN, INT64_MAX); });
}

int run_command_line(int argc, const char* const* argv) {
  install_interrupt_handlers();
  Invocation invocation;
  for (int i = 1; i < argc; ++i) invocation.arguments.emplace_back(argv[i]);

  CLI::App app("Lodestone: which precision, backend and batch size to ship on a machine, proven.",
               "lode");
  app.set_version_flag(
      "--version", fmt::format("lode {} ({}, {}, {})", provenance().version, provenance().commit,
                               provenance().compiler, provenance().build_type));
  app.require_subcommand(1);
  app.footer(footer());
  add_run_command(app, invocation);
  add_rerun_command(app, invocation);
  add_sweep_command(app, invocation);
  add_compare_command(app, invocation);
  add_show_command(app, invocation);
  add_dataset_commands(app, invocation);
  add_model_commands(app, invocation);
  add_quantize_command(app, invocation);
  add_check_command(app, invocation);
  try {
    const Status checked = check_arguments(app, invocation.arguments);
    if (!checked.ok()) {
      note(fmt::format("lode: {}", checked.error().message));
      return kExitUsage;
    }
    app.parse(argc, argv);
    return run_action(invocation);
  } catch (const CLI::ParseError& error) {
    return finish_parse(app, invocation, error);
  } catch (const std::bad_alloc&) {
    note("lode: out of memory; use a smaller batch, fewer instances or a smaller dataset");
  } catch (const std::exception& error) {
    note(fmt::format("lode: unexpected: {}", error.what()));
  }
  return kExitRuntimeError;
}

}  // namespace lode::cli
