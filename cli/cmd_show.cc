// `lode show`: stored runs, one as a page, several as a table.
#include <memory>

#include "cli/command.h"
#include "cli/run_summary.h"
#include "cli/table.h"

namespace lode::cli {
namespace {

struct ShowFlags {
  std::vector<std::string> records;
  std::string format = "text";
};

Result<ShownRun> read_run(const std::filesystem::path& path, bool with_times) {
  ShownRun run;
  LODE_TRY(run.record, record::read_record(path));
  // As given, so that two runs of one name in two folders can be told apart.
  run.directory = std::filesystem::is_directory(path) ? path : path.parent_path();
  // "runs/a/" is shown as "runs/a".
  if (run.directory.filename().empty()) run.directory = run.directory.parent_path();
  const std::filesystem::path samples = run.directory / record::kSamplesFile;
  if (!with_times) return run;
  if (std::filesystem::exists(samples)) {
    LODE_TRY(run.raw, record::read_samples(samples, run.record));
  } else {
    note(fmt::format("lode: '{}' is missing: no interval can be given, nothing rechecked",
                     samples.string()));
  }
  return run;
}

Result<int> show(const ShowFlags& flags) {
  const Format format = format_from_name(flags.format);
  const bool is_page = flags.records.size() == 1 && format == Format::kText;
  std::vector<ShownRun> runs;
  for (const std::string& path : flags.records) {
    LODE_TRY(ShownRun run, read_run(path, is_page));
    runs.push_back(std::move(run));
  }
  LODE_CHECK_OK(print(render_runs(runs, format)));
  return kExitValid;
}

}  // namespace

void add_show_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("show", "print stored runs: one as a page, several as a table");
  auto flags = std::make_shared<ShowFlags>();
  command->add_option("records", flags->records, "run directories, or their result.json")
      ->required()
      ->type_name("RECORD");
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback([flags, &invocation] { invocation.action = [flags] { return show(*flags); }; });
}

}  // namespace lode::cli
