#include "sut/process/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/units.h"

namespace lode::sut {

Result<SharedMemory> SharedMemory::create(const char* purpose) {
  FileHandle file(memfd_create(purpose, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0) {
    return runtime_error("cannot make shared memory: {}", std::strerror(errno));
  }
  return SharedMemory(std::move(file));
}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

Status SharedMemory::allocate(std::size_t bytes, bool others_write) {
  LODE_ASSERT(bytes_.empty());
  if (bytes == 0) return {};
  // Pages that are only promised would be missed in the middle of a test, by a signal.
  const auto refused = [bytes](int error) {
    return runtime_error("cannot make {} of shared memory: {}; use fewer performance_samples",
                         format_bytes(bytes), std::strerror(error));
  };
  const int error = posix_fallocate(file_.get(), 0, static_cast<off_t>(bytes));
  if (error != 0) return refused(error);
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (address == MAP_FAILED) return refused(errno);
  bytes_ = {static_cast<std::byte*>(address), bytes};
  int seals = F_SEAL_SHRINK | F_SEAL_GROW;
#ifdef F_SEAL_FUTURE_WRITE
  if (!others_write) seals |= F_SEAL_FUTURE_WRITE;
#endif
  if (fcntl(file_.get(), F_ADD_SEALS, seals) != 0) {
    return runtime_error("cannot fix the size of shared memory: {}", std::strerror(errno));
  }
  return {};
}

}  // namespace lode::sut
