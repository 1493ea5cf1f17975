#include "loadgen/mlperf/config_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/file_io.h"

namespace mlperf {
namespace {

using lode::Result;
using lode::Status;
using lode::usage_error;
using Values = std::map<std::string, std::string>;

thread_local std::vector<std::string> t_config_errors;

constexpr std::size_t kBytesMax = 1U << 22;
constexpr double kNsPerMs = 1e6;
constexpr double kPercent = 0.01;

bool is_set(double value) {
  return value != 0.0;
}

std::uint64_t as_count(const std::string& text) {
  std::uint64_t value = 0;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Whole numbers keep their 64 bits; what else passed the check is a decimal.
  if (code == std::errc{} && rest == text.data() + text.size()) return value;
  return static_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr));
}

double as_number(const std::string& text) {
  return std::strtod(text.c_str(), nullptr);
}

/// One key. `scenario` says to which scenario's fields it belongs where that matters; "" for all.
struct Key {
  std::string_view name;
  std::string_view scenario;
  std::string_view unit;  ///< "" for plain numbers
  std::string_view doc;   ///< one line, no full stop
  void (*set)(TestSettings& settings, const std::string& value);
  double (*get)(const TestSettings& settings);  ///< in the key's unit; null: it has no field
};

template <auto kMember>
void set_count(TestSettings& settings, const std::string& value) {
  settings.*kMember = as_count(value);
}
template <auto kMember>
void set_flag(TestSettings& settings, const std::string& value) {
  settings.*kMember = is_set(as_number(value));
}
template <auto kMember>
void set_number(TestSettings& settings, const std::string& value) {
  settings.*kMember = as_number(value);
}
template <auto kMember>
void set_percent(TestSettings& settings, const std::string& value) {
  settings.*kMember = as_number(value) * kPercent;
}
template <auto kMember>
void set_ms_as_ns(TestSettings& settings, const std::string& value) {
  settings.*kMember = static_cast<std::uint64_t>(std::llround(as_number(value) * kNsPerMs));
}
void set_mode(TestSettings& settings, const std::string& value) {
  settings.mode = static_cast<TestMode>(as_count(value));
}
void set_decimals(TestSettings& settings, const std::string& value) {
  settings.server_find_peak_qps_decimals_of_precision =
      static_cast<int>(std::min(as_number(value), 9.0));
}
/// Known, and without a field that it could change.
void set_nothing(TestSettings&, const std::string&) {}

template <auto kMember>
double get(const TestSettings& settings) {
  return static_cast<double>(settings.*kMember);
}
template <auto kMember>
double get_percent(const TestSettings& settings) {
  return settings.*kMember / kPercent;
}
template <auto kMember>
double get_ns_as_ms(const TestSettings& settings) {
  return static_cast<double>(settings.*kMember) / kNsPerMs;
}

using S = TestSettings;
constexpr std::string_view kAll = "";
constexpr std::string_view kSingle = "SingleStream";
constexpr std::string_view kMulti = "MultiStream";
constexpr std::string_view kServer = "Server";
constexpr std::string_view kOffline = "Offline";

