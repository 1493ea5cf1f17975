#include "loadgen/load_generator.h"

#include <algorithm>
#include <optional>

#include "base/units.h"
#include "loadgen/issuer.h"
#include "loadgen/metrics.h"
#include "loadgen/policies/policy.h"
#include "loadgen/recorder.h"
#include "loadgen/status_thread.h"
#include "loadgen/streams.h"
#include "loadgen/test_sink.h"
#include "loadgen/validity.h"
#include "loadgen/warmup.h"

namespace lode::loadgen {
namespace {

using record::Measurement;

const std::atomic<bool> g_never_interrupted{false};

/// Keeps a set of samples in memory for as long as it lives.
class LoadedSet {
 public:
  explicit LoadedSet(SampleLibrary& library) : library_(library) {}
  LoadedSet(const LoadedSet&) = delete;
  LoadedSet& operator=(const LoadedSet&) = delete;
  ~LoadedSet() { unload(); }

  Status load(std::span<const SampleIndex> indices) {
    unload();
    LODE_CHECK_OK(library_.load(indices));
    indices_ = indices;
    return {};
  }

 private:
  void unload() {
    if (!indices_.empty()) library_.unload(indices_);
    indices_ = {};
  }

  SampleLibrary& library_;
  std::span<const SampleIndex> indices_;
};

/// A SUT between start() and stop().
class StartedSut {
 public:
  explicit StartedSut(SystemUnderTest& sut) : sut_(sut) {}
  StartedSut(const StartedSut&) = delete;
  StartedSut& operator=(const StartedSut&) = delete;
  ~StartedSut() { stop(); }

  Status start(const TestPlan& plan, CompletionSink& sink) {
    LODE_CHECK_OK(sut_.start(plan, sink));
    is_started_ = true;
    return {};
  }
  void stop() {
    if (is_started_) sut_.stop();
    is_started_ = false;
  }

 private:
  SystemUnderTest& sut_;
  bool is_started_ = false;
};

/// One test, from loading to verdict.
class TestRun {
 public:
  TestRun(SystemUnderTest& sut, SampleLibrary& library, const Settings& settings,
          const Policy& policy, Clock& clock, const TestHooks& hooks)
      : sut_(sut),
        library_(library),
        settings_(settings),
        policy_(policy),
        clock_(clock),
        hooks_(hooks),
        recorder_(settings.recorder_memory_bytes),
        sink_(recorder_, clock, hooks.outputs),
        issuer_(sut, recorder_, sink_, clock, settings,
                hooks.interrupted != nullptr ? *hooks.interrupted : g_never_interrupted) {}

  Result<Measurement> run();

 private:
  [[nodiscard]] bool is_performance() const { return settings_.mode == Mode::kPerformance; }
  [[nodiscard]] TestPlan make_plan() const;
  Result<EndCause> run_performance();
  Result<EndCause> run_accuracy(LoadedSet& loaded_set);
  Result<EndCause> run_policy(std::span<const SampleIndex> loaded, std::uint64_t samples);
  Measurement measure(EndCause end);

