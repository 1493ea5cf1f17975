// HDF5 identifiers that close themselves, and the library's reason for its last failure.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

namespace lode::h5 {

/// An identifier; negative if the call that made it failed.
template <herr_t (*kClose)(hid_t)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() { (void)close(); }

  [[nodiscard]] bool ok() const { return id_ >= 0; }
  [[nodiscard]] hid_t get() const { return id_; }
  /// Closes now; false if HDF5 reports a failure.
  [[nodiscard]] bool close() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id < 0 || kClose(id) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using FileHandle = Handle<H5Fclose>;
using DatasetHandle = Handle<H5Dclose>;
using SpaceHandle = Handle<H5Sclose>;
using TypeHandle = Handle<H5Tclose>;
using AttributeHandle = Handle<H5Aclose>;
using ListHandle = Handle<H5Pclose>;

/// Prepares the library, once: no plugins, no work at exit; and in each thread: no printing. Before
/// any other call.
void prepare_library();

/// The most specific message of the failure that just happened. Before any other HDF5 call.
[[nodiscard]] std::string last_reason();

}  // namespace lode::h5