constexpr Key kKeys[] = {
    {"mode", kAll, "",
     "0 submission (accuracy, then performance), 1 accuracy, 2 performance, "
     "3 search for the peak rate",
     set_mode, get<&S::mode>},
    {"min_duration", kAll, "ms", "least time under load", set_count<&S::min_duration_ms>,
     get<&S::min_duration_ms>},
    {"max_duration", kAll, "ms", "stops issuing after this time; 0: no limit",
     set_count<&S::max_duration_ms>, get<&S::max_duration_ms>},
    {"min_query_count", kAll, "", "least queries (Offline: samples)",
     set_count<&S::min_query_count>, get<&S::min_query_count>},
    {"max_query_count", kAll, "", "stops issuing after this many; 0: no limit",
     set_count<&S::max_query_count>, get<&S::max_query_count>},
    {"qsl_rng_seed", kAll, "", "seed of the loaded sets, modulo 2^32", set_count<&S::qsl_rng_seed>,
     get<&S::qsl_rng_seed>},
    {"sample_index_rng_seed", kAll, "", "seed of the order of samples, modulo 2^32",
     set_count<&S::sample_index_rng_seed>, get<&S::sample_index_rng_seed>},
    {"schedule_rng_seed", kAll, "", "seed of Server's arrivals, modulo 2^32",
     set_count<&S::schedule_rng_seed>, get<&S::schedule_rng_seed>},
    {"accuracy_log_rng_seed", kAll, "", "seed of which answers are logged in performance mode",
     set_count<&S::accuracy_log_rng_seed>, get<&S::accuracy_log_rng_seed>},
    {"accuracy_log_probability", kAll, "%",
     "share of the answers that are logged in performance mode",
     set_percent<&S::accuracy_log_probability>, get_percent<&S::accuracy_log_probability>},
    {"accuracy_log_sampling_target", kAll, "",
     "how many answers to log in performance mode, about; 0: by the probability",
     set_count<&S::accuracy_log_sampling_target>, get<&S::accuracy_log_sampling_target>},
    {"test05", kAll, "", "1: performance mode with the three seeds below (TEST05)",
     set_flag<&S::test05>, get<&S::test05>},
    {"test05_qsl_rng_seed", kAll, "",
     "stands for qsl_rng_seed if test05 is 1; otherwise without effect",
     set_count<&S::test05_qsl_rng_seed>, get<&S::test05_qsl_rng_seed>},
    {"test05_sample_index_rng_seed", kAll, "", "likewise for sample_index_rng_seed",
     set_count<&S::test05_sample_index_rng_seed>, get<&S::test05_sample_index_rng_seed>},
    {"test05_schedule_rng_seed", kAll, "", "likewise for schedule_rng_seed",
     set_count<&S::test05_schedule_rng_seed>, get<&S::test05_schedule_rng_seed>},
    {"print_timestamps", kAll, "", "1: prints the time of day at begin and end of performance mode",
     set_flag<&S::print_timestamps>, get<&S::print_timestamps>},
    {"performance_issue_unique", kAll, "", "1: each loaded sample once (TEST04)",
     set_flag<&S::performance_issue_unique>, get<&S::performance_issue_unique>},
    {"performance_issue_same", kAll, "", "1: one sample over and over (TEST04)",
     set_flag<&S::performance_issue_same>, get<&S::performance_issue_same>},
    {"performance_issue_same_index", kAll, "", "which one, by its place in the loaded set",
     set_count<&S::performance_issue_same_index>, get<&S::performance_issue_same_index>},
    {"performance_sample_count_override", kAll, "",
     "samples loaded at once; 0: what the library says",
     set_count<&S::performance_sample_count_override>, get<&S::performance_sample_count_override>},
    {"accuracy_sample_count_override", kAll, "", "samples of accuracy mode; 0: all",
     set_count<&S::accuracy_sample_count_override>, get<&S::accuracy_sample_count_override>},
    {"sample_concatenate_permutation", kAll, "",
     "1: the whole loaded set, shuffled anew each time round",
     set_flag<&S::sample_concatenate_permutation>, get<&S::sample_concatenate_permutation>},
    {"use_token_latencies", kAll, "",
     "1: times to the first token and for each further one are measured; Server's limits and early "
     "stopping are on them",
     set_flag<&S::use_token_latencies>, get<&S::use_token_latencies>},
    {"infer_token_latencies", kAll, "",
     "1: tokens/s are told as well, taking each answer for token_latency_scaling_factor of them",
     set_flag<&S::infer_token_latencies>, get<&S::infer_token_latencies>},
    {"token_latency_scaling_factor", kAll, "", "tokens of an answer for infer_token_latencies",
     set_count<&S::token_latency_scaling_factor>, get<&S::token_latency_scaling_factor>},
    {"target_latency_percentile", kSingle, "%", "the percentile that is the result",
     set_percent<&S::single_stream_target_latency_percentile>,
     get_percent<&S::single_stream_target_latency_percentile>},
    {"target_latency", kSingle, "ms", "expected latency: in the log, without effect",
     set_ms_as_ns<&S::single_stream_expected_latency_ns>,
     get_ns_as_ms<&S::single_stream_expected_latency_ns>},
    {"target_latency_percentile", kMulti, "%", "the percentile that is the result",
     set_percent<&S::multi_stream_target_latency_percentile>,
     get_percent<&S::multi_stream_target_latency_percentile>},
    {"target_latency", kMulti, "ms", "expected latency: in the log, without effect",
     set_ms_as_ns<&S::multi_stream_expected_latency_ns>,
     get_ns_as_ms<&S::multi_stream_expected_latency_ns>},
    {"samples_per_query", kMulti, "", "samples of each query",
     set_count<&S::multi_stream_samples_per_query>, get<&S::multi_stream_samples_per_query>},
    {"target_latency_percentile", kServer, "%", "the percentile that the limits are on",
     set_percent<&S::server_target_latency_percentile>,
     get_percent<&S::server_target_latency_percentile>},
    {"target_latency", kServer, "ms", "limit on the latency",
     set_ms_as_ns<&S::server_target_latency_ns>, get_ns_as_ms<&S::server_target_latency_ns>},
    {"target_qps", kServer, "queries/s",
     "rate of arrival, or where the search for the peak rate starts",
     set_number<&S::server_target_qps>, get<&S::server_target_qps>},
    {"coalesce_queries", kServer, "", "1: queries that are due already go in one call",
     set_flag<&S::server_coalesce_queries>, get<&S::server_coalesce_queries>},
    {"max_async_queries", kServer, "",
     "ends the test, INVALID, when more queries than this are open; 0: no limit",
     set_count<&S::server_max_async_queries>, get<&S::server_max_async_queries>},
    {"num_issue_query_threads", kServer, "",
     "threads that issue queries in turn (RegisterIssueQueryThread); 0: one of its own",
     set_count<&S::server_num_issue_query_threads>, get<&S::server_num_issue_query_threads>},
    {"find_peak_qps_decimals_of_precision", kServer, "",
     "decimals to which the peak rate is searched for", set_decimals,
     get<&S::server_find_peak_qps_decimals_of_precision>},
    {"find_peak_qps_boundary_step_size", kServer, "",
     "until one rate passed and one failed, the rate changes by the factor 1 + this, 0.1 to 1000",
     set_number<&S::server_find_peak_qps_boundary_step_size>,
     get<&S::server_find_peak_qps_boundary_step_size>},
    {"ttft_latency", kServer, "ms",
     "limit on the time to the first token, with use_token_latencies",
     set_ms_as_ns<&S::server_ttft_latency>, get_ns_as_ms<&S::server_ttft_latency>},
    {"tpot_latency", kServer, "ms",
     "limit on the time for each further token, with use_token_latencies",
     set_ms_as_ns<&S::server_tpot_latency>, get_ns_as_ms<&S::server_tpot_latency>},
    {"target_duration", kServer, "ms",
     "without effect, as in the reference, which has no such field", set_nothing, nullptr},
    {"target_qps", kOffline, "samples/s", "expected rate, which sizes the one query",
     set_number<&S::offline_expected_qps>, get<&S::offline_expected_qps>},
    {"target_latency_percentile", kOffline, "%", "without effect: Offline is judged by its rate",
     set_nothing, nullptr},
};

