#include "run/live_compare.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/file_io.h"
#include "config/resolve.h"
#include "run/child_process.h"
#include "run/point.h"

namespace lode::run {
namespace {

constexpr std::array<std::string_view, 2> kFolders = {"first", "second"};

class LiveComparison {
 public:
  LiveComparison(const LiveRequest& request, const LiveHooks& hooks)
      : request_(request), hooks_(hooks), options_(request.options) {
    options_.paired = true;
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      sides_[side].name = request.names[side];
    }
  }

  Result<LiveOutcome> run() {
    LODE_CHECK_OK(write_configs());
    Rng rng = make_rng(options_.seed, "live order");
    LiveOutcome outcome;
    outcome.reached = false;
    while (outcome.rounds < request_.max_rounds && !outcome.reached) {
      ++outcome.rounds;
      const std::size_t outer = uniform_below(rng, 2);
      for (const std::size_t side : {outer, 1 - outer, 1 - outer, outer}) {
        LODE_CHECK_OK(make(side, outcome.rounds));
      }
      LODE_CHECK_OK(look());
      outcome.reached = outcome.rounds >= request_.rounds && is_narrow_;
    }
    LODE_TRY(outcome.comparison, compare::compare(sides_[0], sides_[1], options_));
    return outcome;
  }

 private:
  [[nodiscard]] std::filesystem::path folder(std::size_t side) const {
    return request_.directory / kFolders[side];
  }

  Status write_configs() {
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      std::error_code error;
      std::filesystem::create_directories(folder(side), error);
      if (error) {
        return runtime_error("cannot create '{}': {}", folder(side).string(), error.message());
      }
      LODE_CHECK_OK(write_file_atomically(folder(side) / "config.yaml",
                                          config::effective_yaml(request_.configs[side])));
    }
    return {};
  }

  Status make(std::size_t side, std::uint64_t round) {
    const std::size_t made = sides_[0].runs.size() + sides_[1].runs.size();
    if (hooks_.progress) {
      hooks_.progress({.round = round,
                       .runs = made,
                       .rounds_max = request_.max_rounds,
                       .half_width = half_width_});
    }
    if (made > 0) {
      const std::chrono::nanoseconds pause(request_.cool_down_ns);
      pause_for(std::chrono::ceil<std::chrono::milliseconds>(pause), hooks_.interrupted);
    }
    const bool stopped = hooks_.interrupted != nullptr && hooks_.interrupted->load();
    const std::filesystem::path directory =
        folder(side) / fmt::format("r{:03}", sides_[side].runs.size() + 1);
    if (stopped) return interrupted(made);
    LODE_TRY(PointOutcome outcome,
             run_point(folder(side) / "config.yaml", directory, hooks_.interrupted));
    if (outcome.interrupted) return interrupted(made);
    if (!outcome.failure.empty()) {
      return runtime_error("{}: {}", request_.names[side], outcome.failure);
    }
    sides_[side].runs.push_back({directory, *std::move(outcome.record)});
    return {};
  }

  [[nodiscard]] static Error interrupted(std::size_t made) {
    return {ErrorKind::kInterrupted,
            fmt::format("interrupted after {} runs; there is no comparison", made)};
  }

  /// Whether the decisive figures are known well enough.
  Status look() {
    half_width_ = 0.0;
    is_narrow_ = true;
    for (const record::Figure* figure : request_.decisive) {
      LODE_TRY(const auto row, compare::compare_figure(sides_[0], sides_[1], *figure, options_));
      if (!row.has_value()) {
        return usage_error("--metric {}: these runs do not measure it", figure->name);
      }
      const stats::Estimate& ratio = row->ratio.ratio;
      const double width = compare::half_width(ratio);
      constexpr double kBeyondDoubt = 0.1;
      const double wanted =
          std::max(request_.interval, kBeyondDoubt * std::abs(std::log(ratio.value)));
      half_width_ = std::max(half_width_, width);
      is_narrow_ = is_narrow_ && width <= wanted;
    }
    return {};
  }

  const LiveRequest& request_;
  const LiveHooks& hooks_;
  compare::Options options_;
  std::array<compare::Side, 2> sides_;
  double half_width_ = -1.0;
  bool is_narrow_ = false;
};

}  // namespace

Result<LiveOutcome> compare_live(const LiveRequest& request, const LiveHooks& hooks) {
  return LiveComparison(request, hooks).run();
}

}  // namespace lode::run
