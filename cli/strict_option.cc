#include "cli/strict_option.h"

#include "cli/command.h"

namespace lode::cli {

CLI::Option* add_strict_option(CLI::App& command, const std::string& name, std::string& level,
                               const std::string& when) {
  return command
      .add_flag(
          name + "{red}", level,
          when + "exit with code 6 if anything of the machine is red; " + name + "=amber: or amber")
      ->check(CLI::IsMember({"red", "amber"}));
}

run::Strictness strictness_from_name(const std::string& level) {
  return level == "amber" ? run::Strictness::kAmber : run::Strictness::kRed;
}

bool is_fit_to_measure(const std::string& level) {
  if (level.empty()) return true;
  const auto against = run::items_against(run::check_this_machine(), strictness_from_name(level));
  if (against.empty()) return true;
  note(fmt::format("lode: this machine is not fit to measure on: {}", run::describe(against)));
  return false;
}

}  // namespace lode::cli
