// One run, from configuration to run directory.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "config/run_config.h"
#include "loadgen/load_generator.h"
#include "results/record/record.h"

namespace lode::run {

struct RunHooks {
  const std::atomic<bool>* interrupted = nullptr;
  std::function<void(const loadgen::LiveStatus&)> progress;
};

struct RunOutcome {
  record::Record record;
  record::RawTimes raw;
  record::Answers answers;  ///< accuracy mode
  std::filesystem::path directory;
};

/// Runs `config` and writes its run directory, which appears whole or not at all. Everything that
/// can be known before the clock starts is checked before it: that the directory can be made, that
/// files are there and readable, that model, dataset, precision and mode fit each other. An
/// interrupted run is written, too, marked so. `command` goes into the record.
[[nodiscard]] Result<RunOutcome> execute(const config::ResolvedConfig& config,
                                         std::string_view command, const RunHooks& hooks);

/// True if the run was asked for a least accuracy and stayed below it.
[[nodiscard]] bool missed_accuracy(const record::Record& record);

}  // namespace lode::run
