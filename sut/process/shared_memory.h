// Memory that two processes map. It has no name: when the last of them ends, however it ends,
// nothing is left of it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/file_handle.h"
#include "base/result.h"

namespace lode::sut {

class SharedMemory {
 public:
  /// Nothing yet: allocate() makes it, once, also after another process has the file.
  [[nodiscard]] static Result<SharedMemory> create(const char* purpose);
  SharedMemory(SharedMemory&& other) noexcept
      : file_(std::move(other.file_)), bytes_(std::exchange(other.bytes_, {})) {}
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  /// Room for `bytes`, all zero, that nobody can resize any more. Others can write to it only if
  /// `others_write`. The system's refusal is an error: later, nothing can fail.
  [[nodiscard]] Status allocate(std::size_t bytes, bool others_write);

  [[nodiscard]] int file() const { return file_.get(); }
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit SharedMemory(FileHandle file) : file_(std::move(file)) {}

  FileHandle file_;
  std::span<std::byte> bytes_;
};

}  // namespace lode::sut
