#include "run/mlperf_files.h"

#include <chrono>
#include <cstring>

#include "results/record/record.h"

namespace lode::run {
namespace {

std::int64_t unix_ms_now() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void MlperfFiles::begin(const std::string& sut_name, const SampleLibrary& library) {
  log_.sut_name = sut_name;
  log_.qsl_name = library.name();
  log_.qsl_total_count = library.total_sample_count();
  log_.qsl_performance_count = library.performance_sample_count();
  library_ = &library;
  begin_unix_ms_ = unix_ms_now();
  log_.started_at = record::format_utc(begin_unix_ms_);
}

void MlperfFiles::add_output(loadgen::SampleId id, SampleIndex index,
                             std::span<const std::byte> output) {
  std::int32_t best = 0;
  float most = 0.0F;
  for (std::size_t i = 0; i < output.size() / sizeof(float); ++i) {
    float score = 0.0F;
    std::memcpy(&score, output.data() + i * sizeof(score), sizeof(score));
    if (i == 0 || score > most) {
      most = score;
      best = static_cast<std::int32_t>(i);
    }
  }
  char bytes[sizeof(best)];
  std::memcpy(bytes, &best, sizeof(best));
  accuracy_.add(id, index, {bytes, sizeof(bytes)});
}

Status MlperfFiles::write(const loadgen::Settings& settings, const record::Measurement& measurement,
                          bool with_trace, const std::filesystem::path& folder) {
  log_.parts = {mlperf::make_part(settings, *library_, measurement.raw)};
  log_.parts.back().begin_unix_ms = begin_unix_ms_;
  log_.parts.back().end_unix_ms = unix_ms_now();
  log_.requested = mlperf::from_core(settings, measurement.expected_qps);
  if (!measurement.metrics.peak_search.empty()) {
    log_.requested.mode = mlperf::TestMode::FindPeakPerformance;
    for (const record::PeakProbe& probe : measurement.metrics.peak_search) {
      if (probe.passed) log_.requested.server_target_qps = probe.target_qps;
    }
  }
  log_.effective =
      mlperf::effective_settings(log_.requested, log_.qsl_performance_count, log_.qsl_total_count);
  if (settings.mode == loadgen::Mode::kPerformance) log_.performance = &measurement;
  LODE_CHECK_OK(mlperf::write_log(folder / "mlperf_log_summary.txt", mlperf::summary_log(log_)));
  LODE_CHECK_OK(mlperf::write_log(folder / "mlperf_log_detail.txt", mlperf::detail_log(log_)));
  LODE_CHECK_OK(mlperf::write_log(folder / "mlperf_log_accuracy.json", accuracy_.text()));
  if (!with_trace) return {};
  const bool overlaps = settings.scenario == loadgen::Scenario::kServer || settings.concurrency > 1;
  return mlperf::write_log(folder / "mlperf_log_trace.json",
                           mlperf::trace_log(measurement.raw, log_.sut_name, overlaps));
}

}  // namespace lode::run
