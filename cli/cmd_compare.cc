// `lode compare`: stored runs against each other, or two configurations now, run in turn.
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/file_io.h"
#include "base/interrupt.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/comparison_text.h"
#include "cli/figure_text.h"
#include "cli/progress.h"
#include "cli/strict_option.h"
#include "config/resolve.h"
#include "run/live_compare.h"
#include "run/point.h"

namespace lode::cli {
namespace {

namespace fs = std::filesystem;

struct CompareFlags {
  std::vector<std::string> sides;
  std::vector<std::string> fail_above;
  std::vector<std::string> across;
  std::string threshold = "1%";
  double alpha = 0.01;
  std::uint64_t seed = 1;
  std::string format = "text";

  bool live = false;
  std::vector<std::string> sets;
  std::uint64_t rounds = 6;
  std::uint64_t max_rounds = 30;
  std::string interval = "0.75%";
  std::string metric;
  std::string cool_down = "0s";
  std::string output;
  bool no_pin = false;
  std::string strict_machine;
};

Result<compare::Limit> parse_limit(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return usage_error("--fail-above {}: write FIGURE=SHARE, as in p99=3%", text);
  }
  compare::Limit limit;
  LODE_TRY(limit.figure, figure_from_name("--fail-above", text.substr(0, equals)));
  if (limit.figure->name == "top5") {
    return usage_error("--fail-above top5: it is top1 that is compared sample by sample");
  }
  LODE_TRY(limit.share, parse_share("--fail-above", text.substr(equals + 1)));
  return limit;
}

Result<compare::Options> options_of(const CompareFlags& flags) {
  compare::Options options;
  options.alpha = flags.alpha;
  options.seed = flags.seed;
  LODE_TRY(options.threshold, parse_share("--threshold", flags.threshold));
  for (const std::string& text : flags.fail_above) {
    LODE_TRY(const compare::Limit limit, parse_limit(text));
    options.limits.push_back(limit);
  }
  for (const std::string& what : flags.across) {
    (what == "host" ? options.across_hosts : options.across_datasets) = true;
  }
  return options;
}

int exit_code(const compare::Comparison& comparison) {
  return comparison.regressions.empty() ? kExitValid : kExitRegression;
}

Result<int> compare_stored(const CompareFlags& flags) {
  LODE_TRY(const compare::Options options, options_of(flags));
  const Format format = format_from_name(flags.format);
  LODE_TRY(const compare::Side first, compare::read_side(flags.sides.front()));
  int code = kExitValid;
  std::string text;
  for (std::size_t i = 1; i < flags.sides.size(); ++i) {
    LODE_TRY(const compare::Side second, compare::read_side(flags.sides[i]));
    LODE_TRY(const compare::Comparison comparison, compare::compare(first, second, options));
    const std::string runs =
        fmt::format("{}+{} stored runs, unpaired", first.runs.size(), second.runs.size());
    std::string page = render_comparison(comparison, runs, format);
    if (i > 1 && format == Format::kCsv) page.erase(0, page.find('\n') + 1);  // One header.
    if (i > 1 && format != Format::kCsv) text += format == Format::kJson ? "," : "\n";
    text += page;
    code = std::max(code, exit_code(comparison));
  }
  if (format == Format::kJson && flags.sides.size() > 2) text = fmt::format("[{}]\n", text);
  LODE_CHECK_OK(print(text));
  return code;
}

/// A folder for the runs that nobody asked to keep; gone with this object.
class ScratchFolder {
 public:
  ScratchFolder() = default;
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Result<fs::path> make() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "lode-compare-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) {
      return runtime_error("cannot make a folder for the runs; name one with --output");
    }
    path_ = name;
    return path_;
  }

 private:
  fs::path path_;
};

Result<config::ResolvedConfig> side_config(const CompareFlags& flags, const std::string& file) {
  config::ConfigSources sources;
  sources.file = file;
  sources.environment = config::environment_settings();
  sources.sets = flags.sets;
  LODE_TRY(config::ResolvedConfig config,
           flags.no_pin ? config::resolve(sources) : run::resolve_pinned(sources));
  config.values.output = "run";  // Any: each run is told its own.
  LODE_CHECK_OK(config::check_complete(config));
  return config;
}

/// What decides when to stop: what was asked for, what --fail-above names, or the headline.
Result<std::vector<const record::Figure*>> decisive_figures(const CompareFlags& flags,
                                                            const run::LiveRequest& request) {
  if (!flags.metric.empty()) return figures_from_list("--metric", flags.metric);
  std::vector<const record::Figure*> figures;
  for (const compare::Limit& limit : request.options.limits) {
    if (limit.figure->unit != record::FigureUnit::kFraction) figures.push_back(limit.figure);
  }
  if (!figures.empty()) return figures;
  const auto& settings = request.configs[0].values.settings;
  const bool timed = settings.mode == loadgen::Mode::kPerformance;
  const std::string_view name = !timed                                             ? "memory"
                                : settings.scenario == loadgen::Scenario::kOffline ? "throughput"
                                : settings.scenario == loadgen::Scenario::kSingleStream ? "p90"
                                                                                        : "p99";
  return std::vector<const record::Figure*>{record::find_figure(name)};
}

