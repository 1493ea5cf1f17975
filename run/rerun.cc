#include "run/rerun.h"

#include "base/file_io.h"
#include "base/provenance.h"

namespace lode::run {
namespace {

std::string spelled(const record::ConfigValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* count = std::get_if<std::uint64_t>(&value)) return std::to_string(*count);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  std::string list;
  for (const std::int64_t item : std::get<std::vector<std::int64_t>>(value)) {
    if (!list.empty()) list += ',';
    list += std::to_string(item);
  }
  return list;
}

Status check_file(std::string_view what, const std::string& path, const std::string& sha256) {
  LODE_TRY(const std::string now, sha256_file(path));
  if (now == sha256) return {};
  return runtime_error(
      "{} '{}' has changed since the run (sha256 {}... then, {}... now); restore it, or start a "
      "new "
      "run",
      what, path, sha256.substr(0, 12), now.substr(0, 12));
}

void note_difference(std::vector<std::string>& notes, std::string_view what,
                     const std::string& then, const std::string& now) {
  if (then != now) notes.push_back(fmt::format("{} differs: '{}' then, '{}' now", what, then, now));
}

}  // namespace

config::ConfigSources stored_sources(const record::Record& record, const std::string& name,
                                     const std::filesystem::path& output) {
  config::ConfigSources sources;
  sources.stored_name = name;
  for (const record::ConfigEntry& entry : record.config) {
    // Says that calibration was not used, where a path would be.
    if (entry.key == "calibration" && spelled(entry.value) == "unused") continue;
    sources.stored.push_back({entry.key, spelled(entry.value), entry.from});
  }
  sources.flags.push_back({"output", output.string()});
  return sources;
}

Result<std::vector<std::string>> compare_with_now(const record::Record& record) {
  if (record.model.has_value()) {
    LODE_CHECK_OK(check_file("model", record.model->path, record.model->sha256));
  }
  if (record.dataset.has_value()) {
    LODE_CHECK_OK(check_file("dataset", record.dataset->path, record.dataset->sha256));
  }
  std::vector<std::string> notes;
  const Provenance& build = provenance();
  const SystemInfo system = read_system_info();
  note_difference(notes, "the version of lode", record.build.version, std::string(build.version));
  note_difference(notes, "the commit of lode", record.build.commit, std::string(build.commit));
  note_difference(notes, "the compiler", record.build.compiler, std::string(build.compiler));
  note_difference(notes, "the build type", record.build.build_type, std::string(build.build_type));
  note_difference(notes, "the processor", record.system.cpu_model, system.cpu_model);
  note_difference(notes, "the number of usable processors",
                  std::to_string(record.system.affinity.size()),
                  std::to_string(system.affinity.size()));
  note_difference(notes, "the kernel", record.system.kernel, system.kernel);
  return notes;
}

}  // namespace lode::run
