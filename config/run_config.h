// RunConfig: everything that `lode run` can be told, as plain values, and where each came from.
// keys.h has the table of the keys; resolve.h puts the sources together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/settings.h"

namespace lode::config {

/// What stands under load.
enum class SutKind : std::uint8_t { kEngine, kNull, kDelay, kProcess };

/// "engine", "null", "delay", "process".
[[nodiscard]] std::string_view sut_name(SutKind kind);

/// The values of one run. The initialisers are the defaults; an empty text, path, list or optional
/// means "not set". Paths are absolute.
struct RunConfig {
  std::filesystem::path model;
  std::filesystem::path dataset;
  std::filesystem::path calibration;
  std::filesystem::path output;
  std::string preset;
  std::string precision;           ///< not set: what the model holds
  bool round_activations = false;  ///< to half, behind each operator
  SutKind sut = SutKind::kEngine;
  std::string delay = "constant:1ms";              ///< the delay SUT's distribution, read by sut/
  std::string process;                             ///< an adapter's name or a command, read by sut/
  std::string sut_options;                         ///< "a=1,b=2", for the process
  std::string sut_environment;                     ///< "A=1,B=2", for the process
  std::int64_t start_timeout_ns = 60'000'000'000;  ///< for the process to get ready

  std::uint64_t batch = 1;      ///< most samples in one engine call
  std::uint64_t threads = 1;    ///< of each instance
  std::uint64_t instances = 1;  ///< engines side by side
  std::string isa = "best";
  std::string disable_passes;  ///< of the engine: names, separated by commas
  std::vector<int> cpus;
  double sut_slowdown_percent = 0.0;  ///< of its service time, by which each answer is held back

  std::optional<std::uint64_t> seed;      ///< the three of `settings` derive from it
  std::optional<double> accuracy_target;  ///< least top-1, a fraction
  std::string arrivals = "poisson";       ///< server; a replay's times are read by run/
  bool trace = false;                     ///< write mlperf_log_trace.json, too
  bool find_peak = false;               ///< server: search for the highest rate, from target_qps on
  std::optional<std::int64_t> spin_ns;  ///< not set: by the processors that are left over
  loadgen::Settings settings;
};

/// Where a value came from; later ones override earlier ones.
enum class Origin : std::uint8_t { kDefault, kPreset, kFile, kEnvironment, kSet, kFlag };

struct Source {
  Origin origin = Origin::kDefault;
  /// In the user's terms: "default", "preset quick", "run.yaml:3:9", "LODE_SET_BATCH",
  /// "--set batch=4", "--batch".
  std::string where = "default";
};

/// One key that means something in this run and has a value.
struct Setting {
  std::string_view key;
  std::string text;  ///< canonical spelling, which reads back to the same value
  Source source;
};

struct ResolvedConfig {
  RunConfig values;
  /// In the table's order: keys that have a value and mean something in this scenario, mode, SUT.
  std::vector<Setting> settings;

  /// Where the value of `key` came from, for errors found later: "--delay"; "delay" if not given.
  [[nodiscard]] std::string where(std::string_view key) const;
};

}  // namespace lode::config
