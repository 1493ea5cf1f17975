// A sample library whose loaded samples are in memory that another process can map.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/sample_library.h"
#include "sut/process/shared_memory.h"

namespace lode::sut {

/// Stands in front of a library: load() copies a sample into a slot, and its memory there is given
/// back; from then on a slot's number says all.
class SharedSamples final : public SampleLibrary {
 public:
  /// Room for as many samples as `source` holds at once.
  [[nodiscard]] static Result<std::unique_ptr<SharedSamples>> create(
      std::unique_ptr<SampleLibrary> source);

  [[nodiscard]] const std::string& name() const override { return source_->name(); }
  [[nodiscard]] std::uint64_t total_sample_count() const override {
    return source_->total_sample_count();
  }
  [[nodiscard]] std::uint64_t performance_sample_count() const override { return slots_; }
  [[nodiscard]] const Shape& sample_shape() const override { return source_->sample_shape(); }
  /// Fails also if there are more samples than slots.
  [[nodiscard]] Status load(std::span<const SampleIndex> indices) override;
  void unload(std::span<const SampleIndex> indices) override;
  [[nodiscard]] std::span<const float> sample(SampleIndex index) const override;
  [[nodiscard]] std::int64_t label(SampleIndex index) const override {
    return source_->label(index);
  }

  /// Where a loaded sample is: it begins at slot x stride.
  [[nodiscard]] std::uint32_t slot(SampleIndex index) const;
  [[nodiscard]] std::uint64_t slots() const { return slots_; }
  /// Bytes of a sample, and from one slot to the next.
  [[nodiscard]] std::uint64_t sample_bytes() const { return sample_bytes_; }
  [[nodiscard]] std::uint64_t stride() const { return stride_; }
  [[nodiscard]] const SharedMemory& memory() const { return memory_; }

 private:
  struct Place {
    std::uint32_t slot = 0;
    std::uint32_t uses = 0;  ///< loads without their unloads
  };

  SharedSamples(std::unique_ptr<SampleLibrary> source, SharedMemory memory);
  [[nodiscard]] Status copy(std::span<const SampleIndex> indices);

  std::unique_ptr<SampleLibrary> source_;
  SharedMemory memory_;
  std::uint64_t slots_ = 0;
  std::uint64_t sample_bytes_ = 0;
  std::uint64_t stride_ = 0;
  std::vector<Place> places_;              ///< by index
  std::vector<std::uint32_t> free_slots_;  ///< the next one last
};

}  // namespace lode::sut
