#include "sut/process/shared_samples.h"

#include <algorithm>
#include <cstring>

namespace lode::sut {
namespace {

/// Every sample begins where vector instructions like it.
constexpr std::uint64_t kAlignment = 64;
/// So many samples at a time are in memory twice.
constexpr std::size_t kCopiedAtOnce = 64;

}  // namespace

Result<std::unique_ptr<SharedSamples>> SharedSamples::create(
    std::unique_ptr<SampleLibrary> source) {
  if (source->performance_sample_count() > UINT32_MAX) {
    return usage_error("{} samples at once are too many for a process; lower performance_samples",
                       source->performance_sample_count());
  }
  LODE_TRY(SharedMemory memory, SharedMemory::create("lode-samples"));
  std::unique_ptr<SharedSamples> samples(new SharedSamples(std::move(source), std::move(memory)));
  const std::uint64_t bytes = samples->slots_ * samples->stride_;
  LODE_CHECK_OK(samples->memory_.allocate(bytes, /*others_write=*/false));
  return samples;
}

SharedSamples::SharedSamples(std::unique_ptr<SampleLibrary> source, SharedMemory memory)
    : source_(std::move(source)),
      memory_(std::move(memory)),
      slots_(source_->performance_sample_count()),
      sample_bytes_(static_cast<std::uint64_t>(source_->sample_shape().element_count()) *
                    sizeof(float)),
      stride_((sample_bytes_ + kAlignment - 1) / kAlignment * kAlignment),
      places_(source_->total_sample_count()) {
  for (std::uint64_t slot = slots_; slot > 0; --slot) {
    free_slots_.push_back(static_cast<std::uint32_t>(slot - 1));
  }
}

Status SharedSamples::load(std::span<const SampleIndex> indices) {
  std::vector<SampleIndex> fresh;
  for (const SampleIndex index : indices) {
    Place& place = places_[index];
    if (place.uses++ > 0) continue;
    if (free_slots_.empty()) {
      --place.uses;
      return runtime_error("{}: more than {} samples are loaded at once; raise performance_samples",
                           name(), slots_);
    }
    place.slot = free_slots_.back();
    free_slots_.pop_back();
    fresh.push_back(index);
  }
  for (std::size_t at = 0; at < fresh.size(); at += kCopiedAtOnce) {
    LODE_CHECK_OK(copy(std::span(fresh).subspan(at, std::min(kCopiedAtOnce, fresh.size() - at))));
  }
  return {};
}

Status SharedSamples::copy(std::span<const SampleIndex> indices) {
  LODE_CHECK_OK(source_->load(indices));
  for (const SampleIndex index : indices) {
    if (sample_bytes_ == 0) continue;
    std::memcpy(memory_.bytes().data() + places_[index].slot * stride_,
                source_->sample(index).data(), sample_bytes_);
  }
  source_->unload(indices);
  return {};
}

void SharedSamples::unload(std::span<const SampleIndex> indices) {
  for (const SampleIndex index : indices) {
    Place& place = places_[index];
    LODE_ASSERT(place.uses > 0);
    if (--place.uses == 0) free_slots_.push_back(place.slot);
  }
}

std::span<const float> SharedSamples::sample(SampleIndex index) const {
  const std::byte* bytes = memory_.bytes().data() + slot(index) * stride_;
  return {reinterpret_cast<const float*>(bytes), sample_bytes_ / sizeof(float)};
}

std::uint32_t SharedSamples::slot(SampleIndex index) const {
  const Place& place = places_[index];
  LODE_ASSERT(place.uses > 0);
  return place.slot;
}

}  // namespace lode::sut
