// A thin RAII layer over the HDF5 C API: the only folder that sees HDF5's headers. Not
// thread-safe, as the library below is not: read before the clock starts, write after it stops.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "base/tensor_view.h"

namespace lode::h5 {

/// How a dataset is stored.
struct StorageOptions {
  Shape chunk;      ///< extents of a chunk; rank 0: contiguous (then no filter is possible)
  int deflate = 0;  ///< 0 none, 1..9
  bool fletcher32 = false;
};

struct DatasetInfo {
  DType dtype = DType::kF32;
  Shape shape;
  Shape chunk;  ///< rank 0: contiguous
  int deflate = 0;
  bool fletcher32 = false;
};

/// An open file. Every error is one line that names the file and the object.
class File {
 public:
  /// Opens for reading. Files in HDF5's oldest format, without checksums, are refused.
  [[nodiscard]] static Result<File> open(const std::filesystem::path& path);
  /// Truncates. `shown_as`: the path in errors, where `path` is a temporary name for it.
  [[nodiscard]] static Result<File> create(const std::filesystem::path& path,
                                           const std::filesystem::path& shown_as = {});

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  /// Flushes and closes, so that a full disk is seen. A File that is destroyed open is closed
  /// without a word.
  [[nodiscard]] Status close();

  [[nodiscard]] bool has(std::string_view name) const;
  /// In a file opened for reading, extents beyond what the file can hold are an error, so that a
  /// caller may allocate by them.
  [[nodiscard]] Result<DatasetInfo> info(std::string_view name) const;

  /// Creates an empty dataset (and the groups of its path); unlimited in extent 0 if it is 0.
  [[nodiscard]] Status create_dataset(std::string_view name, DType dtype, const Shape& shape,
                                      const StorageOptions& options);
  /// Writes rows [first, first + rows) of extent 0, growing the dataset if need be.
  [[nodiscard]] Status write_rows(std::string_view name, std::uint64_t first, std::uint64_t rows,
                                  TensorView data);
  /// Reads rows [first, first + rows) into `out`, whose type must be the stored one.
  [[nodiscard]] Status read_rows(std::string_view name, std::uint64_t first, std::uint64_t rows,
                                 MutableTensorView out) const;

  /// Whole one-dimensional datasets of strings, stored with the length of the longest. Strings of
  /// variable length, in datasets and attributes, are refused: HDF5 1.10 reads damaged ones
  /// unsafely.
  [[nodiscard]] Status write_strings(std::string_view name, std::span<const std::string> values);
  [[nodiscard]] Result<std::vector<std::string>> read_strings(std::string_view name) const;

  /// Attributes of the root group.
  [[nodiscard]] Status set_attribute(std::string_view name, std::string_view value);
  [[nodiscard]] Status set_attribute(std::string_view name, std::int64_t value);
  [[nodiscard]] Status set_attribute(std::string_view name, std::span<const float> values);
  [[nodiscard]] Result<std::string> string_attribute(std::string_view name) const;
  [[nodiscard]] Result<std::int64_t> int_attribute(std::string_view name) const;
  [[nodiscard]] Result<std::vector<float>> float_attribute(std::string_view name) const;

 private:
  struct Impl;
  explicit File(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lode::h5
