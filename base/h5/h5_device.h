// The HDF5 driver under h5::File: plain positioned reads and writes on a descriptor, except that
// the first write that fails (a full disk) is remembered and later ones are dropped. HDF5 1.10
// cannot close a file whose writes fail; this way it always can, and File reports the failure.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace lode::h5 {

class Device {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Device>> open_for_reading(
      const std::filesystem::path& path);
  /// Truncates. `shown_as` is the path in errors.
  [[nodiscard]] static Result<std::unique_ptr<Device>> create(const std::filesystem::path& path,
                                                              std::string_view shown_as);

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device();

  /// Makes `access` (a file access property list) use this device, which must outlive the file.
  /// False if HDF5 refuses.
  [[nodiscard]] bool attach_to(hid_t access);

  /// The size of the file, in bytes, as far as it has been written.
  [[nodiscard]] std::uint64_t size() const { return end_; }
  /// errno of the first write that failed, 0 if none has.
  [[nodiscard]] int failure() const { return failure_; }
  /// Brings everything to the disk; sets failure() if that does not work.
  void sync();

  // What the driver's callbacks need; true on success.
  [[nodiscard]] bool read_at(std::uint64_t offset, std::size_t bytes, void* out) const;
  void write_at(std::uint64_t offset, std::size_t bytes, const void* data);
  void truncate_to(std::uint64_t bytes);

 private:
  Device(int descriptor, bool writable, std::uint64_t end)
      : descriptor_(descriptor), writable_(writable), end_(end) {}

  int descriptor_;
  bool writable_;
  std::uint64_t end_;
  int failure_ = 0;
};

}  // namespace lode::h5
