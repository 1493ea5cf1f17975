#include "cli/run_command.h"

#include "base/interrupt.h"
#include "base/units.h"
#include "cli/progress.h"
#include "cli/run_summary.h"
#include "run/execute.h"

namespace lode::cli {
namespace {

using loadgen::LiveStatus;

std::string clock_text(std::int64_t ns) {
  const std::int64_t seconds = ns / 1'000'000'000;
  return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
}

std::string live_line(const LiveStatus& status) {
  switch (status.phase) {
    case LiveStatus::Phase::kLoading:
      return "loading samples";
    case LiveStatus::Phase::kWarmup:
      return "warming up";
    case LiveStatus::Phase::kDraining:
      return "waiting for the last answers";
    case LiveStatus::Phase::kRunning:
      break;
  }
  std::string line = fmt::format("{} {:3.0f}% {}", progress_bar(status.share_done, 20),
                                 status.share_done * 100, clock_text(status.elapsed_ns));
  if (status.eta_ns >= 0) line += fmt::format(" ETA {}", clock_text(status.eta_ns));
  line += fmt::format(" | {} samples, {}/s", status.samples_completed,
                      format_rate(status.samples_per_s));
  if (status.latency_p99_ns > 0) {
    line += fmt::format(", p50 {} p99 {}", format_duration(status.latency_p50_ns),
                        format_duration(status.latency_p99_ns));
  }
  return line;
}

int exit_code(const record::Record& record) {
  if (record.interrupted) return kExitInterrupted;
  if (!record.verdict.valid) return kExitInvalidRun;
  if (run::missed_accuracy(record)) return kExitAccuracyMissed;
  return kExitValid;
}

}  // namespace

Result<int> run_and_report(const config::ResolvedConfig& config, const Invocation& invocation,
                           Format format) {
  ShownRun shown;
  {
    Progress progress("running", "samples");
    run::RunHooks hooks;
    hooks.interrupted = &interrupt_flag();
    hooks.progress = [&progress](const LiveStatus& status) { progress.show(live_line(status)); };
    LODE_TRY(run::RunOutcome outcome, run::execute(config, command_line(invocation), hooks));
    shown = {std::move(outcome.directory), std::move(outcome.record), std::move(outcome.raw)};
  }
  const int code = exit_code(shown.record);
  const Status printed = print(render_runs(std::span(&shown, 1), format));
  if (!printed.ok()) {
    return runtime_error("{}; the record is kept in '{}'", printed.error().message,
                         shown.directory.string());
  }
  return code;
}

}  // namespace lode::cli
