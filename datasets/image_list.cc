#include "datasets/image_list.h"

#include <algorithm>
#include <array>
#include <map>
#include <system_error>

#include "base/file_io.h"
#include "base/units.h"

namespace lode::datasets {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kBlanks = " \t";

bool is_image_name(const fs::path& path) {
  static constexpr std::array<std::string_view, 3> kEndings = {".jpg", ".jpeg", ".png"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : static_cast<char>(c);
  });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Result<ImageEntry> parse_line(std::string_view line) {
  const std::size_t blank = line.find_last_of(kBlanks);
  if (blank == std::string_view::npos) {
    return usage_error("expected 'FILE CLASS', got '{}'", line);
  }
  const std::string_view file = trimmed(line.substr(0, blank));
  const auto label = parse_integer(line.substr(blank + 1), 0, kClassesMax - 1);
  if (!label.ok()) {
    return usage_error("class of '{}': {}", file, label.error().message);
  }
  if (fs::path(file).is_absolute()) {
    return usage_error("'{}' is absolute; paths are relative to the images' folder", file);
  }
  return ImageEntry{std::string(file), label.value(), 0};
}

Status check_directory(const fs::path& images) {
  std::error_code error;
  if (fs::is_directory(images, error)) return {};
  return runtime_error("images folder '{}': {}", images.string(),
                       error ? error.message() : "not a folder");
}

/// What to try where a listed image is missing.
std::string hint_for_missing(const fs::path& images, const std::string& id) {
  std::error_code ignored;
  if (!fs::exists(images / "images" / id, ignored)) return "";
  return fmt::format("; it is under '{}'", (images / "images").string());
}

/// Files and folders right in `folder`, sorted by name.
Result<std::vector<fs::path>> sorted_entries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!is_hidden(it->path())) entries.push_back(it->path());
  }
  if (error) return runtime_error("cannot list '{}': {}", folder.string(), error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The images below `folder`, in order, with ids relative to `root`.
Status collect_images(const fs::path& folder, const fs::path& root, std::int64_t label, int depth,
                      std::vector<ImageEntry>& out) {
  constexpr int kDepthMax = 32;
  if (depth > kDepthMax) {
    return runtime_error("'{}' is nested deeper than {} folders", folder.string(), kDepthMax);
  }
  LODE_TRY(const auto entries, sorted_entries(folder));
  for (const fs::path& entry : entries) {
    std::error_code ignored;
    if (fs::is_directory(entry, ignored)) {
      LODE_CHECK_OK(collect_images(entry, root, label, depth + 1, out));
    } else if (is_image_name(entry)) {
      out.push_back({entry.lexically_relative(root).generic_string(), label, 0});
    }
  }
  return {};
}

}  // namespace

Result<std::vector<ImageEntry>> parse_label_map(std::string_view text, std::string_view name) {
  std::vector<ImageEntry> entries;
  std::map<std::string, std::size_t, std::less<>> first_lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    Result<ImageEntry> entry = parse_line(line);
    if (!entry.ok()) return entry.error().within(fmt::format("{}:{}", name, number));
    const auto [known, fresh] = first_lines.emplace(entry->id, number);
    if (!fresh) {
      return usage_error("{}:{}: '{}' is listed twice, first in line {}", name, number, entry->id,
                         known->second);
    }
    entry->line = number;
    entries.push_back(std::move(entry).value());
  }
  if (entries.empty()) return usage_error("{}: lists no images", name);
  return entries;
}

Result<std::vector<ImageEntry>> list_labelled_images(const fs::path& images,
                                                     const fs::path& labels) {
  LODE_CHECK_OK(check_directory(images));
  LODE_TRY(const std::string text, read_file(labels));
  LODE_TRY(auto entries, parse_label_map(text, labels.string()));
  for (const ImageEntry& entry : entries) {
    std::error_code ignored;
    if (fs::is_regular_file(images / entry.id, ignored)) continue;
    return runtime_error("{}:{}: image '{}' is not a file in '{}'{}", labels.string(), entry.line,
                         entry.id, images.string(), hint_for_missing(images, entry.id));
  }
  return entries;
}

Result<std::vector<ImageEntry>> list_class_folders(const fs::path& images) {
  LODE_CHECK_OK(check_directory(images));
  LODE_TRY(const auto entries, sorted_entries(images));
  std::vector<ImageEntry> listed;
  std::int64_t label = 0;
  for (const fs::path& entry : entries) {
    std::error_code ignored;
    if (!fs::is_directory(entry, ignored)) continue;
    const std::size_t before = listed.size();
    LODE_CHECK_OK(collect_images(entry, images, label, 0, listed));
    if (listed.size() == before) {
      return runtime_error("class folder '{}' holds no .jpg, .jpeg or .png", entry.string());
    }
    if (++label > kClassesMax) {
      return runtime_error("'{}' has more than {} class folders", images.string(), kClassesMax);
    }
  }
  if (!listed.empty()) return listed;
  return usage_error("'{}' has no class folders; give the images' classes with --labels",
                     images.string());
}

}  // namespace lode::datasets
