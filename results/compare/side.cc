// Reads the runs of one side.
#include <algorithm>
#include <map>

#include "results/compare/comparison.h"

namespace lode::compare {
namespace {

namespace fs = std::filesystem;

bool is_run(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / record::kResultFile, ignored);
}

/// The folders below `path` that are runs, in order of name.
std::vector<fs::path> repeats_in(const fs::path& path) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with('.')) continue;
    if (is_run(entry->path())) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// "runs/a/" and "runs/a/result.json" are "a".
std::string name_of(const fs::path& path) {
  fs::path folder = path.filename() == record::kResultFile ? path.parent_path() : path;
  if (folder.filename().empty()) folder = folder.parent_path();
  return folder.filename().string();
}

/// Keys that may differ between repeats: each run may draw its own samples.
bool may_vary(const std::string& key) {
  return key == "seed" || key == "preset" || key.ends_with("_seed");
}

std::string describe(const record::ConfigValue& value) {
  return std::visit(
      [](const auto& each) {
        if constexpr (std::is_same_v<std::decay_t<decltype(each)>, std::vector<std::int64_t>>) {
          return fmt::format("{}", fmt::join(each, ","));
        } else {
          return fmt::format("{}", each);
        }
      },
      value);
}

std::map<std::string, std::string> settings_of(const record::Record& record) {
  std::map<std::string, std::string> settings;
  for (const record::ConfigEntry& entry : record.config) {
    if (!may_vary(entry.key)) settings[entry.key] = describe(entry.value);
  }
  settings["model's sha256"] = record.model.has_value() ? record.model->sha256 : "";
  settings["dataset's sha256"] = record.dataset.has_value() ? record.dataset->sha256 : "";
  return settings;
}

/// Runs of one mode are repeats of each other.
Status check_alike(const Side& side, const fs::path& path) {
  for (const StoredRun& run : side.runs) {
    const auto first = std::find_if(side.runs.begin(), side.runs.end(), [&](const StoredRun& each) {
      return each.record.mode == run.record.mode;
    });
    const auto wanted = settings_of(first->record);
    const auto found = settings_of(run.record);
    if (wanted == found) continue;
    for (const auto& [key, value] : wanted) {
      const auto at = found.find(key);
      const std::string other = at == found.end() ? "not set" : at->second;
      if (other == value) continue;
      return usage_error(
          "'{}' holds runs of unlike settings: {} is {} in '{}' and {} in '{}'; give the runs, or "
          "a folder of repeats alone",
          path.string(), key, value, first->directory.filename().string(), other,
          run.directory.filename().string());
    }
    return usage_error("'{}' holds runs of unlike settings; give a folder of repeats alone",
                       path.string());
  }
  return {};
}

}  // namespace

Result<Side> read_side(const fs::path& path) {
  Side side{.name = name_of(path), .runs = {}};
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error) && !is_run(path);
  const std::vector<fs::path> found = is_folder ? repeats_in(path) : std::vector<fs::path>{path};
  if (found.empty()) {
    return runtime_error(
        "'{}' holds no run: neither {} nor folders with one; give a run directory, or a folder of "
        "repeats",
        path.string(), record::kResultFile);
  }
  for (const fs::path& run : found) {
    LODE_TRY(record::Record record, record::read_record(run));
    if (record.interrupted) {
      return runtime_error("'{}' was interrupted, and is no measurement; remove or repeat it",
                           run.string());
    }
    const bool is_file = fs::is_regular_file(run, error);
    side.runs.push_back({is_file ? run.parent_path() : run, std::move(record)});
  }
  LODE_CHECK_OK(check_alike(side, path));
  return side;
}

}  // namespace lode::compare
