// What the parts of h5::File share: the open file, its open datasets, and how errors read.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/h5/h5_device.h"
#include "base/h5/h5_file.h"
#include "base/h5/h5_handle.h"

namespace lode::h5 {

struct File::Impl {
  std::string path;
  bool writable = false;
  // In this order: the datasets close first, then the file, then what it writes to.
  std::unique_ptr<Device> device;
  FileHandle file;
  std::map<std::string, DatasetHandle, std::less<>> datasets;

  /// "PATH: NAME: what", and the system's reason in place of it once a write has failed.
  [[nodiscard]] Error error(std::string_view name, std::string_view what) const;
  /// The same for a failed call of HDF5: "PATH: NAME: what: its reason".
  [[nodiscard]] Error library_error(std::string_view name, std::string_view what) const;
  /// An error if the file is closed, read-only or has failed to write before.
  [[nodiscard]] Status check_writable(std::string_view name) const;
  /// An error if the disk refused something so far.
  [[nodiscard]] Status check_written(std::string_view name) const;

  /// Every part of the path exists, and is in this file: links to other files are not followed.
  [[nodiscard]] bool exists(std::string_view name) const;
  /// An open dataset whose elements are in this file; it stays open until the file closes.
  [[nodiscard]] Result<hid_t> dataset(std::string_view name);
};

/// Whether `count` elements of `size` bytes may be in the file: deflate makes at most 1032 bytes of
/// one. Guards allocations against the extents of a damaged file.
[[nodiscard]] bool plausible_size(const Device& device, std::uint64_t count, std::uint64_t size,
                                  bool deflated);

}  // namespace lode::h5
