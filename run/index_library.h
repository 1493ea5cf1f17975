// Samples without data: what the null and delay SUTs are loaded with when no dataset is given.
#pragma once

#include "datasets/sample_library.h"

namespace lode::run {

class IndexLibrary final : public SampleLibrary {
 public:
  /// `count` samples, at least 1, all of which fit in memory.
  explicit IndexLibrary(std::uint64_t count) : count_(count) { LODE_ASSERT(count > 0); }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t total_sample_count() const override { return count_; }
  [[nodiscard]] std::uint64_t performance_sample_count() const override { return count_; }
  [[nodiscard]] const Shape& sample_shape() const override { return shape_; }
  [[nodiscard]] Status load(std::span<const SampleIndex>) override { return {}; }
  void unload(std::span<const SampleIndex>) override {}
  [[nodiscard]] std::span<const float> sample(SampleIndex) const override { return {}; }
  [[nodiscard]] std::int64_t label(SampleIndex) const override { return -1; }

 private:
  std::uint64_t count_;
  std::string name_ = "indices without data";
  Shape shape_ = {0};
};

}  // namespace lode::run
