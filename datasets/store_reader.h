// Reads a dataset file: what it says of itself, checked, and its samples chunk by chunk.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/h5/h5_file.h"
#include "datasets/dataset.h"
#include "datasets/normalise.h"

namespace lode::datasets {

class StoreReader {
 public:
  /// Reads everything but the samples. What is checked here, others rely on: the schema; attributes
  /// that are known words; samples of rank 4, of the stated type, in whole-sample chunks; one label
  /// a sample, all below kClassesMax; calibration indices that are samples.
  [[nodiscard]] static Result<StoreReader> open(const std::filesystem::path& path);

  [[nodiscard]] const DatasetInfo& info() const { return info_; }
  /// One a sample, or empty if the dataset has no labels.
  [[nodiscard]] const std::vector<std::int64_t>& labels() const { return labels_; }

  /// Elements of one sample.
  [[nodiscard]] std::size_t sample_elements() const { return sample_elements_; }
  [[nodiscard]] std::size_t sample_bytes() const {
    return sample_elements_ * dtype_size(info_.dtype);
  }

  /// Reads samples [first, first + count), as stored, into `out`, which is resized.
  [[nodiscard]] Status read_stored(std::uint64_t first, std::uint64_t count,
                                   std::vector<std::byte>& out) const;

  /// One stored sample to normalised f32 in [C,H,W] order.
  void convert(const std::byte* stored, float* out) const;

  [[nodiscard]] Result<std::vector<std::string>> read_ids() const;

 private:
  explicit StoreReader(std::filesystem::path path, h5::File file)
      : path_(std::move(path)), file_(std::move(file)), normaliser_({}, {}) {}

  [[nodiscard]] Error error(std::string_view what) const;
  [[nodiscard]] Status read_attributes();
  [[nodiscard]] Status read_sample_extents();
  [[nodiscard]] Status read_labels();
  [[nodiscard]] Status read_calibration();
  /// A one-dimensional dataset of at most `limit` int64.
  [[nodiscard]] Result<std::vector<std::int64_t>> read_integers(std::string_view name,
                                                                std::uint64_t limit) const;

  std::filesystem::path path_;
  h5::File file_;
  DatasetInfo info_;
  Shape stored_shape_;  ///< [N, ...] in storage order
  std::size_t sample_elements_ = 0;
  std::vector<std::int64_t> labels_;
  Normaliser normaliser_;
};

}  // namespace lode::datasets
