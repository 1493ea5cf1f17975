// write_synth_dataset(): the synthetic task, drawn a block at a time on a few threads.
#include <algorithm>

#include "datasets/import.h"
#include "datasets/parallel.h"
#include "datasets/store_format.h"
#include "datasets/store_writer.h"
#include "datasets/synth.h"

namespace lode::datasets {
namespace {

/// Images drawn between two looks at the interrupt flag.
constexpr std::uint64_t kBlock = 256;

struct Drawn {
  Image image{kSynthSize, kSynthSize, kSynthChannels, {}};
  int label = 0;
};

}  // namespace

Status write_synth_dataset(const SynthOptions& options, const std::filesystem::path& output,
                           const ProgressSink& progress, const std::atomic<bool>& interrupted) {
  if (options.samples == 0 || options.samples > kSamplesMax) {
    return usage_error("--samples {}: 1 to {}", options.samples, kSamplesMax);
  }
  const std::uint64_t seed = options.store.seed;
  const StoreDescription description{
      .source = fmt::format("synth10, seed {}", seed),
      .preprocessing = fmt::format("drawn at {}x{}, ", kSynthSize, kSynthSize),
      .decoder = "none"};
  StoreOptions store = options.store;
  store.chunk_samples = std::min(store.chunk_samples, options.samples);
  LODE_TRY(StoreWriter writer, StoreWriter::create(output, store, description, kSynthChannels));
  std::vector<Drawn> drawn;
  for (std::uint64_t first = 0; first < options.samples; first += drawn.size()) {
    if (interrupted.load()) {
      return Error{ErrorKind::kInterrupted, "interrupted; nothing was written"};
    }
    drawn.resize(std::min(kBlock, options.samples - first));
    for_each_index(drawn.size(), import_threads(), [&](std::size_t i) {
      drawn[i].image.pixels.resize(std::size_t{kSynthSize} * kSynthSize * kSynthChannels);
      drawn[i].label = synth_image(seed, first + i, drawn[i].image.pixels);
    });
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      LODE_CHECK_OK(writer.append(drawn[i].image, drawn[i].label,
                                  fmt::format("synth10/{}/{}", seed, first + i)));
    }
    if (progress) progress(first + drawn.size(), options.samples);
  }
  return writer.finish();
}

}  // namespace lode::datasets
