// open_dataset(): a dataset file as a sample library. A load reads each chunk that it needs once,
// in file order, and leaves its samples side by side in one aligned block of memory.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>

#include "datasets/store_reader.h"

namespace lode::datasets {
namespace {

/// A cache line, and the widest vector.
constexpr std::size_t kAlignment = 64;

struct Freer {
  void operator()(float* memory) const { std::free(memory); }
};
using Floats = std::unique_ptr<float[], Freer>;

/// What one load() brought, until its last sample is unloaded.
struct Block {
  Floats memory;
  std::uint64_t live = 0;  ///< samples still loaded
};

struct Slot {
  const float* data = nullptr;
  Block* block = nullptr;
  std::uint64_t loads = 0;  ///< less the unloads
};

class Hdf5Library final : public SampleLibrary {
 public:
  Hdf5Library(const std::filesystem::path& path, StoreReader reader,
              std::uint64_t performance_samples)
      : name_(path.filename().string()), reader_(std::move(reader)), slots_(info().samples) {
    const std::uint64_t all = info().samples;
    performance_samples_ =
        std::min(performance_samples == 0 ? kPerformanceSamples : performance_samples, all);
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t total_sample_count() const override { return info().samples; }
  [[nodiscard]] std::uint64_t performance_sample_count() const override {
    return performance_samples_;
  }
  [[nodiscard]] const Shape& sample_shape() const override { return info().sample_shape; }
  [[nodiscard]] Status load(std::span<const SampleIndex> indices) override;
  void unload(std::span<const SampleIndex> indices) override;

  [[nodiscard]] std::span<const float> sample(SampleIndex index) const override {
    LODE_ASSERT(index < slots_.size() && slots_[index].data != nullptr);
    return {slots_[index].data, reader_.sample_elements()};
  }
  [[nodiscard]] std::int64_t label(SampleIndex index) const override {
    LODE_ASSERT(index < slots_.size());
    return reader_.labels().empty() ? -1 : reader_.labels()[index];
  }

 private:
  [[nodiscard]] const DatasetInfo& info() const { return reader_.info(); }
  /// From one sample to the next in a block, in floats.
  [[nodiscard]] std::size_t stride() const {
    constexpr std::size_t kFloats = kAlignment / sizeof(float);
    return (reader_.sample_elements() + kFloats - 1) / kFloats * kFloats;
  }
  [[nodiscard]] Result<Floats> allocate(std::uint64_t samples) const;
  /// Reads `fresh`, each into its place in `memory`.
  [[nodiscard]] Status fill(const std::vector<SampleIndex>& fresh, float* memory) const;

  std::string name_;
  StoreReader reader_;
  std::uint64_t performance_samples_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Block>> blocks_;
};

Result<Floats> Hdf5Library::allocate(std::uint64_t samples) const {
  const std::uint64_t bytes = samples * stride() * sizeof(float);
  const std::uint64_t memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                               static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  auto* block =
      bytes <= memory ? static_cast<float*>(std::aligned_alloc(kAlignment, bytes)) : nullptr;
  if (block != nullptr) return Floats(block);
  return runtime_error(
      "{}: {} samples take {} MB of memory, more than there is; load fewer at once with "
      "--performance-samples",
      name_, samples, bytes / 1'000'000);
}

Status Hdf5Library::fill(const std::vector<SampleIndex>& fresh, float* memory) const {
  std::vector<std::size_t> order(fresh.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return fresh[a] < fresh[b]; });
  std::vector<std::byte> chunk;
  const std::uint64_t chunk_samples = info().chunk_samples;
  for (std::size_t at = 0; at < order.size();) {
    const std::uint64_t first = fresh[order[at]] / chunk_samples * chunk_samples;
    const std::uint64_t count = std::min(chunk_samples, info().samples - first);
    LODE_CHECK_OK(reader_.read_stored(first, count, chunk));
    for (; at < order.size() && fresh[order[at]] < first + count; ++at) {
      const std::byte* stored = chunk.data() + (fresh[order[at]] - first) * reader_.sample_bytes();
      reader_.convert(stored, memory + order[at] * stride());
    }
  }
  return {};
}

Status Hdf5Library::load(std::span<const SampleIndex> indices) {
  for (const SampleIndex index : indices) {
    if (index >= slots_.size()) {
      return runtime_error("{}: no sample {}; it has {}", name_, index, slots_.size());
    }
  }
  std::vector<SampleIndex> fresh;
  std::vector<bool> listed(slots_.size());
  for (const SampleIndex index : indices) {
    if (slots_[index].data != nullptr || listed[index]) continue;
    listed[index] = true;
    fresh.push_back(index);
  }
  if (!fresh.empty()) {
    auto block = std::make_unique<Block>();
    LODE_TRY(block->memory, allocate(fresh.size()));
    LODE_CHECK_OK(fill(fresh, block->memory.get()));
    block->live = fresh.size();
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      slots_[fresh[i]].data = block->memory.get() + i * stride();
      slots_[fresh[i]].block = block.get();
    }
    blocks_.push_back(std::move(block));
  }
  for (const SampleIndex index : indices) ++slots_[index].loads;
  return {};
}

void Hdf5Library::unload(std::span<const SampleIndex> indices) {
  for (const SampleIndex index : indices) {
    LODE_ASSERT(index < slots_.size() && slots_[index].loads > 0);
    Slot& slot = slots_[index];
    if (--slot.loads > 0) continue;
    --slot.block->live;
    slot = {};
  }
  std::erase_if(blocks_, [](const auto& block) { return block->live == 0; });
}

}  // namespace

Result<std::unique_ptr<SampleLibrary>> open_dataset(const std::filesystem::path& path,
                                                    std::uint64_t performance_samples) {
  LODE_TRY(StoreReader reader, StoreReader::open(path));
  return std::unique_ptr<SampleLibrary>(
      std::make_unique<Hdf5Library>(path, std::move(reader), performance_samples));
}

}  // namespace lode::datasets
