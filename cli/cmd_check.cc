// `lode check`: is this machine fit to measure on?
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

#include "base/interrupt.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/strict_option.h"
#include "cli/table.h"
#include "run/noise.h"

namespace lode::cli {
namespace {

using run::CheckItem;
using run::Fitness;

struct CheckFlags {
  std::string format = "text";
  std::string strict;
  std::string duration = "3s";
  bool noise = false;
};

std::string as_json(const std::vector<CheckItem>& items) {
  auto list = nlohmann::ordered_json::array();
  for (const CheckItem& item : items) {
    list.push_back({{"name", item.name},
                    {"fitness", run::fitness_name(item.fitness)},
                    {"value", item.value},
                    {"advice", item.advice}});
  }
  return list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Table as_table(const std::vector<CheckItem>& items) {
  Table table{{{"fitness"}, {"what"}, {"found"}, {"advice"}}, {}};
  for (const CheckItem& item : items) {
    table.rows.push_back(
        {std::string(run::fitness_name(item.fitness)), item.name, item.value, item.advice});
  }
  return table;
}

std::string verdict(const std::vector<CheckItem>& items) {
  const auto count = [&](Fitness fitness) {
    return std::count_if(items.begin(), items.end(),
                         [&](const CheckItem& item) { return item.fitness == fitness; });
  };
  const auto red = count(Fitness::kRed);
  const auto amber = count(Fitness::kAmber);
  const auto unknown = count(Fitness::kUnknown);
  std::string text = red > 0     ? "not fit to compare on"
                     : amber > 0 ? "usable; repeat runs and interleave what you compare"
                                 : "fit to measure on";
  return fmt::format("\n{}: {} red, {} amber, {} unknown\n", text, red, amber, unknown);
}

Result<int> check(const CheckFlags& flags) {
  std::vector<CheckItem> items = run::check_this_machine();
  if (flags.noise) {
    LODE_TRY(const std::int64_t duration_ns, parse_duration_ns(flags.duration));
    LODE_TRY(const run::Noise noise, run::measure_noise(duration_ns, interrupt_flag()));
    items.push_back(run::judge_noise(noise));
  }
  const Format format = format_from_name(flags.format);
  std::string text =
      format == Format::kJson ? as_json(items) : render_table(as_table(items), format);
  if (format == Format::kText) text += verdict(items);
  LODE_CHECK_OK(print(text));
  if (flags.strict.empty()) return kExitValid;
  const auto against = run::items_against(items, strictness_from_name(flags.strict));
  return against.empty() ? kExitValid : kExitUnstable;
}

}  // namespace

void add_check_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("check", "is this machine fit to measure on?");
  auto flags = std::make_shared<CheckFlags>();
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  add_strict_option(*command, "--strict", flags->strict);
  command->add_flag("--noise", flags->noise,
                    "also measure how much the same work varies: differences below are noise");
  command->add_option("--duration", flags->duration, "how long --noise measures (default: 3s)")
      ->type_name("TIME");
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return check(*flags); }; });
}

}  // namespace lode::cli
