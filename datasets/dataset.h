// The HDF5 dataset: what `lode dataset` writes and `lode run` reads.
//
// File: /samples [N,H,W,C] or [N,C,H,W] (u8 or f32), chunked, fletcher32, optionally deflated;
// /labels int64 [N]; /ids strings [N]; /calibration int64 indices; attributes of the root group:
// schema ("lodestone.dataset/1"), layout (nhwc|nchw), dtype, color (rgb|grey), mean, std, source,
// preprocessing, decoder, classes, left_out (images that could not be read; absent means 0).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "datasets/sample_library.h"

namespace lode::datasets {

enum class SampleLayout : std::uint8_t { kNhwc, kNchw };

/// What the file says of its samples.
struct DatasetInfo {
  std::uint64_t samples = 0;
  Shape sample_shape;  ///< [C,H,W], whatever the storage order
  SampleLayout layout = SampleLayout::kNchw;
  DType dtype =
      DType::kF32;  ///< kU8: pixels 0..255, normalised when loaded; kF32: as the model wants
  std::string color = "rgb";
  std::vector<float> mean;  ///< per channel, of pixel/255; x = (pixel/255 - mean) / std
  std::vector<float> std;
  std::string source;
  std::string preprocessing;
  std::string decoder;
  std::string schema;
  std::uint64_t chunk_samples = 0;
  std::string filters;                      ///< "fletcher32" or "deflate(4)+fletcher32"
  std::int64_t left_out = 0;                ///< images of the source that could not be read
  std::int64_t classes = 0;                 ///< 1 + the largest label; 0 without labels
  std::vector<std::uint64_t> label_counts;  ///< samples a class
  std::vector<SampleIndex> calibration;
};

/// Told now and then by long work: done of total, in samples.
using ProgressSink = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Samples of the loaded set if nobody says how many: as many as MLPerf's ResNet-50 has at least,
/// and 0.6 GB of 3x224x224.
inline constexpr std::uint64_t kPerformanceSamples = 1024;

/// Opens a dataset as a sample library. `performance_samples` caps the loaded set (0: at
/// kPerformanceSamples). Errors name the file and what is wrong with it.
[[nodiscard]] Result<std::unique_ptr<SampleLibrary>> open_dataset(
    const std::filesystem::path& path, std::uint64_t performance_samples);

[[nodiscard]] Result<DatasetInfo> read_dataset_info(const std::filesystem::path& path);

/// Ids of the samples, in order: file names relative to the imported folder, or
/// "synth10/SEED/INDEX".
[[nodiscard]] Result<std::vector<std::string>> read_dataset_ids(const std::filesystem::path& path);

/// Reads every chunk (their checksums included), and checks counts, label range, calibration
/// indices, attributes and that f32 samples are finite. An error names the first thing wrong:
/// dataset, chunk, sample range.
[[nodiscard]] Status verify_dataset(const std::filesystem::path& path, const ProgressSink& progress,
                                    const std::atomic<bool>& interrupted);

}  // namespace lode::datasets
