// A sink that keeps what it is told, and a library of small samples whose values tell their index.
#pragma once

#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "datasets/sample_library.h"
#include "loadgen/system_under_test.h"

namespace lode::sut {

class CollectingSink final : public loadgen::CompletionSink {
 public:
  explicit CollectingSink(Clock& clock) : clock_(clock) {}

  void complete(std::span<const loadgen::QuerySampleResponse> responses) override {
    const std::lock_guard lock(mutex_);
    ++calls_;
    for (const loadgen::QuerySampleResponse& response : responses) {
      ids_.push_back(response.id);
      times_ns_.push_back(clock_.now_ns());
      outputs_[response.id].assign(response.data.begin(), response.data.end());
    }
    count_.fetch_add(responses.size());
    clock_.notify(count_);
  }
  void fail(const Error& error) override {
    const std::lock_guard lock(mutex_);
    failure_ = error;
  }

  /// Waits until so many samples are answered, 20 s at most.
  [[nodiscard]] bool wait(std::uint64_t samples) {
    return clock_.wait_for(count_, samples, clock_.now_ns() + 20'000'000'000);
  }

  // To be read when nothing is in flight.
  [[nodiscard]] const std::vector<loadgen::SampleId>& ids() const { return ids_; }
  [[nodiscard]] const std::vector<std::int64_t>& times_ns() const { return times_ns_; }
  [[nodiscard]] std::size_t calls() const { return calls_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  [[nodiscard]] std::vector<float> output(loadgen::SampleId id) const {
    const std::vector<std::byte>& bytes = outputs_.at(id);
    std::vector<float> values(bytes.size() / sizeof(float));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

 private:
  Clock& clock_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> count_{0};
  std::size_t calls_ = 0;
  std::vector<loadgen::SampleId> ids_;
  std::vector<std::int64_t> times_ns_;
  std::map<loadgen::SampleId, std::vector<std::byte>> outputs_;
  std::optional<Error> failure_;
};

/// Sample i is filled with the value i + 1.
class CountingLibrary final : public SampleLibrary {
 public:
  explicit CountingLibrary(Shape shape, std::uint64_t samples = 64) : shape_(shape) {
    const auto elements = static_cast<std::size_t>(shape.element_count());
    for (std::uint64_t i = 0; i < samples; ++i) {
      samples_.emplace_back(elements, static_cast<float>(i + 1));
    }
  }

  const std::string& name() const override { return name_; }
  std::uint64_t total_sample_count() const override { return samples_.size(); }
  std::uint64_t performance_sample_count() const override { return samples_.size(); }
  const Shape& sample_shape() const override { return shape_; }
  Status load(std::span<const SampleIndex>) override { return {}; }
  void unload(std::span<const SampleIndex>) override {}
  std::span<const float> sample(SampleIndex index) const override { return samples_.at(index); }
  std::int64_t label(SampleIndex) const override { return -1; }

 private:
  std::string name_ = "counting";
  Shape shape_;
  std::vector<std::vector<float>> samples_;
};

/// A query of samples first, first + 1, ..., of ids equal to the indices.
inline std::vector<loadgen::QuerySample> make_query(std::uint64_t first, std::uint64_t count) {
  std::vector<loadgen::QuerySample> query;
  for (std::uint64_t i = first; i < first + count; ++i) query.push_back({i, i});
  return query;
}

}  // namespace lode::sut
