// Files: whole reads, and writes that either happen completely or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode {

/// The whole file. Errors name the path and the system's reason.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);

/// Writes under a temporary name in the same folder, syncs, and renames over `path`: a reader sees
/// the old file or the whole new one. On failure nothing of it is left. A pipe, a device or a link
/// (/dev/stdout is one) is not replaced but written to.
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& path,
                                           std::string_view content);

/// The same for content in parts, written one behind the other: what is large already need not be
/// copied into one piece.
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& path,
                                           std::span<const std::string_view> parts);

/// SHA-256 of a file's bytes, 64 lower-case hex digits.
[[nodiscard]] Result<std::string> sha256_file(const std::filesystem::path& path);

/// SHA-256 of bytes in memory, 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// A file name to write under before renaming to `path`: in the same folder, unique to this
/// process, hidden (".NAME.tmp-PID"). Removes those that killed processes left.
[[nodiscard]] std::filesystem::path temporary_sibling(const std::filesystem::path& path);

/// A directory that is made under a temporary name and appears as `path` on commit(), or is removed
/// with all it holds when destroyed before. `path` may be absent or an empty directory.
class PendingDirectory {
 public:
  /// Fails if `path` exists and is not an empty directory, or cannot be created.
  [[nodiscard]] static Result<PendingDirectory> create(const std::filesystem::path& path);

  PendingDirectory(PendingDirectory&& other) noexcept;
  PendingDirectory& operator=(PendingDirectory&&) = delete;
  ~PendingDirectory();

  /// Where to write until commit().
  [[nodiscard]] const std::filesystem::path& staging() const { return staging_; }
  /// Renames staging() to the path asked for.
  [[nodiscard]] Status commit();

 private:
  PendingDirectory(std::filesystem::path target, std::filesystem::path staging)
      : target_(std::move(target)), staging_(std::move(staging)) {}

  std::filesystem::path target_;
  std::filesystem::path staging_;
};

}  // namespace lode
