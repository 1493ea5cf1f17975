// MLPerf LoadGen's three logs, as MLCommons' checkers read them, written when a test is over.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "datasets/sample_library.h"
#include "loadgen/mlperf/settings_map.h"
#include "loadgen/mlperf/test_settings.h"
#include "results/record/measurement.h"

namespace mlperf {

/// What the accuracy log says of tokens: nothing, how many an answer has, or the first one too.
enum class TokenFields : std::uint8_t { kNone, kCount, kCountAndFirst };

/// Answers to be logged, in the order in which they came.
class AccuracyLog {
 public:
  TokenFields token_fields = TokenFields::kNone;

  void add(std::uint64_t seq_id, std::uint64_t qsl_idx, std::string_view bytes,
           std::int64_t tokens = 0) {
    entries_.push_back({seq_id, qsl_idx, store(bytes), tokens});
  }
  void add_first_token(std::uint64_t seq_id, std::string_view bytes) {
    first_tokens_[seq_id] = store(bytes);
  }

  /// The text of mlperf_log_accuracy.json.
  [[nodiscard]] std::string text() const;

 private:
  struct Bytes {
    std::size_t begin = 0;  ///< in data_
    std::size_t end = 0;
  };
  struct Entry {
    std::uint64_t seq_id = 0;
    std::uint64_t qsl_idx = 0;
    Bytes bytes;
    std::int64_t tokens = 0;
  };
  [[nodiscard]] Bytes store(std::string_view bytes) {
    data_ += bytes;
    return {data_.size() - bytes.size(), data_.size()};
  }
  void add_hex(std::string& text, const Bytes& bytes) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, Bytes> first_tokens_;
  std::string data_;
};

/// One part of a test: accuracy or performance mode.
struct TestPart {
  bool is_accuracy = false;
  std::vector<std::vector<lode::SampleIndex>> loaded_sets;
  std::uint64_t queries = 0;
  std::uint64_t samples = 0;
  std::int64_t duration_ns = 0;    ///< up to the last scheduled time
  std::int64_t begin_unix_ms = 0;  ///< of the timed window
  std::int64_t end_unix_ms = 0;
};

/// A part without its times of day.
[[nodiscard]] TestPart make_part(const lode::loadgen::Settings& settings,
                                 const lode::SampleLibrary& library,
                                 const lode::record::RawTimes& raw);

/// What the logs tell of.
struct TestLog {
  std::string sut_name;
  std::int64_t sut_name_duration_ns = 0;  ///< of the call that asked for it
  std::string qsl_name;
  std::uint64_t qsl_total_count = 0;
  std::uint64_t qsl_performance_count = 0;
  TestSettings requested;
  EffectiveSettings effective;
  std::vector<std::string> errors;  ///< of the configuration, the settings or the run
  std::vector<std::string> warnings;
  std::vector<std::string> messages;  ///< plain ones
  std::string started_at;             ///< UTC, ISO 8601
  std::vector<TestPart> parts;        ///< in order
  /// Of performance mode, if it ran.
  const lode::record::Measurement* performance = nullptr;
};

/// The text of mlperf_log_summary.txt.
[[nodiscard]] std::string summary_log(const TestLog& test);

/// The text of mlperf_log_detail.txt: `:::MLLOG ` and a JSON object on each line.
[[nodiscard]] std::string detail_log(const TestLog& test);

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

/// Whether no limit on a latency is exceeded.
[[nodiscard]] bool meets_limits(const lode::record::Verdict& verdict);

/// What early stopping has to say, line by line.
[[nodiscard]] std::string early_stopping_text(const lode::record::EarlyStopping& early,
                                              TestScenario scenario);

/// "50.00" and the like, with their values.
[[nodiscard]] std::array<std::pair<std::string_view, std::int64_t>, 6> percentiles(
    const lode::record::Distribution& distribution);

/// `count` in `span_ns`, a second; 0 if there was no time.
[[nodiscard]] double rate(double count, std::int64_t span_ns);

/// Rates of tokens, a second: what MLPerf's two logs tell of them.
struct TokenRates {
  double with_overhead = 0.0;     ///< up to the issue of the last query
  double without_overhead = 0.0;  ///< over the sum of the samples' latencies
  double completed = 0.0;         ///< up to the answer to the last query; offline: to the last one
};
[[nodiscard]] TokenRates token_rates(const lode::record::Measurement& measurement);

/// Tokens a second if each answer had token_latency_scaling_factor of them; none in scenarios that
/// are judged by a latency.
[[nodiscard]] std::optional<double> inferred_token_rate(const TestLog& test);

/// Latencies of samples, from the scheduled time of their query.
[[nodiscard]] std::optional<lode::record::Distribution> sample_latencies(
    const lode::record::Measurement& measurement);

}  // namespace mlperf
