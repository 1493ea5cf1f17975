// `lode rerun`: the same run again.
#include <memory>

#include "cli/command.h"
#include "cli/run_command.h"
#include "config/resolve.h"
#include "run/rerun.h"

namespace lode::cli {
namespace {

struct RerunFlags {
  std::string record;
  std::string output;
  std::string format = "text";
};

Result<int> rerun(const RerunFlags& flags, const Invocation& invocation) {
  LODE_TRY(const record::Record record, record::read_record(flags.record));
  LODE_TRY(const std::vector<std::string> notes, run::compare_with_now(record));
  for (const std::string& text : notes) note(fmt::format("lode: {}", text));
  LODE_TRY(const config::ResolvedConfig config,
           config::resolve(run::stored_sources(record, flags.record, flags.output)));
  return run_and_report(config, invocation, format_from_name(flags.format));
}

}  // namespace

void add_rerun_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("rerun", "repeat a stored run: same configuration, model and dataset");
  auto flags = std::make_shared<RerunFlags>();
  command->add_option("record", flags->record, "a run directory, or its result.json")
      ->required()
      ->type_name("RECORD");
  command->add_option("-o,--output", flags->output, "the run directory to make; absent or empty")
      ->required();
  command->add_option("--format", flags->format, "of the result: text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback([flags, &invocation] {
    invocation.action = [flags, &invocation] { return rerun(*flags, invocation); };
  });
}

}  // namespace lode::cli