Result<run::LiveRequest> live_request(const CompareFlags& flags) {
  if (flags.sides.size() != 2) return usage_error("--live takes two configuration files");
  run::LiveRequest request;
  LODE_TRY(request.options, options_of(flags));
  for (std::size_t side = 0; side < 2; ++side) {
    request.names[side] = fs::path(flags.sides[side]).stem().string();
    LODE_TRY(request.configs[side], side_config(flags, flags.sides[side]));
  }
  if (request.names[0] == request.names[1]) {
    request.names = {flags.sides[0] + " (first)", flags.sides[1] + " (second)"};
  }
  if (flags.max_rounds < flags.rounds) {
    return usage_error("--max-rounds {} is below --rounds {}", flags.max_rounds, flags.rounds);
  }
  request.rounds = flags.rounds;
  request.max_rounds = flags.max_rounds;
  LODE_TRY(request.interval, parse_share("--interval", flags.interval));
  const auto cool_down = parse_duration_ns(flags.cool_down);
  if (!cool_down.ok()) return cool_down.error().within("--cool-down");
  request.cool_down_ns = *cool_down;
  LODE_TRY(request.decisive, decisive_figures(flags, request));
  return request;
}

Result<run::LiveOutcome> run_live(const run::LiveRequest& request) {
  Progress progress("comparing", "runs");
  run::LiveHooks hooks;
  hooks.interrupted = &interrupt_flag();
  hooks.progress = [&](const run::LiveProgress& status) {
    std::string line =
        fmt::format("[round {}, at most {}] {} runs", status.round, status.rounds_max, status.runs);
    if (status.half_width >= 0.0) {
      line += fmt::format(" | known to ±{:.2f}%, wanted ±{:g}%", status.half_width * 100.0,
                          request.interval * 100.0);
    }
    progress.show(line);
  };
  return run::compare_live(request, hooks);
}

Result<int> compare_live(const CompareFlags& flags) {
  LODE_TRY(run::LiveRequest request, live_request(flags));
  if (!is_fit_to_measure(flags.strict_machine)) return kExitUnstable;
  ScratchFolder scratch;
  std::optional<PendingDirectory> kept;
  if (flags.output.empty()) {
    LODE_TRY(request.directory, scratch.make());
  } else {
    LODE_TRY(PendingDirectory pending, PendingDirectory::create(flags.output));
    kept.emplace(std::move(pending));
    request.directory = kept->staging();
  }
  LODE_TRY(const run::LiveOutcome outcome, run_live(request));
  const compare::Comparison& comparison = outcome.comparison;
  if (kept.has_value()) {
    LODE_CHECK_OK(
        write_file_atomically(request.directory / "comparison.json", compare::to_json(comparison)));
    LODE_CHECK_OK(kept->commit());
  }
  const std::string runs =
      fmt::format("{}+{} interleaved runs", comparison.runs_first, comparison.runs_second);
  LODE_CHECK_OK(print(render_comparison(comparison, runs, format_from_name(flags.format))));
  if (!outcome.reached) {
    note(
        fmt::format("lode: after {} rounds the interval is still wider than --interval {}; allow "
                    "more --max-rounds, or make runs longer",
                    outcome.rounds, flags.interval));
  }
  return exit_code(comparison);
}

void add_live_flags(CLI::App& command, CompareFlags& flags) {
  CLI::Option* live =
      command.add_flag("--live", flags.live,
                       "the two arguments are configuration files, which are run now, in turn");
  command.add_option("--set", flags.sets, "with --live: sets a key of both")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      .add_option("--rounds", flags.rounds,
                  "with --live: least rounds of A B B A, four runs each (default: 6)")
      ->check(CLI::Range(1, 10'000));
  command.add_option("--max-rounds", flags.max_rounds, "with --live: most rounds (default: 30)")
      ->check(CLI::Range(1, 10'000));
  command.add_option("--interval", flags.interval,
                     "with --live: stop when the ratio is known to this share either way (default: "
                     "0.75%), or to a tenth of the change");
  command.add_option("--metric", flags.metric,
                     "with --live: figures that are to be known so well (default: those of "
                     "--fail-above, or the scenario's headline)");
  command.add_option("--cool-down", flags.cool_down, "with --live: pause between runs");
  command.add_option("-o,--output", flags.output,
                     "with --live: keep the runs and comparison.json here; absent or empty");
  command.add_flag(
      "--no-pin", flags.no_pin,
      "with --live: leave the engine's workers, and processes, where the system puts them");
  add_strict_option(command, "--strict-machine", flags.strict_machine, "with --live: ")
      ->needs(live);
}

}  // namespace

void add_compare_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand(
      "compare", "runs against each other: ratios with intervals, a verdict, an exit code");
  auto flags = std::make_shared<CompareFlags>();
  command
      ->add_option("sides", flags->sides,
                   "run directories, or folders of repeats; the first is what the others are "
                   "compared with")
      ->required()
      ->expected(2, 1000)
      ->type_name("RUN");
  command
      ->add_option("--fail-above", flags->fail_above,
                   "exit code 5 if the figure is worse by more than this; may be repeated. Without "
                   "it: if anything but memory is worse by more than --threshold")
      ->type_name("FIGURE=SHARE")
      ->allow_extra_args(false);
  command->add_option("--threshold", flags->threshold,
                      "changes up to this share are no change (default: 1%)");
  command
      ->add_option("--alpha", flags->alpha,
                   "probability of calling any change where there is none (default: 0.01)")
      ->check(CLI::Range(1e-6, 0.5));
  command
      ->add_option("--across", flags->across,
                   "compare in spite of another host or dataset; may be repeated")
      ->check(CLI::IsMember({"host", "dataset"}))
      ->allow_extra_args(false);
  command->add_option("--seed", flags->seed, "of the resamples and of the live order (default: 1)");
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  add_live_flags(*command, *flags);
  command->footer(
      fmt::format("Figures: {}.\ndocs/comparing.md has a worked example.", record::figure_names()));
  command->callback([flags, &invocation] {
    invocation.action = [flags] {
      return flags->live ? compare_live(*flags) : compare_stored(*flags);
    };
  });
}

}  // namespace lode::cli
