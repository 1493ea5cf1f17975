#include "cli/arguments.h"

#include <string_view>
#include <vector>

#include "config/keys.h"

namespace lode::cli {
namespace {

struct NamedCommand {
  const CLI::App* command = nullptr;
  std::span<const std::string> rest;  ///< what follows its name
};

bool has_commands(const CLI::App& app) {
  return !app.get_subcommands([](const CLI::App*) { return true; }).empty();
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (each->get_name() == name) return each;
  }
  return nullptr;
}

/// The innermost command that the first arguments name.
NamedCommand innermost(const CLI::App& app, std::span<const std::string> arguments) {
  NamedCommand at{&app, arguments};
  while (!at.rest.empty()) {
    const CLI::App* next = find_command(*at.command, at.rest.front());
    if (next == nullptr) break;
    at = {next, at.rest.subspan(1)};
  }
  return at;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view near = config::nearest(name, views);
  return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

Status unknown_command(const CLI::App& parent, const std::string& name) {
  std::vector<std::string> names;
  for (const CLI::App* each : parent.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  const bool is_top = parent.get_parent() == nullptr;
  const std::string path = is_top ? "lode" : fmt::format("lode {}", parent.get_name());
  return usage_error("'{}' is no command of {}{} (see {} --help)", name, path,
                     suggestion(name, names), path);
}

/// "--model" of "--model=x".
std::string option_name(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

bool is_long(const std::string& argument) {
  return argument.starts_with("--") && argument.size() > 2;
}

}  // namespace

Status check_arguments(const CLI::App& app, std::span<const std::string> arguments) {
  const NamedCommand at = innermost(app, arguments);
  if (has_commands(*at.command)) {
    const bool is_named = !at.rest.empty() && !at.rest.front().starts_with('-');
    return is_named ? unknown_command(*at.command, at.rest.front()) : Status{};
  }
  for (std::size_t i = 0; i + 1 < at.rest.size() && at.rest[i] != "--"; ++i) {
    if (!at.rest[i].starts_with('-') || !is_long(at.rest[i + 1])) continue;
    const CLI::Option* option = at.command->get_option_no_throw(at.rest[i]);
    if (option == nullptr || option->get_expected_min() == 0) continue;
    return usage_error("{} has no value: '{}' follows it; write {} VALUE", at.rest[i],
                       at.rest[i + 1], at.rest[i]);
  }
  return {};
}

std::string describe_unknown_option(const CLI::App& app, std::span<const std::string> arguments) {
  const NamedCommand at = innermost(app, arguments);
  std::vector<std::string> known;
  for (const CLI::Option* option : at.command->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const std::string& argument : at.rest) {
    if (!is_long(argument)) continue;
    const std::string name = option_name(argument);
    if (at.command->get_option_no_throw(name) != nullptr) continue;
    return fmt::format("unknown option '{}'{}", name, suggestion(name, known));
  }
  return {};
}

}  // namespace lode::cli