  SystemUnderTest& sut_;
  SampleLibrary& library_;
  const Settings& settings_;
  const Policy& policy_;
  Clock& clock_;
  const TestHooks& hooks_;
  Recorder recorder_;
  TestSink sink_;
  Issuer issuer_;
  Progress progress_;
  std::vector<std::vector<SampleIndex>> sets_;
  std::uint64_t warmup_queries_ = 0;
  double expected_qps_ = 0.0;
};

Result<Measurement> TestRun::run() {
  const std::uint64_t total = library_.total_sample_count();
  if (total == 0) return runtime_error("{}: the dataset has no samples", library_.name());
  std::uint64_t set_size = settings_.performance_sample_count;
  if (set_size == 0) set_size = library_.performance_sample_count();
  set_size = std::clamp<std::uint64_t>(set_size, 1, total);
  sets_ = make_loaded_sets(is_performance() ? set_size : total, set_size, settings_.qsl_seed);

  std::optional<StatusThread> status;
  if (hooks_.progress && !clock_.is_simulated()) {
    status.emplace(progress_, recorder_, sink_, issuer_, clock_, hooks_.progress);
  }
  LoadedSet loaded_set(library_);
  LODE_CHECK_OK(loaded_set.load(sets_.front()));
  StartedSut started(sut_);
  LODE_CHECK_OK(started.start(make_plan(), sink_));
  LODE_TRY(const EndCause end, is_performance() ? run_performance() : run_accuracy(loaded_set));
  progress_.phase.store(LiveStatus::Phase::kDraining);
  sink_.close();
  started.stop();
  recorder_.stop_helper();
  status.reset();
  return measure(end);
}

TestPlan TestRun::make_plan() const {
  TestPlan plan;
  plan.wants_outputs = static_cast<bool>(hooks_.outputs);
  plan.closed_loop = policy_.is_closed_loop();
  const std::optional<std::uint64_t> fixed = policy_.samples_per_query(settings_);
  if (is_performance()) {
    const std::uint64_t in_flight = sut_.samples_in_flight();
    plan.samples_per_query_max = fixed.value_or(in_flight);
    if (fixed) plan.query_sizes.push_back(*fixed);
    return plan;
  }
  for (const auto& set : sets_) {
    const std::uint64_t samples = std::min<std::uint64_t>(fixed.value_or(set.size()), set.size());
    plan.query_sizes.push_back(samples);
    if (set.size() % samples != 0) plan.query_sizes.push_back(set.size() % samples);
  }
  auto& sizes = plan.query_sizes;
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  plan.samples_per_query_max = sizes.back();
  return plan;
}

Result<EndCause> TestRun::run_performance() {
  progress_.phase.store(LiveStatus::Phase::kWarmup);
  const std::optional<std::uint64_t> fixed = policy_.samples_per_query(settings_);
  const std::uint64_t in_flight = std::max<std::uint64_t>(sut_.samples_in_flight(), 1);
  const bool needs_rate = !fixed && settings_.offline_expected_qps == 0.0;
  const auto warm = needs_rate ? measure_rate : warm_up;
  const Warmup warmup =
      warm(issuer_, sets_.front(), settings_.warmup_queries, fixed.value_or(in_flight));
  warmup_queries_ = warmup.queries;
  if (warmup.ended_by == EndCause::kSutFailed) return sink_.failure()->within("warm-up");
  if (warmup.ended_by == EndCause::kTimeout) {
    return runtime_error(
        "warm-up: the system under test '{}' did not answer within {}; mend it, "
        "or raise query_timeout",
        sut_.name(), format_duration(settings_.query_timeout_ns));
  }
  if (warmup.ended_by) return *warmup.ended_by;
  if (fixed) return run_policy(sets_.front(), *fixed);

  expected_qps_ = needs_rate ? warmup.samples_per_s : settings_.offline_expected_qps;
  const OfflineSize size = size_offline_query(settings_, expected_qps_, in_flight,
                                              recorder_.samples_that_fit(sizeof(QuerySample)));
  progress_.samples_wanted.store(size.samples);
  LODE_TRY(const EndCause end, run_policy(sets_.front(), size.samples));
  return end == EndCause::kCompleted ? size.cut_by : end;
}

Result<EndCause> TestRun::run_accuracy(LoadedSet& loaded_set) {
  const std::optional<std::uint64_t> fixed = policy_.samples_per_query(settings_);
  progress_.samples_wanted.store(library_.total_sample_count());
  for (const auto& set : sets_) {
    if (issuer_.is_interrupted()) return EndCause::kInterrupted;
    if (&set != &sets_.front()) {
      progress_.phase.store(LiveStatus::Phase::kLoading);
      LODE_CHECK_OK(loaded_set.load(set));
    }
    std::uint64_t samples = std::min<std::uint64_t>(fixed.value_or(set.size()), set.size());
    // A query that takes the whole set has its limit in samples.
    const bool is_limited = !fixed && settings_.max_query_count != 0;
    const std::uint64_t left =
        is_limited ? settings_.max_query_count - recorder_.issued_samples() : samples;
    if (left == 0) return EndCause::kMaxQueries;
    const bool is_cut = left < samples;
    samples = std::min(samples, left);
    LODE_TRY(const EndCause end, run_policy(set, samples));
    if (end != EndCause::kCompleted) return end;
    if (is_cut) return EndCause::kMaxQueries;
  }
  return EndCause::kCompleted;
}

Result<EndCause> TestRun::run_policy(std::span<const SampleIndex> loaded, std::uint64_t samples) {
  // What does not fit is found out, and told, by the policy.
  if (policy_.samples_per_query(settings_)) {
    constexpr std::uint64_t kAhead = Recorder::kChunkSlots + 1;
    (void)recorder_.reserve(kAhead, samples + kAhead);
    if (!clock_.is_simulated()) recorder_.start_helper(samples);
  } else {
    (void)recorder_.reserve(1, samples);
    LODE_CHECK_OK(sut_.expect_query(samples));
  }
  progress_.phase.store(LiveStatus::Phase::kRunning);
  const EndCause end = policy_.run(issuer_, loaded, samples);
  recorder_.stop_helper();
  return end;
}

Measurement TestRun::measure(EndCause end) {
  std::optional<double> percentile = policy_.default_percentile();
  if (percentile && settings_.target_percentile != 0.0) percentile = settings_.target_percentile;
  Measurement measurement;
  measurement.raw = recorder_.raw_times(issuer_.window_start_ns());
  measurement.metrics =
      compute_metrics(measurement.raw, settings_, policy_.is_closed_loop(), percentile);
  measurement.verdict = judge({
      .settings = settings_,
      .metrics = measurement.metrics,
      .end = end,
      .is_closed_loop = policy_.is_closed_loop(),
      .percentile = percentile,
      .failure = sink_.failure(),
      .issued_samples = recorder_.issued_samples(),
      .library_samples = library_.total_sample_count(),
      .duplicates = sink_.duplicates(),
      .unknown = sink_.unknown(),
      .late = sink_.late(),
  });
  measurement.interrupted = end == EndCause::kInterrupted;
  measurement.warmup_queries = warmup_queries_;
  measurement.expected_qps = expected_qps_;
  return measurement;
}

}  // namespace

Result<Measurement> run_test(SystemUnderTest& sut, SampleLibrary& library, const Settings& settings,
                             Clock& clock, const TestHooks& hooks) {
  const Policy* policy = find_policy(settings.scenario);
  if (policy == nullptr) {
    return usage_error("scenario: {} is not available in this version",
                       scenario_name(settings.scenario));
  }
  LODE_CHECK_OK(validate(settings));
  TestRun run(sut, library, settings, *policy, clock, hooks);
  return run.run();
}

}  // namespace lode::loadgen
