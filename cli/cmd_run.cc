// `lode run`: its flags are the table of configuration keys.
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/run_command.h"
#include "cli/strict_option.h"
#include "cli/table.h"
#include "config/keys.h"
#include "config/resolve.h"

namespace lode::cli {
namespace {

struct KeyFlag {
  const config::KeySpec* key = nullptr;
  std::string value;
  CLI::Option* option = nullptr;
};

struct RunFlags {
  std::string file;
  std::vector<std::string> sets;
  std::string format = "text";
  bool keys = false;
  std::string strict_machine;
  std::vector<KeyFlag> flags;
};

std::string help_of(const config::KeySpec& key) {
  std::string text(key.doc);
  if (!key.choices.empty()) text += fmt::format(": {}", config::join_choices(key.choices));
  const std::string standard = config::default_text(key);
  if (!standard.empty()) text += fmt::format(" (default: {})", standard);
  const std::string runs = config::applies_text(key);
  if (runs != "all") text += fmt::format("; for {} only", runs);
  return text;
}

void add_key_flags(CLI::App& command, RunFlags& flags) {
  flags.flags.resize(config::all_keys().size());
  std::size_t next = 0;
  for (const config::KeySpec& key : config::all_keys()) {
    KeyFlag& flag = flags.flags[next++];
    flag.key = &key;
    std::string names = config::flag_name(key.name);
    if (key.name == "output") names = "-o," + names;
    flag.option = command.add_option(names, flag.value, help_of(key));
    // "TIME (10s, 15ms)" would push its doc to a line of its own; the table of --keys has it whole.
    const std::string_view hint = config::value_type_hint(key.type);
    flag.option->type_name(std::string(hint.substr(0, hint.find(' '))));
  }
}

config::ConfigSources sources_of(const RunFlags& flags) {
  config::ConfigSources sources;
  if (!flags.file.empty()) sources.file = flags.file;
  sources.environment = config::environment_settings();
  sources.sets = flags.sets;
  for (const KeyFlag& flag : flags.flags) {
    if (flag.option->count() == 0) continue;
    sources.flags.push_back({std::string(flag.key->name), flag.value});
  }
  return sources;
}

/// Every key on one page, from the same table that reads them.
Result<int> print_keys(Format format) {
  if (format == Format::kMarkdown) {
    LODE_CHECK_OK(print(config::key_reference_markdown()));
    return kExitValid;
  }
  Table table{{{"key"}, {"value"}, {"default"}, {"for"}, {"variable"}, {"meaning"}}, {}};
  for (const config::KeySpec& key : config::all_keys()) {
    table.rows.push_back({std::string(key.name), config::value_text(key), config::default_text(key),
                          config::applies_text(key), config::environment_name(key.name),
                          std::string(key.doc)});
  }
  LODE_CHECK_OK(print(render_table(table, format)));
  return kExitValid;
}

}  // namespace

void add_run_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand(
      "run", "put one model on one dataset under one scenario, and keep the record");
  auto flags = std::make_shared<RunFlags>();
  command->add_option("file", flags->file, "a YAML file of keys (below): key: value, one a line")
      ->type_name("FILE.yaml");
  command->add_option("--set", flags->sets, "sets a key, above the file and below flags")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--format", flags->format, "of the result: text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->add_flag("--keys", flags->keys, "print the table of all keys, and run nothing");
  add_strict_option(*command, "--strict-machine", flags->strict_machine);
  add_key_flags(*command, *flags);
  command->footer(
      "Every flag from --preset on is a configuration key too: in YAML and --set its name in\n"
      "snake_case, in the environment LODE_SET_<NAME>.\n"
      "Precedence: defaults < preset < file < environment < --set < flag.");
  command->callback([flags, &invocation] {
    invocation.action = [flags, &invocation]() -> Result<int> {
      const Format format = format_from_name(flags->format);
      if (flags->keys) return print_keys(format);
      LODE_TRY(const config::ResolvedConfig config, config::resolve(sources_of(*flags)));
      if (!is_fit_to_measure(flags->strict_machine)) return kExitUnstable;
      return run_and_report(config, invocation, format);
    };
  });
}

}  // namespace lode::cli