constexpr std::array<std::string_view, 5> kScenarios = {"*", kSingle, kMulti, kServer, kOffline};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// The known key that has the longest part in common with `name`, for the error.
std::string_view resembling(std::string_view name) {
  std::string_view best = kKeys[0].name;
  std::size_t most = 0;
  for (const Key& key : kKeys) {
    std::size_t same = 0;
    while (same < std::min(name.size(), key.name.size()) && name[same] == key.name[same]) ++same;
    if (same > most) best = key.name;
    most = std::max(most, same);
  }
  return best;
}

Status check_key(std::string_view full) {
  const std::size_t last = full.rfind('.');
  const std::size_t middle = last == 0 ? last : full.rfind('.', last - 1);
  if (last == full.npos || middle == full.npos || last == 0) {
    return usage_error("'{}' is no key; write model.scenario.key", full);
  }
  const std::string_view scenario = full.substr(middle + 1, last - middle - 1);
  const std::string_view name = full.substr(last + 1);
  if (std::find(kScenarios.begin(), kScenarios.end(), scenario) == kScenarios.end()) {
    return usage_error("'{}' is no scenario; use SingleStream, MultiStream, Server, Offline or *",
                       scenario);
  }
  const bool is_known = std::any_of(std::begin(kKeys), std::end(kKeys),
                                    [&](const Key& key) { return key.name == name; });
  if (is_known) return {};
  return usage_error("the key '{}' is not known; did you mean '{}'?", name, resembling(name));
}

