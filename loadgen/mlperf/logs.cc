// What the logs share, and the accuracy log.
#include "loadgen/mlperf/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace mlperf {

using lode::record::Measurement;

bool breaks(const lode::record::Verdict& verdict, std::string_view rule) {
  return std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                     [&](const lode::record::Reason& reason) { return reason.rule == rule; });
}

std::string percent_text(double percentile) {
  return fmt::format("{:.1f}", percentile * 100.0);
}

std::string early_stopping_text(const TestLog& test) {
  const lode::record::EarlyStopping& early = test.performance->metrics.early_stopping;
  if (!early.applied) return fmt::format(" * Not applied: {}.", early.note);
  const TestScenario scenario = test.requested.scenario;
  if (scenario == TestScenario::Offline) return "";
  if (scenario == TestScenario::Server) {
    if (early.met) return " * Run successful.";
    return fmt::format(
        " * Run unsuccessful.\n * Processed {} queries.\n * Would need to run at least {} more "
        "queries,\n with the run being successful if every additional\n query were under latency.",
        early.queries, early.queries_needed - early.queries);
  }
  if (!early.met) {
    return fmt::format(
        " * Only processed {} queries.\n * Need to process at least {} queries for early stopping.",
        early.queries, early.queries_needed);
  }
  std::string text = fmt::format(
      " * Processed at least {} queries ({}).\n * Would discard {} highest latency queries.\n"
      " * Early stopping {}th percentile estimate: {}",
      early.queries_needed, early.queries, early.discarded, percent_text(early.percentile),
      *early.estimate_ns);
  if (scenario == TestScenario::SingleStream && early.estimate_p99_ns) {
    text +=
        fmt::format("\n * Early stopping 99.0th percentile estimate: {}", *early.estimate_p99_ns);
  }
  return text;
}

std::optional<lode::record::Distribution> sample_latencies(const Measurement& measurement) {
  const lode::record::RawTimes& raw = measurement.raw;
  // With one sample a query, a query's latency is its sample's.
  if (raw.sample_index.size() == raw.scheduled_ns.size()) return measurement.metrics.latency_ns;
  std::vector<std::int64_t> latencies;
  latencies.reserve(raw.sample_completed_ns.size());
  for (std::size_t i = 0; i < raw.sample_completed_ns.size(); ++i) {
    if (raw.sample_completed_ns[i] < 0) continue;
    const auto query = static_cast<std::size_t>(raw.sample_query[i]);
    latencies.push_back(raw.sample_completed_ns[i] - raw.scheduled_ns[query]);
  }
  if (latencies.empty()) return std::nullopt;
  return lode::record::summarize(latencies);
}

std::string accuracy_log(const AccuracyLog& log) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string text = "[";
  text.reserve(log.data.size() * 2 + log.entries.size() * 64 + 8);
  for (const AccuracyEntry& entry : log.entries) {
    fmt::format_to(std::back_inserter(text),
                   "{}\n{{ \"seq_id\" : {}, \"qsl_idx\" : {}, \"data\" : \"",
                   &entry == &log.entries.front() ? "" : ",", entry.seq_id, entry.qsl_idx);
    for (std::size_t i = entry.begin; i < entry.end; ++i) {
      const auto byte = static_cast<unsigned char>(log.data[i]);
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    }
    text += "\" }";
  }
  return text + "\n]\n";
}

lode::Status write_log(const std::filesystem::path& path, std::string_view text) {
  errno = 0;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written =
      file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (written && closed) return {};
  return lode::runtime_error("cannot write '{}': {}", path.string(),
                             std::generic_category().message(errno));
}

}  // namespace mlperf
