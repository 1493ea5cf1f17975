// From what a user writes to the points of a sweep.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/resolve.h"
#include "results/sweep/plan.h"

namespace lode::run {

struct SweepRequest {
  std::optional<std::filesystem::path> file;    ///< a configuration file whose values may be lists
  std::vector<std::string> sets;                ///< "batch=1-32*2", above the file
  std::vector<std::string> zips;                ///< "model,dataset": axes that go in step
  std::vector<config::NamedValue> environment;  ///< LODE_SET_*: single values
  std::uint64_t repeats = 1;
  std::uint64_t seed = 1;
  std::int64_t cool_down_ns = 0;
  bool pins = true;  ///< an engine's workers and processes, where `cpus` is not given
};

/// The plan of a sweep but for `created_at` and `command`: every combination of the axes' values,
/// the first axis slowest, each checked as a configuration. With an axis of scenarios, modes or
/// SUTs, keys that mean nothing in some of the combinations are left out there; combinations that
/// are then the same stand once. Reads every model and dataset for its SHA-256.
[[nodiscard]] Result<sweep::Plan> plan_sweep(const SweepRequest& request);

/// The identity of this program and machine with the files that `points` name.
[[nodiscard]] Result<sweep::Identity> identify(const std::vector<sweep::Point>& points);

}  // namespace lode::run
