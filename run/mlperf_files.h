// The files of a run directory that MLPerf's tools read: mlperf_log_summary.txt, _detail.txt,
// _accuracy.json, and a trace on request.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "datasets/sample_library.h"
#include "loadgen/mlperf/logs.h"
#include "loadgen/settings.h"
#include "loadgen/system_under_test.h"

namespace lode::run {

class MlperfFiles {
 public:
  /// Before the test; the library outlives this.
  void begin(const std::string& sut_name, const SampleLibrary& library);

  /// Accuracy mode: notes the class of the largest score, as a 32-bit integer; `output` holds
  /// native f32. One call at a time.
  void add_output(loadgen::SampleId id, SampleIndex index, std::span<const std::byte> output);

  /// After the test.
  [[nodiscard]] Status write(const loadgen::Settings& settings,
                             const record::Measurement& measurement, bool with_trace,
                             const std::filesystem::path& folder);

 private:
  mlperf::TestLog log_;
  const SampleLibrary* library_ = nullptr;
  std::int64_t begin_unix_ms_ = 0;
  mlperf::AccuracyLog accuracy_;
};

}  // namespace lode::run
