// The run record: what result.json holds ("lodestone.run/1", docs/run-record.schema.json) and what
// samples.h5 holds. Scripts outside the project rely on the names and units of both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/system_info.h"
#include "results/record/measurement.h"

namespace lode::record {

inline constexpr std::string_view kRunSchema = "lodestone.run/1";
inline constexpr std::string_view kSamplesSchema = "lodestone.samples/1";

/// One effective value of the configuration; a list is one of processors.
using ConfigValue = std::variant<std::uint64_t, double, std::string, std::vector<std::int64_t>>;

struct ConfigEntry {
  std::string key;
  ConfigValue value;
  std::string from;  ///< "default", "preset quick", "run.yaml:3:9", "--batch"
};

/// Which build made the record; copies of base/provenance.h, since a record outlives its build.
struct BuildInfo {
  std::string version;
  std::string commit;
  std::string compiler;
  std::string build_type;

  friend bool operator==(const BuildInfo&, const BuildInfo&) = default;
};

struct ModelInfo {
  std::string path;
  std::string sha256;     ///< 64 lower-case hex digits
  std::string precision;  ///< "" if the system under test does not say
  std::uint64_t file_bytes = 0;
  std::optional<std::uint64_t> weight_bytes;  ///< as the engine holds them; none: not ours to know
  std::string isa_cap;  ///< the best instruction set that the engine's kernels were allowed to use
};

struct DatasetInfo {
  std::string path;
  std::string sha256;
  std::uint64_t samples = 0;
};

/// Fractions are correct / samples.
struct Accuracy {
  std::uint64_t samples = 0;
  std::uint64_t top1_correct = 0;
  std::uint64_t top5_correct = 0;
  double top1 = 0.0;
  double top5 = 0.0;
  std::optional<double> agreement_fp32;  ///< share of equal top-1 with FP32; not measured: none
  std::uint64_t calibration_seen = 0;    ///< scored samples that calibration had used
  std::optional<double> target_top1;     ///< the least that was asked for
};

/// Of the whole process, loading included.
struct Resources {
  std::uint64_t peak_rss_bytes = 0;
  double cpu_seconds = 0.0;  ///< user + system
  double user_seconds = 0.0;
  double system_seconds = 0.0;
  std::uint64_t minor_page_faults = 0;
  std::uint64_t major_page_faults = 0;
  std::uint64_t voluntary_context_switches = 0;
  std::uint64_t involuntary_context_switches = 0;
  /// Of the processes that the system under test has of its own; none: it has none, or not known.
  std::optional<std::uint64_t> sut_peak_rss_bytes;
  std::optional<double> sut_cpu_seconds;
};

/// One figure over time; none where it is not known.
struct MonitorSeries {
  std::string name;  ///< "process_cores", "cpu0_busy", "frequency_hz"
  std::vector<std::optional<double>> values;

  friend bool operator==(const MonitorSeries&, const MonitorSeries&) = default;
};

/// The machine during the run, loading and warm-up included.
struct Monitoring {
  std::int64_t interval_ns = 0;         ///< between readings, at the end
  std::int64_t duration_ns = 0;         ///< from the first reading to the last
  double monitor_cpu_share = 0.0;       ///< of one processor, that watching took
  std::vector<std::int64_t> time_ns;    ///< of each value, from the first reading on
  std::vector<MonitorSeries> series;    ///< each as long as time_ns
  std::optional<double> energy_joules;  ///< of all processor packages over the duration
  std::string why_no_energy;            ///< if there is none
};

/// Exchanges with a SUT in another process in which it does nothing, measured before the test.
struct Transport {
  std::uint64_t round_trips = 0;  ///< one behind the other
  std::int64_t p50_ns = 0;
  std::int64_t p99_ns = 0;
  std::uint64_t paused_round_trips = 0;  ///< each after a pause, in which both sides went to sleep
  std::int64_t paused_p50_ns = 0;
  std::int64_t paused_p99_ns = 0;
};

/// What was under test, in its own words.
struct SutInfo {
  std::string name;
  std::optional<Transport> transport;  ///< none if it is in this process
};

struct Record {
  std::string id;          ///< sorts by time: "20260131T235959.123Z-1a2b3c4d"
  std::string started_at;  ///< ISO 8601, UTC, ms
  std::string command;     ///< as a shell would read it
  std::vector<ConfigEntry> config;
  SystemInfo system;
  BuildInfo build;
  std::optional<SutInfo> sut;          ///< none in records of versions that did not keep it
  std::optional<ModelInfo> model;      ///< none if the SUT uses none
  std::optional<DatasetInfo> dataset;  ///< none if samples were indices without data
  std::string scenario;
  std::string mode;
  bool interrupted = false;
  Verdict verdict;
  Metrics metrics;
  std::uint64_t warmup_queries = 0;
  double expected_qps = 0.0;  ///< offline: the rate that sized the query; 0: none
  std::optional<Accuracy> accuracy;
  Resources resources;
  std::optional<Monitoring> monitoring;  ///< none in records of versions that did not watch
};

/// Accuracy mode: one entry a sample, in order of issue; otherwise empty.
struct Answers {
  std::vector<std::int64_t> predicted;  ///< the class with the largest score; -1: not scored
  std::vector<std::int64_t> label;      ///< the right class
};

/// An identifier of a run that started at `unix_ms`; `salt` tells apart what starts together.
[[nodiscard]] std::string make_run_id(std::int64_t unix_ms, std::string_view salt);
/// 1767225599123 -> "2025-12-31T23:59:59.123Z".
[[nodiscard]] std::string format_utc(std::int64_t unix_ms);

/// The text of result.json. Integers are exact; text that is not UTF-8 has its bytes replaced.
[[nodiscard]] std::string to_json(const Record& record);

/// Reads what to_json() writes. Anything missing, of another type, out of range or contradicting
/// itself is an error: "NAME: metrics.latency_ns.p50: ...". Members not known are ignored, so that
/// the schema can grow.
[[nodiscard]] Result<Record> from_json(std::string_view text, std::string_view name);

/// Reads the record of a run directory, or of a path to its result.json.
[[nodiscard]] Result<Record> read_record(const std::filesystem::path& path);

/// samples.h5: /queries/{scheduled,issued,completed}_ns, /samples/{index,query,completed_ns}, in
/// accuracy mode also /samples/{predicted,label}, all int64 and checksummed; attributes schema and
/// run (the record's id).
[[nodiscard]] Status write_samples(const RawTimes& raw, std::string_view run_id,
                                   const std::filesystem::path& path, const Answers& answers = {});
/// Reads and checks: equal lengths, queries in range.
[[nodiscard]] Result<RawTimes> read_samples(const std::filesystem::path& path);
/// Checks also that the times are those of `record`: its id, its counts, samples of its dataset.
[[nodiscard]] Result<RawTimes> read_samples(const std::filesystem::path& path,
                                            const Record& record);

/// What was answered to the samples of samples.h5, in their order; empty lists if the run was not
/// scored. Reads and checks: as many answers as samples.
[[nodiscard]] Result<Answers> read_answers(const std::filesystem::path& path);

/// Names of the files of a run directory.
inline constexpr std::string_view kResultFile = "result.json";
inline constexpr std::string_view kSamplesFile = "samples.h5";
inline constexpr std::string_view kConfigFile = "effective_config.yaml";

}  // namespace lode::record
