#include "base/file_io.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>

namespace lode {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::generic_category().message(errno);
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// Calls visit(chunk) for the file's bytes in order.
template <typename Visit>
Status read_chunks(const fs::path& path, Visit visit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return runtime_error("cannot open '{}': {}", path.string(), reason());
  std::vector<char> buffer(1U << 20);
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return runtime_error("cannot read '{}': {}", path.string(), reason());
    if (count == 0) return {};
    visit(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
  }
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    LODE_ASSERT(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(std::string_view bytes) {
    LODE_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    LODE_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

Status write_all(int fd, std::span<const std::string_view> parts) {
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const ssize_t count = ::write(fd, part.data(), part.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return runtime_error("{}", reason());
      part.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) return runtime_error("{}", reason());
  return {};
}

/// Writes into what `path` names: a pipe, a device, a link.
Status write_in_place(const fs::path& path, std::span<const std::string_view> parts) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (file.get() < 0) return runtime_error("cannot write '{}': {}", path.string(), reason());
  const Status status = write_all(file.get(), parts);
  if (status.ok()) return status;
  return status.error().within(fmt::format("cannot write '{}'", path.string()));
}

bool is_running(pid_t pid) {
  if (::kill(pid, 0) != 0) return errno != ESRCH;
  // A killed process that its parent has not asked about yet is in the list still, as a zombie.
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat.ok() ? stat->rfind(") ") : std::string::npos;
  return name_end == std::string::npos || stat->substr(name_end + 2, 1) != "Z";
}

/// Removes the siblings ("PREFIXpid") in `folder` of processes that are no more. Nobody else can
/// write to them, and what is not ours to remove stays.
void sweep_siblings(const fs::path& folder, const std::string& prefix) {
  std::error_code error;
  fs::directory_iterator entries(folder.empty() ? fs::path(".") : folder, error);
  std::vector<fs::path> dead;
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    pid_t pid = 0;
    const char* end = name.data() + name.size();
    const auto [rest, failure] = std::from_chars(name.data() + prefix.size(), end, pid);
    const bool is_ours = failure == std::errc() && rest == end && pid > 0;
    if (is_ours && !is_running(pid)) dead.push_back(entries->path());
  }
  for (const fs::path& path : dead) fs::remove_all(path, error);
}

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  std::string content;
  LODE_CHECK_OK(read_chunks(path, [&](std::string_view chunk) { content += chunk; }));
  return content;
}

fs::path temporary_sibling(const fs::path& path) {
  const std::string prefix = fmt::format(".{}.tmp-", path.filename().string());
  sweep_siblings(path.parent_path(), prefix);
  return path.parent_path() / fmt::format("{}{}", prefix, ::getpid());
}

Status write_file_atomically(const fs::path& path, std::string_view content) {
  return write_file_atomically(path, {&content, 1});
}

Status write_file_atomically(const fs::path& path, std::span<const std::string_view> parts) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(path, error).type();
  const bool is_special = type != fs::file_type::regular && type != fs::file_type::not_found &&
                          type != fs::file_type::none;
  if (is_special) return write_in_place(path, parts);
  const fs::path staging = temporary_sibling(path);
  Status status;
  {
    const Descriptor file(::open(staging.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                                 S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH));
    if (file.get() < 0) return runtime_error("cannot write '{}': {}", path.string(), reason());
    status = write_all(file.get(), parts);
  }
  if (status.ok() && ::rename(staging.c_str(), path.c_str()) == 0) return {};
  if (status.ok()) status = runtime_error("{}", reason());
  ::unlink(staging.c_str());
  return status.error().within(fmt::format("cannot write '{}'", path.string()));
}

Result<std::string> sha256_file(const fs::path& path) {
  Sha256 digest;
  LODE_CHECK_OK(read_chunks(path, [&](std::string_view chunk) { digest.add(chunk); }));
  return digest.hex();
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hex();
}

Result<PendingDirectory> PendingDirectory::create(const fs::path& path) {
  std::error_code error;
  fs::path target = path;
  if (target.filename().empty()) target = target.parent_path();
  if (target.empty()) return usage_error("the output directory's name is empty");
  if (fs::exists(target, error) &&
      !(fs::is_directory(target, error) && fs::is_empty(target, error))) {
    return runtime_error(
        "output '{}' exists already and is not an empty directory; choose another "
        "or remove it",
        target.string());
  }
  if (target.has_parent_path()) fs::create_directories(target.parent_path(), error);
  if (error) {
    return runtime_error("cannot create '{}': {}", target.parent_path().string(), error.message());
  }
  fs::path staging = temporary_sibling(target);
  fs::remove_all(staging, error);
  if (!fs::create_directory(staging, error)) {
    return runtime_error("cannot create output directory '{}': {}", target.string(),
                         error.message());
  }
  return PendingDirectory(std::move(target), std::move(staging));
}

PendingDirectory::PendingDirectory(PendingDirectory&& other) noexcept
    : target_(std::move(other.target_)), staging_(std::exchange(other.staging_, {})) {}

PendingDirectory::~PendingDirectory() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

Status PendingDirectory::commit() {
  // rename(2) replaces an empty directory, so an empty target is no special case.
  if (::rename(staging_.c_str(), target_.c_str()) != 0) {
    return runtime_error("cannot write '{}': {}", target_.string(), reason());
  }
  staging_.clear();
  return {};
}

}  // namespace lode
