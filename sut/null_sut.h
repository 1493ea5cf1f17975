// Answers every sample before issue() returns: what a test of it measures is the load generator.
#pragma once

#include <string>

#include "loadgen/system_under_test.h"

namespace lode::sut {

class NullSut final : public loadgen::SystemUnderTest {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Status start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) override;
  /// One completion a query, or several if it has more than kResponsesMax samples.
  void issue(std::span<const loadgen::QuerySample> query) override;
  void flush() override {}
  void stop() override { sink_ = nullptr; }

  static constexpr std::size_t kResponsesMax = 256;

 private:
  std::string name_ = "null";
  loadgen::CompletionSink* sink_ = nullptr;
};

}  // namespace lode::sut
