// `lode show`: stored runs, one as a page, several as a table; a sweep as its table.
#include <memory>

#include "cli/command.h"
#include "cli/figure_text.h"
#include "cli/run_summary.h"
#include "cli/sweep_text.h"
#include "cli/table.h"
#include "results/sweep/stored.h"

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

/// As `lode sweep` ends, from the directory alone.
Result<int> show_sweep(const std::filesystem::path& directory, Format format) {
  LODE_TRY(const sweep::Plan plan, sweep::read_plan(directory));
  LODE_TRY(auto outcomes, sweep::read_outcomes(directory, plan));
  LODE_TRY(const sweep::Asked asked, sweep::read_asked(directory));
  const auto question = question_of(asked);
  if (!question.ok()) {
    return runtime_error("{}: {}", sweep::result_file(directory).string(),
                         question.error().message);
  }
  std::size_t made = 0;
  for (const auto& runs : outcomes) made += runs.size();
  if (made < plan.order.size()) {
    note(
        fmt::format("lode: {} of {} runs are there; lode sweep --output {} --resume makes the rest",
                    made, plan.order.size(), directory.string()));
  }
  const sweep::Summary summary = sweep::summarize(plan, std::move(outcomes), *question);
  LODE_CHECK_OK(print(render_sweep(plan, summary, *question, format)));
  return kExitValid;
}

Result<int> show(const ShowFlags& flags) {
  const Format format = format_from_name(flags.format);
  for (const std::string& path : flags.records) {
    const auto sweep = sweep::find_sweep(path);
    if (!sweep.has_value()) continue;
    if (flags.records.size() == 1) return show_sweep(*sweep, format);
    return usage_error("'{}' is a sweep, which is shown alone; its runs are {}", path,
                       (*sweep / "points/POINT/rN").string());
  }
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
  CLI::App* command = app.add_subcommand(
      "show", "print stored runs: one as a page, several or a sweep's as a table");
  auto flags = std::make_shared<ShowFlags>();
  command
      ->add_option("records", flags->records,
                   "run directories, or their result.json; or a sweep's directory")
      ->required()
      ->type_name("RECORD");
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback([flags, &invocation] { invocation.action = [flags] { return show(*flags); }; });
}

}  // namespace lode::cli
