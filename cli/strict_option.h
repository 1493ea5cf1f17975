// The option by which a command refuses an unfit machine.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "run/machine_check.h"

namespace lode::cli {

/// Adds a flag `name`, or `name`=amber; `level` stays empty without it.
inline void add_strict_option(CLI::App& command, const std::string& name, std::string& level) {
  command
      .add_flag(name + "{red}", level,
                "exit with code 6 if anything of the machine is red; " + name + "=amber: or amber")
      ->check(CLI::IsMember({"red", "amber"}));
}

inline run::Strictness strictness_from_name(const std::string& level) {
  return level == "amber" ? run::Strictness::kAmber : run::Strictness::kRed;
}

}  // namespace lode::cli
