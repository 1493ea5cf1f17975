// Puts the sources of a configuration together:
// defaults < preset < file < environment < --set < flag.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/run_config.h"
#include "config/yaml_file.h"

namespace lode::config {

struct NamedValue {
  std::string key;
  std::string value;
};

/// `from`: where the stored run had it from, "preset quick"; "" if not known.
struct StoredValue {
  std::string key;
  std::string value;
  std::string from = {};
};

struct ConfigSources {
  std::optional<std::filesystem::path> file;
  std::vector<YamlEntry> entries;  ///< of a file that was read already
  /// Values of a stored run, which stand in for a file; `stored_name` is its name in errors.
  std::vector<StoredValue> stored;
  std::string stored_name;
  std::vector<NamedValue> environment;  ///< variable and value: LODE_SET_BATCH, 4
  std::vector<std::string> sets;        ///< "batch=4", as --set has them
  std::vector<NamedValue> flags;        ///< key and value
};

/// The entries of a configuration file. Usage errors name the file.
[[nodiscard]] Result<std::vector<YamlEntry>> read_config_file(const std::filesystem::path& path);

/// LODE_SET_* of this process.
[[nodiscard]] std::vector<NamedValue> environment_settings();

/// Reads and combines all sources. Usage errors start with the place of what is wrong: an unknown
/// key (the nearest known one is named), a key given twice in one source, a value of the wrong
/// type, a key that means nothing in this scenario, mode or SUT, limits that contradict each other.
/// What a preset says of other scenarios, modes and SUTs is left out.
[[nodiscard]] Result<ResolvedConfig> resolve(const ConfigSources& sources);

/// A usage error if what `lode run` needs is missing: output, and for the engine a model and a
/// dataset; or if parts contradict each other.
[[nodiscard]] Status check_complete(const ResolvedConfig& config);

/// The settings as YAML with a comment on the origin of each: effective_config.yaml. Reading it as
/// a file gives the same configuration.
[[nodiscard]] std::string effective_yaml(const ResolvedConfig& config);

}  // namespace lode::config
