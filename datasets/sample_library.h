// What a load generator and a system under test need of a dataset: samples by index, in memory
// before the clock starts.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "base/tensor_view.h"

namespace lode {

/// Index of a sample in its dataset, from 0.
using SampleIndex = std::uint64_t;

class SampleLibrary {
 public:
  SampleLibrary() = default;
  SampleLibrary(const SampleLibrary&) = delete;
  SampleLibrary& operator=(const SampleLibrary&) = delete;
  virtual ~SampleLibrary() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual std::uint64_t total_sample_count() const = 0;
  /// How many samples fit in memory at once: the size of a loaded set.
  [[nodiscard]] virtual std::uint64_t performance_sample_count() const = 0;

  /// Extents of one sample as a model gets it, without the batch: [C,H,W].
  [[nodiscard]] virtual const Shape& sample_shape() const = 0;

  /// Brings the samples into memory, normalised to f32 in [C,H,W] order. Loading twice is counted;
  /// each load wants its unload. Runs before the clock starts and may be slow.
  [[nodiscard]] virtual Status load(std::span<const SampleIndex> indices) = 0;
  virtual void unload(std::span<const SampleIndex> indices) = 0;

  /// A loaded sample: sample_shape() elements. Asserts that it is loaded. Safe from any thread
  /// between load and unload; neither allocates nor locks.
  [[nodiscard]] virtual std::span<const float> sample(SampleIndex index) const = 0;

  /// Class of a sample, or -1 if the dataset has no labels.
  [[nodiscard]] virtual std::int64_t label(SampleIndex index) const = 0;
};

}  // namespace lode
