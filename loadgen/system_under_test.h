// The two sides of a query: a system under test that answers samples, and the sink that it tells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "datasets/sample_library.h"

namespace lode::loadgen {

/// Names one issued sample of one test: its number in order of issue, from 0.
using SampleId = std::uint64_t;

struct QuerySample {
  SampleId id = 0;
  SampleIndex index = 0;
};

/// An answer. `data` is the output's bytes (for scoring and the accuracy log), valid during the
/// call only; empty when the test does not ask for outputs.
struct QuerySampleResponse {
  SampleId id = 0;
  std::span<const std::byte> data;
  /// The sample could not be answered: its time counts, its output does not, and the test is
  /// INVALID.
  bool is_error = false;
  /// Of the answer, the first one included; looked at if the settings ask for token latencies.
  std::int64_t tokens = 0;
};

/// Where answers go. Thread-safe; neither allocates nor locks in performance mode.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  virtual void complete(std::span<const QuerySampleResponse> responses) = 0;
  /// The first tokens of samples are there, before the samples are complete. Without meaning unless
  /// the settings ask for token latencies.
  virtual void first_token(std::span<const QuerySampleResponse> responses) { (void)responses; }
  /// The SUT cannot go on (an engine error): the test ends INVALID with this reason.
  virtual void fail(const Error& error) = 0;
};

/// What a SUT is told before a test.
struct TestPlan {
  std::uint64_t samples_per_query_max = 1;  ///< the largest query known before the warm-up
  /// The sizes of the queries known before the warm-up, ascending. Offline's in performance mode
  /// is not: expect_query() tells it.
  std::vector<std::uint64_t> query_sizes;
  bool wants_outputs = false;  ///< accuracy mode: responses carry `data`
  /// Each query is issued when the one before it is answered: the issuing thread has nothing else
  /// to do meanwhile, and issue() may keep it.
  bool closed_loop = false;
  /// Queries come whether or not those before them are answered, so that samples of several queries
  /// may wait together.
  bool queries_overlap = false;
};

/// What reaching a SUT in another process costs: exchanges with it in which it does nothing.
struct TransportCost {
  std::uint64_t round_trips = 0;  ///< one behind the other
  std::int64_t p50_ns = 0;
  std::int64_t p99_ns = 0;
  std::uint64_t paused_round_trips = 0;  ///< each after a pause, in which both sides went to sleep
  std::int64_t paused_p50_ns = 0;
  std::int64_t paused_p99_ns = 0;
};

/// What a SUT can say of itself beside its name.
struct SutFacts {
  std::string precision;                   ///< "fp32"; "" if it does not say
  std::vector<int> processes;              ///< ids of the processes of its own
  std::optional<TransportCost> transport;  ///< from start() on, if it is in another process
};

/// Answers queries. Life of a test: start, issue..., flush, stop. start() and stop() are outside
/// the timed window. What a call throws ends the test as fail() does.
///
/// A test gives up a call that does not return (issue and flush: nothing is answered either for
/// query_timeout), and then calls stop() from another thread; a SUT that can be hung so must stay
/// alive until its calls have returned.
class SystemUnderTest {
 public:
  SystemUnderTest() = default;
  SystemUnderTest(const SystemUnderTest&) = delete;
  SystemUnderTest& operator=(const SystemUnderTest&) = delete;
  virtual ~SystemUnderTest() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;

  [[nodiscard]] virtual SutFacts facts() const { return {}; }

  /// Samples that keep all of it busy at once (batch x instances), from before start() on.
  [[nodiscard]] virtual std::uint64_t samples_in_flight() const { return 1; }

  /// Gets everything ready (plans, threads) for queries of `plan`; answers go to `sink`, which
  /// outlives stop().
  [[nodiscard]] virtual Status start(const TestPlan& plan, CompletionSink& sink) = 0;

  /// Offline: the one query of this loaded set will have `samples` samples. Room for it is made
  /// here, outside the timed window; nothing is in flight.
  [[nodiscard]] virtual Status expect_query(std::uint64_t samples) {
    (void)samples;
    return {};
  }

  /// Takes one query (with coalescing, several); may complete it before returning, or later from
  /// any thread. The span is valid during the call only. Called by several threads at once if the
  /// settings have several issue threads.
  virtual void issue(std::span<const QuerySample> query) = 0;

  /// No more queries come for now: a batcher sends what it holds.
  virtual void flush() = 0;

  /// Ends the test: after it returns the sink is not called any more. Samples in flight may be
  /// dropped.
  virtual void stop() = 0;
};

}  // namespace lode::loadgen
