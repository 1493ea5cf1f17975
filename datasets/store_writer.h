// Writes a dataset file sample by sample, holding one chunk in memory.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/h5/h5_file.h"
#include "datasets/image.h"
#include "datasets/import.h"
#include "datasets/normalise.h"

namespace lode::datasets {

/// What the attributes say beyond StoreOptions.
struct StoreDescription {
  std::string source;
  std::string preprocessing;  ///< "resize 256 bilinear, ": the writer adds the normalisation
  std::string decoder;
};

/// The temporary name of a file, removed when destroyed.
class StagingFile {
 public:
  explicit StagingFile(std::filesystem::path path) : path_(std::move(path)) {}
  StagingFile(StagingFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  StagingFile& operator=(StagingFile&&) = delete;
  ~StagingFile();

  /// Renames it to `target`.
  [[nodiscard]] Status move_to(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
};

/// Writes under a temporary name, which is removed unless finish() succeeds.
class StoreWriter {
 public:
  /// Creates the temporary file. `channels`: 1 or 3. Errors: an option out of range, a path that
  /// cannot be written.
  [[nodiscard]] static Result<StoreWriter> create(const std::filesystem::path& path,
                                                  const StoreOptions& options,
                                                  const StoreDescription& description,
                                                  std::int64_t channels);
  StoreWriter(StoreWriter&& other) noexcept = default;
  StoreWriter& operator=(StoreWriter&&) = delete;
  ~StoreWriter() = default;

  /// Adds the next sample. Every image has the size of the first; an error says if not.
  /// label: 0..kClassesMax-1.
  [[nodiscard]] Status append(const Image& image, std::int64_t label, std::string id);

  [[nodiscard]] std::uint64_t count() const { return ids_.size(); }

  /// Writes what is left, draws the calibration indices and puts the file in place.
  [[nodiscard]] Status finish();
  /// So many images of the source were left out, as finish() will note.
  void set_left_out(std::uint64_t images) { left_out_ = static_cast<std::int64_t>(images); }

 private:
  StoreWriter(std::filesystem::path path, StagingFile staging, h5::File file, StoreOptions options,
              StoreDescription description);

  [[nodiscard]] Status begin_samples(const Image& image);
  void convert(const Image& image, std::byte* out) const;
  [[nodiscard]] Status flush_chunk();
  [[nodiscard]] Status write_indices(std::string_view name,
                                     const std::vector<std::int64_t>& values);
  [[nodiscard]] Status write_attributes();

  std::filesystem::path path_;
  // In this order: the file closes before its temporary name goes.
  StagingFile staging_;
  h5::File file_;
  StoreOptions options_;
  StoreDescription description_;
  std::int64_t left_out_ = 0;
  Normaliser normaliser_;
  Shape stored_shape_;  ///< of one sample, in storage order; rank 0 before the first
  std::int64_t width_ = 0;
  std::int64_t height_ = 0;
  std::size_t sample_bytes_ = 0;
  std::vector<std::byte> chunk_;
  std::uint64_t written_ = 0;  ///< samples that are in the file
  std::vector<std::int64_t> labels_;
  std::vector<std::string> ids_;
};

/// min(count, samples) distinct indices below `samples`, in the order drawn; a function of `seed`.
[[nodiscard]] std::vector<std::int64_t> draw_calibration(std::uint64_t samples, std::uint64_t count,
                                                         std::uint64_t seed);

}  // namespace lode::datasets
