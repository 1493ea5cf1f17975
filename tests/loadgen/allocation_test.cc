// Nothing allocates on the issue and completion path: operator new counts, thread by thread.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <thread>

#include "loadgen/load_generator.h"
#include "tests/loadgen/fakes.h"

namespace {

thread_local std::uint64_t t_allocations = 0;

void* counted(std::size_t size, std::size_t alignment) {
  ++t_allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, rounded)
                                                       : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
// Not inlined: the compiler would see free() without the malloc() that it belongs to.
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace lode::loadgen {
namespace {

/// Answers at once, or from a thread of its own; notes the allocations of the threads concerned
/// between the first timed issue and the last answer.
class CountingSut final : public SystemUnderTest {
 public:
  explicit CountingSut(bool is_inline) : is_inline_(is_inline) {}

  const std::string& name() const override { return name_; }
  Status start(const TestPlan&, CompletionSink& sink) override {
    sink_ = &sink;
    if (!is_inline_) worker_ = std::thread([this] { work(); });
    return {};
  }
  void issue(std::span<const QuerySample> query) override {
    const bool is_timed = (query[0].id >> 63) == 0;
    if (is_timed && issued_ == 0) issue_begin_ = t_allocations;
    if (is_timed) issued_ += query.size();
    if (is_inline_) {
      answer(query);
    } else {
      query_ = query;
      pending_.fetch_add(1);
      pending_.notify_one();
      // The span is valid during the call only.
      while (answered_.load() != pending_.load()) std::this_thread::yield();
    }
    issue_end_ = t_allocations;
  }
  void flush() override {}
  void stop() override {
    if (!worker_.joinable()) return;
    stopping_ = true;
    pending_.fetch_add(1);
    pending_.notify_one();
    worker_.join();
  }

  std::uint64_t allocations() const {
    return issue_end_ - issue_begin_ + (worker_end_ - worker_begin_);
  }
  std::uint64_t issued() const { return issued_; }

 private:
  void answer(std::span<const QuerySample> query) {
    for (const QuerySample& sample : query) {
      const QuerySampleResponse response{sample.id, {}};
      sink_->complete({&response, 1});
    }
  }
  void work() {
    worker_begin_ = t_allocations;
    for (std::uint32_t done = 0;; ++done) {
      pending_.wait(done);
      if (stopping_) break;
      answer(query_);
      worker_end_ = t_allocations;
      answered_.store(done + 1);
    }
  }

  std::string name_ = "counting";
  bool is_inline_;
  CompletionSink* sink_ = nullptr;
  std::thread worker_;
  std::span<const QuerySample> query_;
  std::atomic<std::uint32_t> pending_{0};
  std::atomic<std::uint32_t> answered_{0};
  std::atomic<bool> stopping_{false};
  std::uint64_t issued_ = 0;
  std::uint64_t issue_begin_ = 0, issue_end_ = 0, worker_begin_ = 0, worker_end_ = 0;
};

std::uint64_t allocations_of(Scenario scenario, bool is_inline, std::uint64_t queries) {
  RealClock clock;
  FakeLibrary library(1024);
  CountingSut sut(is_inline);
  Settings settings;
  settings.scenario = scenario;
  settings.min_duration_ns = 0;
  settings.min_query_count = queries;
  TestHooks hooks;
  hooks.progress = [](const LiveStatus&) {};
  const auto result = run_test(sut, library, settings, clock, hooks);
  EXPECT_TRUE(result.ok());
  EXPECT_GE(sut.issued(), queries);
  EXPECT_EQ(result->metrics.samples, sut.issued());
  return sut.allocations();
}

TEST(Allocation, TheCounterCounts) {
  const std::uint64_t before = t_allocations;
  // Not optimised away, as new and delete of one expression may be.
  const std::vector<int> one(100, 1);
  const std::string two(one.size(), 'x');
  EXPECT_EQ(t_allocations - before, 2U) << two;
}

TEST(Allocation, NoneWhileAnswersComeFromTheIssuingThread) {
  for (const Scenario scenario :
       {Scenario::kSingleStream, Scenario::kMultiStream, Scenario::kOffline}) {
    EXPECT_EQ(allocations_of(scenario, true, 100'000), 0U) << scenario_name(scenario);
  }
}

TEST(Allocation, NoneWhileAnswersComeFromAnotherThread) {
  for (const Scenario scenario :
       {Scenario::kSingleStream, Scenario::kMultiStream, Scenario::kOffline}) {
    EXPECT_EQ(allocations_of(scenario, false, 10'000), 0U) << scenario_name(scenario);
  }
}

}  // namespace
}  // namespace lode::loadgen
