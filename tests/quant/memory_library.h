// Samples that a test makes up.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "datasets/sample_library.h"
#include "quant/graph_runner.h"
#include "tests/engine/graph_builder.h"

namespace lode::quant {

/// Seeded random samples in [-1,1), all in memory; labels are the index modulo `classes`.
class MemoryLibrary final : public SampleLibrary {
 public:
  MemoryLibrary(std::size_t count, Shape shape, std::int64_t classes = 4)
      : shape_(shape), classes_(classes) {
    for (std::size_t i = 0; i < count; ++i) {
      const engine::Tensor tensor = engine::random_tensor(shape, 1000 + i);
      const auto values = tensor.as<float>();
      samples_.emplace_back(values.begin(), values.end());
    }
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t total_sample_count() const override { return samples_.size(); }
  [[nodiscard]] std::uint64_t performance_sample_count() const override { return samples_.size(); }
  [[nodiscard]] const Shape& sample_shape() const override { return shape_; }
  [[nodiscard]] Status load(std::span<const SampleIndex> indices) override {
    loaded += indices.size();
    most_loaded = std::max(most_loaded, loaded);
    return {};
  }
  void unload(std::span<const SampleIndex> indices) override { loaded -= indices.size(); }
  [[nodiscard]] std::span<const float> sample(SampleIndex index) const override {
    return samples_[index];
  }
  [[nodiscard]] std::int64_t label(SampleIndex index) const override {
    return static_cast<std::int64_t>(index) % classes_;
  }

  std::vector<float>& values(SampleIndex index) { return samples_[index]; }

  /// All of them, in order.
  SampleSet all() {
    SampleSet set{this, {}};
    for (std::size_t i = 0; i < samples_.size(); ++i) set.indices.push_back(i);
    return set;
  }

  std::size_t loaded = 0;
  std::size_t most_loaded = 0;

 private:
  Shape shape_;
  std::int64_t classes_;
  std::string name_ = "in memory";
  std::vector<std::vector<float>> samples_;
};

}  // namespace lode::quant
