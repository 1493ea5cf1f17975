#include "loadgen/load_generator.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/units.h"
#include "loadgen/clock_check.h"
#include "loadgen/guarded_sut.h"
#include "loadgen/issuer.h"
#include "loadgen/metrics.h"
#include "loadgen/policies/policy.h"
#include "loadgen/recorder.h"
#include "loadgen/status_thread.h"
#include "loadgen/step_aside.h"
#include "loadgen/streams.h"
#include "loadgen/test_sink.h"
#include "loadgen/validity.h"
#include "loadgen/warmup.h"

namespace lode::loadgen {
namespace {

using record::Measurement;

const std::atomic<bool> g_never_interrupted{false};
/// How often a test that was given up looks whether its calls have returned.
constexpr std::int64_t kGiveUpLookNs = 1'000'000;
/// How long a stuck call may take to return once stop() has.
constexpr std::int64_t kReturnGraceNs = 200'000'000;

/// One test, from loading to verdict. It owns all that a thread of the SUT may still reach when a
/// call is given up; what is the caller's is not touched from then on.
class TestRun {
 public:
  TestRun(SystemUnderTest& sut, SampleLibrary& library, const Settings& settings,
          const Policy& policy, Clock& clock, const TestHooks& hooks)
      : library_(library),
        settings_(settings),
        policy_(policy),
        clock_(clock),
        hooks_(hooks),
        recorder_(settings.recorder_memory_bytes, settings.token_latencies),
        sink_(recorder_, clock, hooks_.outputs, hooks_.first_tokens,
              settings.mode == Mode::kAccuracy),
        sut_(sut, sink_, clock,
             {settings.query_timeout_ns, settings.start_timeout_ns, settings.stop_timeout_ns},
             settings.issue_threads),
        issuer_(sut_, recorder_, sink_, clock, settings_,
                hooks.interrupted != nullptr ? *hooks.interrupted : g_never_interrupted,
                hooks_.issue_threads) {}

  /// From begin to end; throws GivenUp if a call was given up meanwhile.
  Result<Measurement> run();

  /// For the thread that watches run(): called every kLookEveryNs. The call that is blocked, if
  /// there is one.
  std::optional<GuardedSut::Blocked> watch();
  /// Ends the test on behalf of the thread that is stuck in `blocked`. `is_back` tells whether it
  /// has returned; `self` keeps this alive for a stop() that does not return either.
  Result<Measurement> give_up(const GuardedSut::Blocked& blocked,
                              const std::function<bool()>& is_back, std::shared_ptr<TestRun> self);

 private:
  [[nodiscard]] bool is_performance() const { return settings_.mode == Mode::kPerformance; }
  [[nodiscard]] TestPlan make_plan() const;
  Status begin();
  void finish();
  Status load(std::span<const SampleIndex> indices);
  void unload();
  Result<EndCause> run_performance();
  Result<EndCause> run_accuracy();
  [[nodiscard]] std::uint64_t queries_foreseen(std::size_t loaded, std::uint64_t samples) const;
  Result<EndCause> run_policy(std::span<const SampleIndex> loaded, std::uint64_t samples);
  Measurement measure(EndCause end);

