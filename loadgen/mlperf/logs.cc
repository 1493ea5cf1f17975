// What the logs share, and the accuracy log.
#include "loadgen/mlperf/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "loadgen/early_stopping.h"
#include "loadgen/streams.h"

namespace mlperf {

using lode::record::Measurement;

bool breaks(const lode::record::Verdict& verdict, std::string_view rule) {
  return std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                     [&](const lode::record::Reason& reason) { return reason.rule == rule; });
}

std::string percent_text(double percentile) {
  return fmt::format("{:.1f}", percentile * 100.0);
}

bool meets_limits(const lode::record::Verdict& verdict) {
  return !breaks(verdict, "target_latency") && !breaks(verdict, "ttft_latency") &&
         !breaks(verdict, "tpot_latency");
}

TestPart make_part(const lode::loadgen::Settings& settings, const lode::SampleLibrary& library,
                   const lode::record::RawTimes& raw) {
  TestPart part;
  part.is_accuracy = settings.mode == lode::loadgen::Mode::kAccuracy;
  part.loaded_sets = loaded_sets(settings, library);
  part.queries = raw.scheduled_ns.size();
  part.samples = raw.sample_index.size();
  part.duration_ns = raw.scheduled_ns.empty() ? 0 : raw.scheduled_ns.back();
  return part;
}

std::array<std::pair<std::string_view, std::int64_t>, 6> percentiles(
    const lode::record::Distribution& d) {
  return {{{"50.00", d.p50},
           {"90.00", d.p90},
           {"95.00", d.p95},
           {"97.00", d.p97},
           {"99.00", d.p99},
           {"99.90", d.p99_9}}};
}

double rate(double count, std::int64_t span_ns) {
  return span_ns > 0 ? count * 1e9 / static_cast<double>(span_ns) : 0.0;
}

TokenRates token_rates(const Measurement& measurement) {
  const lode::record::RawTimes& raw = measurement.raw;
  if (raw.issued_ns.empty() || !measurement.metrics.tokens) return {};
  const auto tokens = static_cast<double>(measurement.metrics.tokens->tokens);
  TokenRates rates;
  rates.with_overhead = rate(tokens, raw.issued_ns.back());
  if (const auto latencies = sample_latencies(measurement)) {
    const double sum_ns =
        static_cast<double>(latencies->mean) * static_cast<double>(measurement.metrics.samples);
    rates.without_overhead = sum_ns > 0.0 ? tokens * 1e9 / sum_ns : 0.0;
  }
  const std::int64_t last_ns = raw.completed_ns.back();
  rates.completed = rate(tokens, last_ns < 0 ? measurement.metrics.duration_ns : last_ns);
  return rates;
}

std::optional<double> inferred_token_rate(const TestLog& test) {
  const lode::record::Metrics& metrics = test.performance->metrics;
  const auto factor = static_cast<double>(test.requested.token_latency_scaling_factor);
  if (!test.requested.infer_token_latencies) return std::nullopt;
  if (test.requested.scenario == TestScenario::Server) return factor * metrics.headline.value;
  if (test.requested.scenario == TestScenario::Offline) {
    return factor * metrics.throughput_samples_per_s;
  }
  return std::nullopt;
}

std::string early_stopping_text(const lode::record::EarlyStopping& early, TestScenario scenario) {
  if (!early.applied) return fmt::format(" * Not applied: {}.", early.note);
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
  if (scenario != TestScenario::SingleStream) return text;
  if (early.estimate_p99_ns) {
    text +=
        fmt::format("\n * Early stopping 99.0th percentile estimate: {}", *early.estimate_p99_ns);
  } else {
    text += fmt::format(
        "\n * Not enough queries processed for 99.0th percentile\n early stopping estimate (would "
        "need to process at\n least {} total queries).",
        lode::loadgen::queries_needed(1, 0.99));
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

void AccuracyLog::add_hex(std::string& text, const Bytes& bytes) const {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  text += '"';
  for (std::size_t i = bytes.begin; i < bytes.end; ++i) {
    const auto byte = static_cast<unsigned char>(data_[i]);
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  text += '"';
}

std::string AccuracyLog::text() const {
  std::string text = "[";
  text.reserve(data_.size() * 2 + entries_.size() * 64 + 8);
  for (const Entry& entry : entries_) {
    fmt::format_to(std::back_inserter(text),
                   "{}\n{{ \"seq_id\" : {}, \"qsl_idx\" : {}, \"data\" : ",
                   &entry == &entries_.front() ? "" : ",", entry.seq_id, entry.qsl_idx);
    add_hex(text, entry.bytes);
    if (token_fields == TokenFields::kCountAndFirst) {
      const auto first = first_tokens_.find(entry.seq_id);
      text += ", \"token_data\" : ";
      add_hex(text, first == first_tokens_.end() ? Bytes{} : first->second);
    }
    if (token_fields != TokenFields::kNone) {
      fmt::format_to(std::back_inserter(text), ", \"token_count\" : {}", entry.tokens);
    }
    text += " }";
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
