#include "base/h5/h5_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace lode::h5 {
namespace {

constexpr std::uint64_t kAddressMax = static_cast<std::uint64_t>(INT64_MAX);

/// What HDF5 carries from the access properties to on_open().
struct DriverInfo {
  Device* device;
};

/// HDF5's view of an open device. HDF5 addresses it by its first member.
struct OpenFile {
  H5FD_t header;
  Device* device;
  haddr_t allocated_end;
};

OpenFile& self(H5FD_t* file) {
  return *reinterpret_cast<OpenFile*>(file);
}
const OpenFile& self(const H5FD_t* file) {
  return *reinterpret_cast<const OpenFile*>(file);
}

H5FD_t* on_open(const char*, unsigned, hid_t access, haddr_t) {
  const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
  if (info == nullptr) return nullptr;
  auto* file = new (std::nothrow) OpenFile{};
  if (file == nullptr) return nullptr;
  file->device = info->device;
  return &file->header;
}

herr_t on_close(H5FD_t* file) {
  delete &self(file);
  return 0;
}

herr_t on_query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t on_get_allocated_end(const H5FD_t* file, H5FD_mem_t) {
  return self(file).allocated_end;
}

herr_t on_set_allocated_end(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  self(file).allocated_end = address;
  return 0;
}

haddr_t on_get_end(const H5FD_t* file, H5FD_mem_t) {
  return self(file).device->size();
}

herr_t on_read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  return self(file).device->read_at(address, size, buffer) ? 0 : -1;
}

herr_t on_write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, const void* buffer) {
  self(file).device->write_at(address, size, buffer);
  return 0;
}

herr_t on_truncate(H5FD_t* file, hid_t, hbool_t) {
  self(file).device->truncate_to(self(file).allocated_end);
  return 0;
}

H5FD_class_t driver_class() {
  H5FD_class_t driver = {};
  driver.name = "lode";
  driver.maxaddr = kAddressMax;
  driver.fc_degree = H5F_CLOSE_STRONG;
  driver.fapl_size = sizeof(DriverInfo);
  driver.open = on_open;
  driver.close = on_close;
  driver.query = on_query;
  driver.get_eoa = on_get_allocated_end;
  driver.set_eoa = on_set_allocated_end;
  driver.get_eof = on_get_end;
  driver.read = on_read;
  driver.write = on_write;
  driver.truncate = on_truncate;
  const H5FD_mem_t by_kind[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(by_kind), std::end(by_kind), std::begin(driver.fl_map));
  return driver;
}

hid_t driver_id() {
  static const H5FD_class_t driver = driver_class();
  static const hid_t id = H5FDregister(&driver);
  return id;
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace

Result<std::unique_ptr<Device>> Device::open_for_reading(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return runtime_error("{}: cannot open: {}", path.string(), reason(errno));
  struct stat status = {};
  std::unique_ptr<Device> device(new Device(descriptor, false, 0));
  if (::fstat(descriptor, &status) != 0) {
    return runtime_error("{}: cannot open: {}", path.string(), reason(errno));
  }
  if (!S_ISREG(status.st_mode)) return runtime_error("{}: not a regular file", path.string());
  device->end_ = static_cast<std::uint64_t>(status.st_size);
  return device;
}

Result<std::unique_ptr<Device>> Device::create(const std::filesystem::path& path,
                                               std::string_view shown_as) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return runtime_error("{}: cannot create: {}", shown_as, reason(errno));
  return std::unique_ptr<Device>(new Device(descriptor, true, 0));
}

Device::~Device() {
  ::close(descriptor_);
}

bool Device::attach_to(hid_t access) {
  const DriverInfo info{this};
  return driver_id() >= 0 && H5Pset_driver(access, driver_id(), &info) >= 0;
}

bool Device::read_at(std::uint64_t offset, std::size_t bytes, void* out) const {
  auto* to = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t count = ::pread(descriptor_, to, bytes, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) {
      // HDF5 expects what is allocated but not yet written to read as zeros.
      std::memset(to, 0, bytes);
      return true;
    }
    to += count;
    offset += static_cast<std::uint64_t>(count);
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

void Device::write_at(std::uint64_t offset, std::size_t bytes, const void* data) {
  const auto* from = static_cast<const char*>(data);
  end_ = std::max(end_, offset + bytes);
  while (bytes > 0 && failure_ == 0) {
    const ssize_t count = ::pwrite(descriptor_, from, bytes, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      failure_ = count < 0 ? errno : ENOSPC;
      return;
    }
    from += count;
    offset += static_cast<std::uint64_t>(count);
    bytes -= static_cast<std::size_t>(count);
  }
}

void Device::truncate_to(std::uint64_t bytes) {
  if (!writable_ || bytes == end_) return;
  end_ = bytes;
  if (failure_ == 0 && ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) failure_ = errno;
}

void Device::sync() {
  // EINVAL and EROFS: a descriptor that cannot be synced, such as a pipe or a special file.
  if (failure_ == 0 && writable_ && ::fsync(descriptor_) != 0 && errno != EINVAL &&
      errno != EROFS) {
    failure_ = errno;
  }
}

}  // namespace lode::h5
