// One run in a process of its own: its peak memory is then its own, and a crash loses it alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/resolve.h"
#include "results/record/record.h"

namespace lode::run {

struct PointOutcome {
  std::optional<record::Record> record;  ///< none: see `failure`
  std::string failure;                   ///< why there is no record; "" if there is one
  bool interrupted = false;              ///< stopped by the user: neither record nor failure counts
  std::int64_t wall_ns = 0;              ///< from start to end of the process
};

/// Runs `lode run CONFIG --output DIRECTORY` and reads the record back. The directory appears when
/// the run is whole; what an interrupted run left is removed. An error is of this machine: no
/// process can be started, a record cannot be read.
[[nodiscard]] Result<PointOutcome> run_point(const std::filesystem::path& config,
                                             const std::filesystem::path& directory,
                                             const std::atomic<bool>* interrupted);

/// Sources that pin an engine's workers, or processes that serve in its place, to the first
/// processors that this process may use, where there are enough and `cpus` is not given; otherwise
/// `sources` as they are. An engine and a process with as many threads get the same processors.
/// Errors: those of resolve().
[[nodiscard]] Result<config::ResolvedConfig> resolve_pinned(config::ConfigSources sources);

}  // namespace lode::run
