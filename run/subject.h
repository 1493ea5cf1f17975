// What a run puts together before the clock starts: model, samples, system under test.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/system_info.h"
#include "config/run_config.h"
#include "datasets/sample_library.h"
#include "loadgen/system_under_test.h"
#include "results/record/record.h"

namespace lode::run {

/// Made by open_subject(); the SUT refers to the library and the clock.
struct Subject {
  std::unique_ptr<Clock> clock;
  std::unique_ptr<SampleLibrary> library;
  std::unique_ptr<loadgen::SystemUnderTest> sut;
  std::optional<record::ModelInfo> model;      ///< none for a SUT that uses none
  std::optional<record::DatasetInfo> dataset;  ///< none without a dataset
  /// The dataset whose samples the model was calibrated on when it was loaded; empty: none.
  std::filesystem::path calibration = {};
  /// Those samples, if they are of `dataset` itself.
  std::vector<SampleIndex> calibration_seen = {};
};

/// Opens and checks everything that `config` names. Errors name the file or the key. `interrupted`
/// (may be none) ends the wait for a process that does not get ready.
[[nodiscard]] Result<Subject> open_subject(const config::ResolvedConfig& config,
                                           const std::atomic<bool>* interrupted);

/// Whether a processor of those that this process may use is left over by the threads of the system
/// under test. Affinity and the control group's quota count.
[[nodiscard]] bool has_spare_processor(const config::RunConfig& values, const SystemInfo& system);

}  // namespace lode::run
