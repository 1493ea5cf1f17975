// Makes datasets: from folders of images, and from the synthetic task.
#pragma once

#include <array>
#include <optional>

#include "datasets/dataset.h"

namespace lode::datasets {

/// How the file is stored; common to every source.
struct StoreOptions {
  DType dtype = DType::kF32;  ///< kF32 stores normalised samples, kU8 the pixels
  SampleLayout layout = SampleLayout::kNchw;
  std::vector<float> mean;           ///< one a channel (or one for all); empty: 0
  std::vector<float> std;            ///< likewise, positive; empty: 1
  std::uint64_t chunk_samples = 32;  ///< samples a chunk: a batch of the usual size
  int deflate = 0;                   ///< 0 none, 1..9
  std::uint64_t calibration_samples = 128;
  std::uint64_t seed = 0;  ///< of the calibration draw (and of the task, for synth)
  bool force = false;      ///< replace a file that is no dataset; datasets are replaced anyway
};

struct ImageImportOptions {
  std::filesystem::path images;  ///< a folder of images, or of one folder a class
  /// Lines `file class`, as MLPerf's val_map.txt; none: one folder a class, in sorted order.
  std::optional<std::filesystem::path> labels;
  std::int64_t resize = 0;  ///< shorter side, in pixels; 0: as it is
  std::int64_t crop = 0;    ///< centre crop to a square of this side; 0: none (all must be equal)
  bool grey = false;        ///< one channel (ITU-R 601 luma); default: three, RGB
  bool skip_unreadable = false;  ///< leave unreadable images out, and say which; default: fail
  StoreOptions store;
};

struct ImportReport {
  std::uint64_t imported = 0;
  std::vector<std::string> unreadable;  ///< "n01.jpg: why"
};

/// Streams images to `output`: a few chunks in memory at any time. The file appears whole or not at
/// all. Without skip_unreadable the error names the first unreadable images and their number. A
/// file that is read here is never replaced, whatever store.force says.
[[nodiscard]] Result<ImportReport> import_images(const ImageImportOptions& options,
                                                 const std::filesystem::path& output,
                                                 const ProgressSink& progress,
                                                 const std::atomic<bool>& interrupted);

struct SynthOptions {
  std::uint64_t samples = 10'000;
  StoreOptions store;  ///< store.seed chooses the stream of the task
};

/// The synthetic task of datasets/synth.h as a dataset.
[[nodiscard]] Status write_synth_dataset(const SynthOptions& options,
                                         const std::filesystem::path& output,
                                         const ProgressSink& progress,
                                         const std::atomic<bool>& interrupted);

}  // namespace lode::datasets
