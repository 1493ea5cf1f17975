// MLPerf's SUT and library as the core sees them.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "loadgen/mlperf/loadgen.h"
#include "loadgen/mlperf/sessions.h"
#include "loadgen/system_under_test.h"

namespace mlperf {

class SutAdapter final : public lode::loadgen::SystemUnderTest {
 public:
  SutAdapter(mlperf::SystemUnderTest& sut, std::string name, std::int64_t close_limit_ns)
      : sut_(sut), name_(std::move(name)), close_limit_ns_(close_limit_ns) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] lode::Status start(const lode::loadgen::TestPlan& plan,
                                   lode::loadgen::CompletionSink& sink) override;
  void issue(std::span<const lode::loadgen::QuerySample> query) override;
  void flush() override { sut_.FlushQueries(); }
  /// Cuts the SUT off: its answers go nowhere from now on.
  void stop() override;

 private:
  mlperf::SystemUnderTest& sut_;
  std::string name_;
  std::int64_t close_limit_ns_;
  Sessions::Open session_;
  std::atomic<bool> is_open_{false};
};

class QslAdapter final : public lode::SampleLibrary {
 public:
  /// `total` and `performance`: counts that stand for the library's own.
  QslAdapter(QuerySampleLibrary& qsl, std::string name, std::uint64_t total,
             std::uint64_t performance)
      : qsl_(qsl), name_(std::move(name)), total_(total), performance_(performance) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t total_sample_count() const override { return total_; }
  [[nodiscard]] std::uint64_t performance_sample_count() const override { return performance_; }
  [[nodiscard]] const lode::Shape& sample_shape() const override { return shape_; }
  [[nodiscard]] lode::Status load(std::span<const lode::SampleIndex> indices) override;
  void unload(std::span<const lode::SampleIndex> indices) override;
  [[nodiscard]] std::span<const float> sample(lode::SampleIndex) const override { return {}; }
  [[nodiscard]] std::int64_t label(lode::SampleIndex) const override { return -1; }

 private:
  QuerySampleLibrary& qsl_;
  std::string name_;
  lode::Shape shape_ = {0};
  std::uint64_t total_;
  std::uint64_t performance_;
};

}  // namespace mlperf
