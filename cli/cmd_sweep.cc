// `lode sweep`: a matrix of runs, interleaved, kept point by point, resumed after whatever ended
// it.
#include <chrono>
#include <memory>

#include "base/file_io.h"
#include "base/interrupt.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/figure_text.h"
#include "cli/progress.h"
#include "cli/strict_option.h"
#include "cli/sweep_text.h"
#include "config/resolve.h"
#include "run/sweep.h"
#include "run/sweep_expand.h"

namespace lode::cli {
namespace {

namespace fs = std::filesystem;

struct SweepFlags {
  std::string file;
  std::vector<std::string> sets;
  std::vector<std::string> zips;
  std::uint64_t repeats = 3;
  std::uint64_t seed = 1;
  std::string cool_down = "200ms";
  bool no_pin = false;
  std::string output;
  bool resume = false;
  bool dry_run = false;
  std::string strict_machine;
  sweep::Asked asked;
  std::string format = "text";
};

Result<sweep::Plan> plan_of(const SweepFlags& flags, const Invocation& invocation) {
  run::SweepRequest request;
  if (!flags.file.empty()) request.file = flags.file;
  request.sets = flags.sets;
  request.zips = flags.zips;
  request.environment = config::environment_settings();
  request.repeats = flags.repeats;
  request.seed = flags.seed;
  request.pins = !flags.no_pin;
  const auto cool_down = parse_duration_ns(flags.cool_down);
  if (!cool_down.ok()) return cool_down.error().within("--cool-down");
  request.cool_down_ns = *cool_down;
  LODE_TRY(sweep::Plan plan, run::plan_sweep(request));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  plan.created_at =
      record::format_utc(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  plan.command = command_line(invocation);
  return plan;
}

bool is_begun(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(sweep::plan_file(directory), ignored);
}

/// A plan to work on, and whether its directory has yet to be made.
struct Work {
  sweep::Plan plan;
  bool is_new = true;
};

/// A new one, or the one that was begun if it is the same.
Result<Work> work_of(const SweepFlags& flags, const Invocation& invocation) {
  const bool asks = !flags.file.empty() || !flags.sets.empty();
  if (flags.resume && (is_begun(flags.output) || !asks)) {
    LODE_TRY(sweep::Plan stored, run::resume_sweep(flags.output));
    if (asks) {
      LODE_TRY(const sweep::Plan asked, plan_of(flags, invocation));
      LODE_CHECK_OK(run::check_same_plan(stored, asked));
    }
    return Work{.plan = std::move(stored), .is_new = false};
  }
  LODE_TRY(sweep::Plan plan, plan_of(flags, invocation));
  return Work{.plan = std::move(plan), .is_new = true};
}

std::string clock_text(std::int64_t ns) {
  const std::int64_t seconds = ns / 1'000'000'000;
  const std::string hours = seconds >= 3600 ? fmt::format("{}:", seconds / 3600) : "";
  return fmt::format("{}{:02}:{:02}", hours, seconds / 60 % 60, seconds % 60);
}

std::string outcome_text(const sweep::RunOutcome& outcome) {
  if (!outcome.record.has_value()) return fmt::format("FAILED: {}", outcome.failure);
  const record::Record& record = *outcome.record;
  std::string text = fmt::format("{}/s", format_rate(record.metrics.throughput_samples_per_s));
  if (record.metrics.latency_ns.has_value()) {
    text += fmt::format(" p99 {}", format_duration(record.metrics.latency_ns->p99));
  }
  if (record.metrics.issue_lag_ns.has_value()) {
    text += fmt::format(" lag99 {}", format_duration(record.metrics.issue_lag_ns->p99));
  }
  if (!record.verdict.valid) {
    text += fmt::format(" INVALID: {}", record.verdict.reasons.front().rule);
  }
  return text;
}

std::string head_of(const run::SweepStatus& status, std::uint64_t repeats) {
  return fmt::format("[{}/{}] {} repeat {}/{}", status.done, status.total,
                     point_text(*status.point), status.repeat, repeats);
}

/// A live line on a terminal, elsewhere a line a run.
class SweepProgress {
 public:
  explicit SweepProgress(std::uint64_t repeats)
      : repeats_(repeats), live_("sweeping", "runs"), is_live_(stderr_is_terminal()) {}

  void operator()(const run::SweepStatus& status) {
    if (status.outcome != nullptr) last_ = outcome_text(*status.outcome);
    if (!is_live_) {
      if (status.outcome != nullptr) note(fmt::format("{} | {}", head_of(status, repeats_), last_));
      return;
    }
    const double share = static_cast<double>(status.done) / static_cast<double>(status.total);
    std::string line =
        fmt::format("{} {} {:.0f}% {}", head_of(status, repeats_), progress_bar(share, 9),
                    share * 100.0, clock_text(status.elapsed_ns));
    if (status.eta_ns >= 0) line += fmt::format(" ETA {}", clock_text(status.eta_ns));
    if (!last_.empty()) line += fmt::format(" | {}", last_);
    live_.show(line);
  }

 private:
  std::uint64_t repeats_;
  Progress live_;
  bool is_live_;
  std::string last_;
};

Result<int> run_sweep(const SweepFlags& flags, const Invocation& invocation) {
  const Format format = format_from_name(flags.format);
  LODE_TRY(const sweep::Question question, question_of(flags.asked));
  if (flags.dry_run) {
    LODE_TRY(const sweep::Plan plan, plan_of(flags, invocation));
    LODE_CHECK_OK(sweep::check_baseline(plan, question.baseline));
    LODE_CHECK_OK(print(render_plan(plan, format)));
    return kExitValid;
  }
  if (flags.output.empty()) return usage_error("no output directory given; add --output DIR");
  LODE_TRY(const Work work, work_of(flags, invocation));
  const sweep::Plan& plan = work.plan;
  LODE_CHECK_OK(sweep::check_baseline(plan, question.baseline));
  if (!is_fit_to_measure(flags.strict_machine)) return kExitUnstable;
  if (work.is_new) LODE_CHECK_OK(run::begin_sweep(flags.output, plan));
  note(fmt::format("plan: {}", plan_line(plan)));
  run::SweepOutcomes outcomes;
  {
    SweepProgress progress(plan.repeats);
    run::SweepHooks hooks;
    hooks.interrupted = &interrupt_flag();
    hooks.progress = [&progress](const run::SweepStatus& status) { progress(status); };
    LODE_TRY(outcomes, run::run_sweep(flags.output, plan, hooks));
  }
  const sweep::Summary summary = sweep::summarize(plan, std::move(outcomes), question);
  LODE_CHECK_OK(write_file_atomically(sweep::result_file(flags.output),
                                      sweep::to_json(plan, summary, question)));
  LODE_CHECK_OK(print(render_sweep(plan, summary, question, format)));
  return summary.runs_failed + summary.runs_invalid > 0 ? kExitInvalidRun : kExitValid;
}

void add_plan_flags(CLI::App& command, SweepFlags& flags) {
  command.add_option("file", flags.file, "a YAML file as for lode run, whose values may be lists")
      ->type_name("FILE.yaml");
  command
      .add_option("--set", flags.sets,
                  "sets a key above the file: one value, a list 1,2,4 or a range 1-8*2 (times), "
                  "1-32+1 (plus); may be repeated. delay, arrivals and cpus hold commas: separate "
                  "their values by ;")
      ->type_name("KEY=LIST")
      ->allow_extra_args(false);
  command
      .add_option("--zip", flags.zips,
                  "these keys' lists go in step instead of in all combinations, and may then hold "
                  "a value more than once; may be repeated")
      ->type_name("KEY,KEY")
      ->allow_extra_args(false);
  command.add_option("--repeats", flags.repeats, "runs of each point (default: 3)")
      ->check(CLI::Range(std::uint64_t{1}, sweep::kMostRepeats));
  command.add_option("--seed", flags.seed,
                     "of the order of runs, which is drawn anew for each repeat (default: 1)");
  command.add_option("--cool-down", flags.cool_down, "pause between runs (default: 200ms)");
  command.add_flag(
      "--no-pin", flags.no_pin,
      "leave an engine's workers, and processes, where the system puts them; otherwise "
      "they are pinned to the first processors, where `cpus` is not set");
}

void add_question_flags(CLI::App& command, SweepFlags& flags) {
  command.add_option("--best", flags.asked.best, "name the point that is best in this figure")
      ->type_name("FIGURE");
  command
      .add_option("--where", flags.asked.where,
                  "of the points that keep this: p99<15ms, memory<200MB; may be repeated")
      ->type_name("BOUND")
      ->allow_extra_args(false);
  command
      .add_option("--front", flags.asked.front,
                  "figures of the Pareto front, or none (default: throughput,p99)")
      ->type_name("LIST");
  command
      .add_option("--baseline", flags.asked.baseline,
                  "ratios of each point to the one that has these values and is otherwise alike: "
                  "precision=fp32, or sut=engine,precision=fp32; separated by ; where values hold "
                  "commas")
      ->type_name("KEY=VALUE,...");
  command.add_option("--format", flags.format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
}

}  // namespace

void add_sweep_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand(
      "sweep", "a matrix of runs, interleaved and resumable, each in a process of its own");
  auto flags = std::make_shared<SweepFlags>();
  add_plan_flags(*command, *flags);
  command->add_option("-o,--output", flags->output,
                      "the sweep's directory: absent or empty, or one to resume");
  command->add_flag("--resume", flags->resume,
                    "go on with the sweep in --output; refused if the program, a model, a dataset "
                    "or the machine has changed");
  command->add_flag("--dry-run", flags->dry_run, "print the points and the time they need");
  add_strict_option(*command, "--strict-machine", flags->strict_machine);
  add_question_flags(*command, *flags);
  command->footer(fmt::format(
      "Figures: {}.\n"
      "Exit code 3 if a run is INVALID or left no record; the table says which, and why.",
      record::figure_names()));
  command->callback([flags, &invocation] {
    invocation.action = [flags, &invocation] { return run_sweep(*flags, invocation); };
  });
}

}  // namespace lode::cli
