// `lode check`: is this machine fit to measure on?
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/command.h"
#include "cli/table.h"
#include "run/machine_check.h"

namespace lode::cli {
namespace {

using run::CheckItem;
using run::Fitness;

/// Long enough for the kernel's ticks (10 ms) to show a share of a percent.
constexpr std::chrono::milliseconds kStealWindow(500);

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
  const auto bad = count(Fitness::kBad);
  const auto warn = count(Fitness::kWarn);
  const auto unknown = count(Fitness::kUnknown);
  std::string text = bad > 0    ? "not fit to compare on"
                     : warn > 0 ? "usable; repeat runs and interleave what you compare"
                                : "fit to measure on";
  return fmt::format("\n{}: {} bad, {} to watch, {} unknown\n", text, bad, warn, unknown);
}

Result<int> check(const std::string& format_name) {
  const auto before = read_cpu_times();
  std::this_thread::sleep_for(kStealWindow);
  const auto items =
      run::check_machine(read_system_info(), run::steal_share(before, read_cpu_times()));
  const Format format = format_from_name(format_name);
  std::string text =
      format == Format::kJson ? as_json(items) : render_table(as_table(items), format);
  if (format == Format::kText) text += verdict(items);
  LODE_CHECK_OK(print(text));
  return kExitValid;
}

}  // namespace

void add_check_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("check", "is this machine fit to measure on?");
  auto format = std::make_shared<std::string>("text");
  command->add_option("--format", *format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback(
      [format, &invocation] { invocation.action = [format] { return check(*format); }; });
}

}  // namespace lode::cli
