// Owns a file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace lode {

/// -1 is none.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int file) : file_(file) {}
  FileHandle(FileHandle&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    if (this != &other) {
      close();
      file_ = std::exchange(other.file_, -1);
    }
    return *this;
  }
  ~FileHandle() { close(); }

  [[nodiscard]] int get() const { return file_; }
  void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

 private:
  int file_ = -1;
};

}  // namespace lode
