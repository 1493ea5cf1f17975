// A system under test in processes of its own, in any language: docs/adding-a-sut.md.
//
// What counts as service: waiting for a free process, the message there, what the process does, the
// message back. Samples were put where both sides see them when they were loaded.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "loadgen/system_under_test.h"
#include "sut/batch_workers.h"
#include "sut/process/channel.h"
#include "sut/process/command.h"
#include "sut/process/shared_samples.h"
#include "sut/sut_list.h"

namespace lode::sut {

/// `instances` processes side by side, each with one batch of at most `batch` samples at a time. A
/// process that ends, does not answer in time, or writes anything but answers fails the test.
class ProcessSut final : public loadgen::SystemUnderTest {
 public:
  /// Starts the processes and waits until they are ready, so long as the request allows. Errors
  /// name the command and what it did.
  [[nodiscard]] static Result<std::unique_ptr<loadgen::SystemUnderTest>> create(
      const SutRequest& request);
  ~ProcessSut() override { stop(); }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t samples_in_flight() const override {
    return workers_->samples_in_flight();
  }
  [[nodiscard]] loadgen::SutFacts facts() const override { return facts_; }

  /// Tells the processes that a test begins, and measures what reaching the first one costs. Usage
  /// error: outputs are wanted, and the process gives none.
  [[nodiscard]] Status start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) override;
  [[nodiscard]] Status expect_query(std::uint64_t samples) override;
  void issue(std::span<const loadgen::QuerySample> query) override;
  void flush() override {}
  /// A batch that is at work gets Channel::kGraceNs to end; a process that is still at work then is
  /// killed. An answer too many that was waiting fails the test even now.
  void stop() override;

  /// Exchanges that the cost of transport is measured by: one behind the other, and with pauses.
  static constexpr std::size_t kRoundTrips = 200;
  static constexpr std::size_t kPausedRoundTrips = 50;

 private:
  struct Instance {
    std::unique_ptr<Channel> channel;
    std::unique_ptr<SharedMemory> outputs;
    std::unique_ptr<std::mutex> in_use = std::make_unique<std::mutex>();  ///< an exchange runs
    std::vector<std::uint32_t> slots;
    std::vector<loadgen::QuerySampleResponse> responses;
    bool is_usable = true;  ///< knows that a test began, and has answered as it should so far
  };

  explicit ProcessSut(const SutRequest& request) : request_(request) {}
  [[nodiscard]] Status launch(const ProcessCommand& command, std::size_t index);
  [[nodiscard]] Result<std::string> settings_of(std::size_t index) const;
  [[nodiscard]] std::vector<int> cpus_of(std::size_t index) const;
  [[nodiscard]] Status take(const ReadyFacts& facts, std::size_t index);
  [[nodiscard]] Status allocate_outputs(Instance& instance);
  [[nodiscard]] Status begin_test(Instance& instance, const loadgen::TestPlan& plan);
  [[nodiscard]] Status measure_transport(Instance& instance);

  void run_batch(Instance& instance, std::span<const loadgen::QuerySample> batch);
  void respond(Instance& instance, std::span<const loadgen::QuerySample> batch);
  void end_test(Instance& instance);
  [[nodiscard]] Error told(const Error& error) const;

  SutRequest request_;
  std::string name_;
  loadgen::SutFacts facts_;
  std::uint64_t outputs_ = 0;        ///< f32 values of each sample
  std::uint64_t output_stride_ = 0;  ///< bytes from one sample's to the next one's
  bool wants_outputs_ = false;
  loadgen::CompletionSink* sink_ = nullptr;
  std::vector<Instance> instances_;
  std::atomic<bool> failed_{false};
  std::unique_ptr<BatchWorkers> workers_;
};

}  // namespace lode::sut