Status check_value(std::string_view key, const std::string& value) {
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (value.empty() || end != value.c_str() + value.size() || !std::isfinite(number)) {
    return usage_error("'{}' is no number", value);
  }
  constexpr double kMost = 18446744073709551615.0;
  if (number < 0.0 || number > kMost) return usage_error("{} is out of range", value);
  const bool is_mode = key.ends_with(".mode");
  if (is_mode && (number > 3.0 || number != std::floor(number))) {
    return usage_error("mode {} is not known; use 0 submission, 1 accuracy, 2 performance, 3 peak",
                       value);
  }
  const bool is_time = key.ends_with("latency");
  if (is_time && number > 9e12) return usage_error("{} ms is out of range", value);
  return {};
}

Status read_line(std::string_view line, Values& values) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return usage_error("expected 'key = value'");
  const std::string_view key = trimmed(line.substr(0, equals));
  std::string_view rest = line.substr(equals + 1);
  rest = trimmed(rest.substr(0, std::min(rest.find('#'), rest.size())));
  const std::string value(rest);
  LODE_CHECK_OK(check_key(key));
  const Status valid = check_value(key, value);
  if (!valid.ok()) return valid.error().within(key);
  values[std::string(key)] = value;
  return {};
}

}  // namespace

Result<Values> parse_config(std::string_view text, std::string_view name) {
  if (text.size() > kBytesMax) return usage_error("{}: is too large for a configuration", name);
  Values values;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const Status read = read_line(line, values);
    if (!read.ok()) return read.error().within(fmt::format("{}:{}", name, number));
  }
  return values;
}

void apply_config(const Values& values, const std::string& model, const std::string& scenario,
                  TestSettings& settings) {
  for (const Key& key : kKeys) {
    // The fields of each scenario are its own, so its keys are taken whatever test is to run.
    const std::string own(key.scenario.empty() ? std::string_view(scenario) : key.scenario);
    for (const std::string& prefix :
         {model + "." + own, "*." + own, model + ".*", std::string("*.*")}) {
      const auto found = values.find(fmt::format("{}.{}", prefix, key.name));
      if (found == values.end()) continue;
      key.set(settings, found->second);
      break;
    }
  }
}

std::string config_keys_markdown() {
  std::string text = "| key | scenario | unit | default | meaning |\n|---|---|---|---|---|\n";
  const TestSettings defaults;
  for (const Key& key : kKeys) {
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.name,
                        key.scenario.empty() ? "all" : key.scenario, key.unit,
                        key.get == nullptr ? "" : fmt::format("{}", key.get(defaults)), key.doc);
  }
  return text;
}

std::vector<std::string> take_config_errors() {
  return std::exchange(t_config_errors, {});
}

int TestSettings::FromConfig(const std::string& path, const std::string& model,
                             const std::string& scenario_name, int) {
  const Result<std::string> text = lode::read_file(path);
  if (!text.ok()) {
    t_config_errors.push_back(text.error().message);
    return -ENOENT;
  }
  const Result<Values> values = parse_config(*text, path);
  if (!values.ok()) {
    t_config_errors.push_back(values.error().message);
    return -EINVAL;
  }
  apply_config(*values, model, scenario_name, *this);
  return 0;
}

}  // namespace mlperf
