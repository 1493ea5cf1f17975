// A sample library without samples, and a system under test on the manual clock.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "datasets/sample_library.h"
#include "loadgen/system_under_test.h"

namespace lode::loadgen {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000 * kMs;

class FakeLibrary final : public SampleLibrary {
 public:
  explicit FakeLibrary(std::uint64_t total, std::uint64_t performance = 0)
      : total_(total), performance_(performance == 0 ? total : performance) {}

  const std::string& name() const override { return name_; }
  std::uint64_t total_sample_count() const override { return total_; }
  std::uint64_t performance_sample_count() const override { return performance_; }
  const Shape& sample_shape() const override { return shape_; }
  Status load(std::span<const SampleIndex> indices) override {
    if (load_calls_++ == fail_load_) return runtime_error("chunk 7 does not match its checksum");
    for (const SampleIndex index : indices) ++loaded_[index];
    loaded_max_ = std::max(loaded_max_, loaded_.size());
    return {};
  }
  void unload(std::span<const SampleIndex> indices) override {
    for (const SampleIndex index : indices) {
      if (--loaded_.at(index) == 0) loaded_.erase(index);
    }
  }
  std::span<const float> sample(SampleIndex) const override { return {}; }
  std::int64_t label(SampleIndex) const override { return -1; }

  bool is_loaded(SampleIndex index) const { return loaded_.contains(index); }
  std::size_t loaded() const { return loaded_.size(); }
  std::size_t loaded_max() const { return loaded_max_; }
  /// The load() call that fails, from 0.
  void fail_load(int call) { fail_load_ = call; }

 private:
  std::string name_ = "fake library";
  Shape shape_{1, 2, 2};
  std::uint64_t total_;
  std::uint64_t performance_;
  std::map<SampleIndex, int> loaded_;
  std::size_t loaded_max_ = 0;
  int load_calls_ = 0;
  int fail_load_ = -1;
};

/// Answers each sample `service_ns(sample number)` after the one before it: one worker, in order,
/// by events of the manual clock. Records what it was asked.
class SimulatedSut : public SystemUnderTest {
 public:
  explicit SimulatedSut(ManualClock& clock, std::int64_t service_ns = kMs)
      : clock_(clock), service_ns_([service_ns](std::uint64_t) { return service_ns; }) {}

  const std::string& name() const override { return name_; }
  std::uint64_t samples_in_flight() const override { return in_flight; }
  Status start(const TestPlan& test_plan, CompletionSink& sink) override {
    if (start_error) return *start_error;
    plan = test_plan;
    sink_ = &sink;
    // What an earlier test left in the queue is dropped.
    free_ns_ = 0;
    ++starts;
    return {};
  }
  Status expect_query(std::uint64_t samples) override {
    expected_sizes.push_back(samples);
    return {};
  }
  void issue(std::span<const QuerySample> query) override {
    clock_.advance_ns(issue_cost_ns);
    const bool is_warmup = (query[0].id >> 63) != 0;
    if (is_warmup) {
      warmup_sizes.push_back(query.size());
    } else {
      issued_at_ns.push_back(clock_.now_ns());
      query_sizes.push_back(query.size());
      for (const QuerySample& sample : query) issued.push_back(sample);
      if (on_query) on_query(query_sizes.size() - 1);
    }
    for (const QuerySample& sample : query) {
      free_ns_ = std::max(free_ns_, clock_.now_ns()) + service_ns_(samples_++);
      clock_.call_at(free_ns_, [this, sample, is_warmup, test = starts] {
        if (test == starts) answer(sample, is_warmup);
      });
    }
  }
  void flush() override { ++flushes; }
  void stop() override {
    if (before_stop) before_stop();
    sink_ = nullptr;
    ++stops;
  }

  void set_service(std::function<std::int64_t(std::uint64_t)> service_ns) {
    service_ns_ = std::move(service_ns);
  }
  CompletionSink& sink() { return *sink_; }
  void complete(SampleId id, std::int64_t tokens = 0) {
    QuerySampleResponse response{id, {}};
    response.tokens = tokens;
    sink_->complete({&response, 1});
  }
  void first_token(SampleId id) {
    const QuerySampleResponse response{id, {}};
    sink_->first_token({&response, 1});
  }

  std::uint64_t in_flight = 1;
  std::int64_t issue_cost_ns = 0;
  std::optional<Error> start_error;
  std::function<void(std::uint64_t query)> on_query;  ///< at the issue of a timed query
  std::function<void(const QuerySample&)> on_answer;  ///< instead of the plain answer
  std::function<void()> before_stop;
  TestPlan plan;
  std::vector<QuerySample> issued;
  std::vector<std::uint64_t> query_sizes;
  std::vector<std::uint64_t> warmup_sizes;
  std::vector<std::uint64_t> expected_sizes;
  std::vector<std::int64_t> issued_at_ns;
  int starts = 0;
  int stops = 0;
  int flushes = 0;

 private:
  void answer(const QuerySample& sample, bool is_warmup) {
    if (sink_ == nullptr) return;
    if (!is_warmup && on_answer) {
      on_answer(sample);
    } else {
      complete(sample.id);
    }
  }

  std::string name_ = "simulated";
  ManualClock& clock_;
  std::function<std::int64_t(std::uint64_t)> service_ns_;
  CompletionSink* sink_ = nullptr;
  std::int64_t free_ns_ = 0;
  std::uint64_t samples_ = 0;
};

}  // namespace lode::loadgen