  SampleLibrary& library_;
  const Settings settings_;
  const Policy& policy_;
  Clock& clock_;
  const TestHooks hooks_;
  Recorder recorder_;
  TestSink sink_;
  GuardedSut sut_;
  Issuer issuer_;
  Progress progress_;
  std::optional<StatusThread> status_;
  std::vector<std::vector<SampleIndex>> sets_;
  std::span<const SampleIndex> loaded_;
  bool is_started_ = false;
  std::uint64_t warmup_queries_ = 0;
  double expected_qps_ = 0.0;
  std::optional<GuardedSut::Blocked> blocked_;
  std::optional<ClockCheck> clock_check_;
  // Of the thread that watches.
  std::uint64_t answers_seen_ = 0;
  std::int64_t progress_ns_ = 0;
};

Status TestRun::load(std::span<const SampleIndex> indices) {
  unload();
  LODE_CHECK_OK(library_.load(indices));
  loaded_ = indices;
  return {};
}

void TestRun::unload() {
  if (!loaded_.empty()) library_.unload(loaded_);
  loaded_ = {};
}

Status TestRun::begin() {
  if (library_.total_sample_count() == 0) {
    return runtime_error("{}: the dataset has no samples", library_.name());
  }
  sets_ = loaded_sets(settings_, library_);
  const std::size_t set_size = sets_.front().size();
  if (is_performance() && settings_.sample_order == SampleOrder::kSame &&
      settings_.same_index >= set_size) {
    return usage_error("same_index {} is not in the loaded set, which has {} samples",
                       settings_.same_index, set_size);
  }
  if (!clock_.is_simulated()) clock_check_.emplace();
  if (hooks_.progress && !clock_.is_simulated()) {
    status_.emplace(progress_, recorder_, sink_, issuer_, clock_, hooks_.progress);
  }
  LODE_CHECK_OK(load(sets_.front()));
  LODE_CHECK_OK(sut_.start(make_plan()));
  is_started_ = true;
  return {};
}

void TestRun::finish() {
  progress_.phase.store(LiveStatus::Phase::kDraining);
  sink_.close();
  if (is_started_) sut_.stop();
  is_started_ = false;
  recorder_.stop_helper();
  status_.reset();
  unload();
}

Result<Measurement> TestRun::run() {
  const Status begun = begin();
  Result<EndCause> end = EndCause::kCompleted;
  if (begun.ok()) end = is_performance() ? run_performance() : run_accuracy();
  finish();
  if (!begun.ok()) return begun.error();
  if (!end.ok()) return end.error();
  blocked_ = sut_.blocked_in_simulation();
  return measure(*end);
}

std::optional<GuardedSut::Blocked> TestRun::watch() {
  const std::int64_t now_ns = clock_.now_ns();
  const std::uint64_t answers = sink_.timed().get() + sink_.warmup().get();
  if (answers != answers_seen_) progress_ns_ = now_ns;
  answers_seen_ = answers;
  if (!policy_.is_closed_loop() && policy_.samples_per_query(settings_)) {
    issuer_.look_for_overdue(now_ns);
  }
  return sut_.blocked(now_ns, progress_ns_);
}

Result<Measurement> TestRun::give_up(const GuardedSut::Blocked& blocked,
                                     const std::function<bool()>& is_back,
                                     std::shared_ptr<TestRun> self) {
  sut_.give_up();
  blocked_ = blocked;
  sink_.set_timed_out();
  sink_.close();
  // stop() may be what sets the stuck call free.
  const bool in_stop = blocked.call == "stop()";
  auto stopped = std::make_shared<std::atomic<bool>>(in_stop);
  if (!in_stop) {
    std::thread([self = std::move(self), stopped] {
      try {
        self->sut_.sut().stop();
      } catch (...) {
        // It is the blocked call that is told.
      }
      stopped->store(true);
    }).detach();
  }
  const std::int64_t deadline_ns = clock_.now_ns() + (in_stop ? 0 : settings_.stop_timeout_ns);
  while (!stopped->load() && clock_.now_ns() < deadline_ns) {
    clock_.sleep_until_ns(clock_.now_ns() + kGiveUpLookNs);
  }
  const std::int64_t grace_ns = clock_.now_ns() + kReturnGraceNs;
  while (!is_back() && clock_.now_ns() < grace_ns) {
    clock_.sleep_until_ns(clock_.now_ns() + kGiveUpLookNs);
  }
  status_.reset();
  unload();
  if (issuer_.window_start_ns() < 0) {
    return runtime_error("the system under test is blocked: {} has not returned for {}; mend it",
                         blocked.call, format_duration(blocked.limit_ns));
  }
  return measure(EndCause::kBlocked);
}

TestPlan TestRun::make_plan() const {
  TestPlan plan;
  plan.wants_outputs = static_cast<bool>(hooks_.outputs);
  plan.closed_loop = policy_.is_closed_loop() && settings_.concurrency == 1;
  const bool is_single = policy_.is_closed_loop() || !policy_.samples_per_query(settings_);
  plan.queries_overlap = !is_single || settings_.concurrency > 1;
  const std::optional<std::uint64_t> fixed = policy_.samples_per_query(settings_);
  if (is_performance()) {
    const std::uint64_t in_flight = sut_.sut().samples_in_flight();
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
  const std::uint64_t in_flight = std::max<std::uint64_t>(sut_.sut().samples_in_flight(), 1);
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
        sut_.sut().name(), format_duration(settings_.query_timeout_ns));
  }
  if (warmup.ended_by) return *warmup.ended_by;
  if (fixed) return run_policy(sets_.front(), *fixed);

