#include "run/point.h"

#include <chrono>

#include "base/system_info.h"
#include "run/child_process.h"

namespace lode::run {
namespace {

/// The exit codes of `lode run` that come with a record.
bool leaves_record(const ChildOutcome& outcome) {
  constexpr int kValid = 0;
  constexpr int kInvalid = 3;
  constexpr int kAccuracyMissed = 4;
  return outcome.exit_code == kValid || outcome.exit_code == kInvalid ||
         outcome.exit_code == kAccuracyMissed;
}

}  // namespace

Result<PointOutcome> run_point(const std::filesystem::path& config,
                               const std::filesystem::path& directory,
                               const std::atomic<bool>* interrupted) {
  const auto begin = std::chrono::steady_clock::now();
  ChildRequest request;
  request.arguments = {"run", config.string(), "--output", directory.string()};
  request.interrupted = interrupted;
  LODE_TRY(const ChildOutcome ended, run_child(request));
  PointOutcome outcome;
  outcome.wall_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  if (!leaves_record(ended)) {
    constexpr int kInterrupted = 130;
    const bool wished = interrupted != nullptr && interrupted->load();
    outcome.interrupted = wished || ended.exit_code == kInterrupted;
    if (outcome.interrupted) {
      std::error_code ignored;
      std::filesystem::remove_all(directory, ignored);
    } else {
      outcome.failure = ended.describe();
    }
    return outcome;
  }
  LODE_TRY(outcome.record, record::read_record(directory));
  return outcome;
}

Result<config::ResolvedConfig> resolve_pinned(config::ConfigSources sources) {
  LODE_TRY(config::ResolvedConfig config, config::resolve(sources));
  const config::RunConfig& values = config.values;
  const bool has_workers =
      values.sut == config::SutKind::kEngine || values.sut == config::SutKind::kProcess;
  if (!has_workers || !values.cpus.empty()) return config;
  const std::vector<int> usable = read_system_info().affinity;
  const std::uint64_t workers = values.threads * values.instances;
  if (workers > usable.size()) return config;
  config::YamlEntry pin{.key = "cpus", .value = {}, .key_at = "pinned", .value_at = "pinned"};
  for (std::uint64_t i = 0; i < workers; ++i) {
    pin.value += fmt::format("{}{}", i > 0 ? "," : "", usable[i]);
  }
  sources.entries.push_back(std::move(pin));
  return config::resolve(sources);
}

}  // namespace lode::run
