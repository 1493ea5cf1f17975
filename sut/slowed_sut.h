// A test aid: another SUT, made slower by a known share, to see whether a comparison finds it.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "loadgen/system_under_test.h"

namespace lode::sut {

/// Holds each answer back, on the thread that brings it, for `share` of the time that the inner SUT
/// was busy with it: since it was issued, or since that thread's answer before it if that is later.
/// A worker is kept from its next samples meanwhile, so that throughput falls by as much.
class SlowedSut final : public loadgen::SystemUnderTest {
 public:
  /// `share` > 0; `clock` outlives the SUT.
  SlowedSut(std::unique_ptr<loadgen::SystemUnderTest> inner, double share, Clock& clock);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] loadgen::SutFacts facts() const override { return inner_->facts(); }
  [[nodiscard]] std::uint64_t samples_in_flight() const override {
    return inner_->samples_in_flight();
  }
  [[nodiscard]] Status start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) override;
  [[nodiscard]] Status expect_query(std::uint64_t samples) override {
    return inner_->expect_query(samples);
  }
  void issue(std::span<const loadgen::QuerySample> query) override;
  void flush() override { inner_->flush(); }
  void stop() override { inner_->stop(); }

 private:
  /// Stands between the inner SUT and the sink.
  class Brake final : public loadgen::CompletionSink {
   public:
    explicit Brake(SlowedSut& owner) : owner_(owner) {}
    void complete(std::span<const loadgen::QuerySampleResponse> responses) override {
      owner_.hold_back(responses);
    }
    void fail(const Error& error) override { owner_.sink_->fail(error); }

   private:
    SlowedSut& owner_;
  };

  /// Samples whose time of issue is remembered; more in flight are taken for later ones.
  static constexpr std::size_t kSlots = std::size_t{1} << 16;

  void hold_back(std::span<const loadgen::QuerySampleResponse> responses);

  std::unique_ptr<loadgen::SystemUnderTest> inner_;
  double share_;
  Clock& clock_;
  std::string name_;
  Brake brake_;
  loadgen::CompletionSink* sink_ = nullptr;
  std::uint64_t test_ = 0;  ///< tells this test's answers from those of others on the same thread
  std::vector<std::atomic<std::int64_t>> issued_ns_;  ///< by sample id modulo kSlots
};

}  // namespace lode::sut