  expected_qps_ = needs_rate ? warmup.samples_per_s : settings_.offline_expected_qps;
  const OfflineSize size =
      size_offline_query(settings_, expected_qps_, in_flight, sets_.front().size(),
                         recorder_.samples_that_fit(sizeof(QuerySample)));
  progress_.samples_wanted.store(size.samples);
  LODE_TRY(const EndCause end, run_policy(sets_.front(), size.samples));
  return end == EndCause::kCompleted ? size.cut_by : end;
}

Result<EndCause> TestRun::run_accuracy() {
  const std::optional<std::uint64_t> fixed = policy_.samples_per_query(settings_);
  progress_.samples_wanted.store(library_.total_sample_count());
  for (const auto& set : sets_) {
    if (issuer_.is_interrupted()) return EndCause::kInterrupted;
    if (&set != &sets_.front()) {
      progress_.phase.store(LiveStatus::Phase::kLoading);
      LODE_CHECK_OK(load(set));
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

/// Queries that room is made for before the clock starts: as many as the settings let expect,
/// within a quarter of the memory. The helper's work for the rest may cost the issuing thread time.
std::uint64_t TestRun::queries_foreseen(std::size_t loaded, std::uint64_t samples) const {
  double queries = static_cast<double>(loaded) / static_cast<double>(samples);
  if (is_performance()) {
    const double seconds = static_cast<double>(settings_.min_duration_ns) / 1e9;
    queries = std::max(static_cast<double>(settings_.min_query_count),
                       1.1 * seconds * settings_.target_qps);
  }
  if (settings_.max_query_count != 0) {
    queries = std::min(queries, static_cast<double>(settings_.max_query_count));
  }
  const std::uint64_t sample_bytes =
      sizeof(Recorder::Sample) + (settings_.token_latencies ? sizeof(Recorder::Tokens) : 0);
  const std::uint64_t query_bytes = sizeof(Recorder::Query) + samples * sample_bytes;
  const std::uint64_t most = settings_.recorder_memory_bytes / 4 / query_bytes;
  return static_cast<std::uint64_t>(std::min(queries, static_cast<double>(most)));
}

Result<EndCause> TestRun::run_policy(std::span<const SampleIndex> loaded, std::uint64_t samples) {
  // What does not fit is found out, and told, by the policy.
  if (policy_.samples_per_query(settings_)) {
    constexpr std::uint64_t kAhead = Recorder::kChunkSlots + 1;
    const std::uint64_t foreseen = queries_foreseen(loaded.size(), samples);
    (void)recorder_.reserve(foreseen + kAhead, foreseen * samples + samples + kAhead);
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
      .duplicates = sink_.duplicates() + sink_.timed().get() - recorder_.count_completed(),
      .unknown = sink_.unknown(),
      .late = sink_.late(),
      .errors = sink_.errors(),
      .blocked_call = blocked_ ? std::string(blocked_->call) : "",
      .blocked_ns = blocked_ ? blocked_->limit_ns : 0,
      .clock_step_ns = clock_check_ ? clock_check_->step_ns() : 0,
  });
  measurement.interrupted = end == EndCause::kInterrupted;
  measurement.warmup_queries = warmup_queries_;
  measurement.expected_qps = expected_qps_;
  return measurement;
}

/// What the thread of a test and the one that watches it share.
struct Watched {
  std::shared_ptr<TestRun> run;
  std::optional<Result<Measurement>> result;
  std::mutex mutex;
  std::condition_variable done;
  bool is_done = false;
};

void run_watched(Watched& watched) {
  RealClock::wake_precisely();
  std::optional<Result<Measurement>> result;
  try {
    result = watched.run->run();
  } catch (const GivenUp&) {
    // Whoever gave the call up has told the result already.
  }
  const std::lock_guard lock(watched.mutex);
  watched.result = std::move(result);
  watched.is_done = true;
  watched.done.notify_all();
}

Result<Measurement> run_and_watch(std::shared_ptr<TestRun> run) {
  auto watched = std::make_shared<Watched>();
  watched->run = run;
  std::thread thread([watched] { run_watched(*watched); });
  const StepAside step_aside;
  constexpr std::chrono::nanoseconds kTick(kLookEveryNs);
  std::unique_lock lock(watched->mutex);
  while (!watched->done.wait_for(lock, kTick, [&] { return watched->is_done; })) {
    lock.unlock();
    if (const auto blocked = run->watch()) {
      const auto is_back = [&] {
        const std::lock_guard guard(watched->mutex);
        return watched->is_done;
      };
      Result<Measurement> given_up = run->give_up(*blocked, is_back, run);
      is_back() ? thread.join() : thread.detach();
      return given_up;
    }
    lock.lock();
  }
  lock.unlock();
  thread.join();
  return *std::move(watched->result);
}

}  // namespace

Result<Measurement> run_test(SystemUnderTest& sut, SampleLibrary& library, const Settings& settings,
                             Clock& clock, const TestHooks& hooks) {
  const Policy* policy = find_policy(settings.scenario);
  if (policy == nullptr) {
    return usage_error("scenario: {} is not available in this version",
                       scenario_name(settings.scenario));
  }
  LODE_CHECK_OK(validate_values(settings));
  auto run = std::make_shared<TestRun>(sut, library, settings, *policy, clock, hooks);
  return clock.is_simulated() ? run->run() : run_and_watch(std::move(run));
}

}  // namespace lode::loadgen
