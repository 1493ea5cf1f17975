// MLPerf LoadGen's three logs, as MLCommons' checkers read them, written when a test is over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loadgen/mlperf/settings_map.h"
#include "loadgen/mlperf/test_settings.h"
#include "results/record/measurement.h"

namespace mlperf {

/// One logged answer: bytes [begin, end) of AccuracyLog::data.
struct AccuracyEntry {
  std::uint64_t seq_id = 0;
  std::uint64_t qsl_idx = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct AccuracyLog {
  std::vector<AccuracyEntry> entries;
  std::string data;

  void add(std::uint64_t seq_id, std::uint64_t qsl_idx, std::string_view bytes) {
    entries.push_back({seq_id, qsl_idx, data.size(), data.size() + bytes.size()});
    data += bytes;
  }
};

/// What the logs tell of.
struct TestLog {
  std::string sut_name;
  std::int64_t sut_name_duration_ns = 0;  ///< of the call that asked for it
  std::string qsl_name;
  std::uint64_t qsl_total_count = 0;
  std::uint64_t qsl_performance_count = 0;
  TestSettings requested;
  EffectiveSettings effective;
  std::vector<std::string> errors;    ///< of the configuration, the settings or the run
  std::vector<std::string> messages;  ///< plain ones
  std::string started_at;             ///< UTC, ISO 8601
  std::int64_t begin_unix_ms = 0;     ///< of the timed window
  std::int64_t end_unix_ms = 0;
  /// Of performance mode, if it ran.
  const lode::record::Measurement* performance = nullptr;
};

/// The text of mlperf_log_summary.txt.
[[nodiscard]] std::string summary_log(const TestLog& test);

/// The text of mlperf_log_detail.txt: `:::MLLOG ` and a JSON object on each line.
[[nodiscard]] std::string detail_log(const TestLog& test);

/// The text of mlperf_log_accuracy.json.
[[nodiscard]] std::string accuracy_log(const AccuracyLog& log);

/// The text of mlperf_log_trace.json: the queries of a test for chrome://tracing and Perfetto. A
/// query that waited for the one before it is a slice; those that overlap are asynchronous ones.
[[nodiscard]] std::string trace_log(const lode::record::RawTimes& raw, std::string_view sut_name,
                                    bool overlaps);

/// Writes text to a file that is made or replaced.
[[nodiscard]] lode::Status write_log(const std::filesystem::path& path, std::string_view text);

/// Whether a rule of that name is among the broken ones.
[[nodiscard]] bool breaks(const lode::record::Verdict& verdict, std::string_view rule);

/// "90.0" for 0.9.
[[nodiscard]] std::string percent_text(double percentile);

/// What early stopping has to say, line by line.
[[nodiscard]] std::string early_stopping_text(const TestLog& test);

/// Latencies of samples, from the scheduled time of their query.
[[nodiscard]] std::optional<lode::record::Distribution> sample_latencies(
    const lode::record::Measurement& measurement);

}  // namespace mlperf
