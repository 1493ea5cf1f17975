#include "config/resolve.h"

#include <algorithm>
#include <map>

#include "base/file_io.h"
#include "base/knobs.h"
#include "config/keys.h"
#include "config/presets.h"
#include "config/yaml_file.h"

namespace lode::config {
namespace {

struct Assignment {
  const KeySpec* key = nullptr;
  std::string text;
  Source source;         ///< where the key stands
  std::string value_at;  ///< where the value stands
};

Error unknown_key(std::string_view where, std::string_view name) {
  const std::string_view near = nearest_key(name);
  return usage_error(
      "{}: unknown key '{}'; {}", where, name,
      near.empty() ? "lode run --help lists them all" : fmt::format("did you mean '{}'?", near));
}

/// Collects one source's assignments in the table's order, so that a key which sets others (seed)
/// comes before them.
class Collector {
 public:
  Status add(std::string_view name, std::string text, Source source, std::string value_at) {
    const KeySpec* key = find_key(name);
    if (key == nullptr) return unknown_key(source.where, name);
    for (const Assignment& earlier : current_) {
      if (earlier.key != key) continue;
      return usage_error("{}: {} is set twice (first by {}); keep one", source.where, name,
                         earlier.source.where);
    }
    if (text.find('\0') != std::string::npos) {
      return usage_error("{}: {}: the value holds a zero byte", value_at, name);
    }
    current_.push_back({key, std::move(text), std::move(source), std::move(value_at)});
    return {};
  }

  void end_source() {
    std::sort(current_.begin(), current_.end(),
              [](const Assignment& a, const Assignment& b) { return a.key < b.key; });
    std::move(current_.begin(), current_.end(), std::back_inserter(all_));
    current_.clear();
  }

  [[nodiscard]] std::vector<Assignment>& all() { return all_; }

 private:
  std::vector<Assignment> current_;
  std::vector<Assignment> all_;
};

Status add_entries(Collector& collector, const std::vector<YamlEntry>& entries) {
  for (const YamlEntry& entry : entries) {
    LODE_CHECK_OK(
        collector.add(entry.key, entry.value, {Origin::kFile, entry.key_at}, entry.value_at));
  }
  return {};
}

/// A run repeated twice still tells where the first had its value from.
std::string_view without_rerun(std::string_view from) {
  constexpr std::string_view kRerun = "rerun: ";
  if (from.starts_with(kRerun)) from.remove_prefix(kRerun.size());
  return from;
}

Status add_file(Collector& collector, const ConfigSources& sources) {
  if (sources.file.has_value()) {
    LODE_TRY(const std::vector<YamlEntry> entries, read_config_file(*sources.file));
    LODE_CHECK_OK(add_entries(collector, entries));
  }
  LODE_CHECK_OK(add_entries(collector, sources.entries));
  for (const StoredValue& stored : sources.stored) {
    const std::string where = fmt::format("{}: config.{}", sources.stored_name, stored.key);
    if (find_key(stored.key) == nullptr) return unknown_key(where, stored.key);
    const std::string from =
        stored.from.empty() ? where : fmt::format("rerun: {}", without_rerun(stored.from));
    LODE_CHECK_OK(collector.add(stored.key, stored.value, {Origin::kFile, from}, where));
  }
  collector.end_source();
  return {};
}

Status add_environment(Collector& collector, const ConfigSources& sources) {
  for (const NamedValue& variable : sources.environment) {
    const auto keys = all_keys();
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const KeySpec& each) {
      return environment_name(each.name) == variable.key;
    });
    if (key == keys.end()) {
      return usage_error("{}: no key has this name; unset it (lode run --help lists the keys)",
                         variable.key);
    }
    LODE_CHECK_OK(collector.add(key->name, variable.value, {Origin::kEnvironment, variable.key},
                                variable.key));
  }
  collector.end_source();
  return {};
}

Status add_command_line(Collector& collector, const ConfigSources& sources) {
  for (const std::string& set : sources.sets) {
    const std::string where = fmt::format("--set {}", set);
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) return usage_error("{}: write --set KEY=VALUE", where);
    LODE_CHECK_OK(
        collector.add(set.substr(0, equals), set.substr(equals + 1), {Origin::kSet, where}, where));
  }
  collector.end_source();
  for (const NamedValue& flag : sources.flags) {
    const std::string where = flag_name(flag.key);
    LODE_CHECK_OK(collector.add(flag.key, flag.value, {Origin::kFlag, where}, where));
  }
  collector.end_source();
  return {};
}

/// The run that decides which keys mean something: its scenario, mode and SUT alone.
RunConfig kind_of_run(const std::vector<Assignment>& assignments) {
  RunConfig kind;
  for (const Assignment& each : assignments) {
    const std::string_view name = each.key->name;
    if (name != "scenario" && name != "mode" && name != "sut") continue;
    // A value that cannot be read is reported with all the others, by apply().
    (void)each.key->set(kind, each.text);
  }
  return kind;
}

/// What of a preset's lines counts in `scenario`: "key.scenario" stands for the key there, and is
/// left out everywhere else.
std::vector<YamlEntry> entries_for(std::vector<YamlEntry> entries, std::string_view scenario) {
  std::vector<YamlEntry> chosen;
  const auto add = [&chosen](YamlEntry entry, std::string_view key) {
    entry.key = std::string(key);
    std::erase_if(chosen, [&](const YamlEntry& earlier) { return earlier.key == entry.key; });
    chosen.push_back(std::move(entry));
  };
  const auto dot_of = [](const YamlEntry& entry) { return entry.key.find('.'); };
  for (YamlEntry& entry : entries) {
    if (dot_of(entry) == std::string::npos) add(entry, std::string(entry.key));
  }
  for (YamlEntry& entry : entries) {
    const std::size_t dot = dot_of(entry);
    if (dot == std::string::npos || entry.key.substr(dot + 1) != scenario) continue;
    add(entry, entry.key.substr(0, dot));
  }
  return chosen;
}

/// The preset's own assignments, if any source names one.
Status add_preset(Collector& collector, const std::vector<Assignment>& given) {
  const KeySpec* preset_key = find_key("preset");
  const auto chosen = std::find_if(given.rbegin(), given.rend(),
                                   [&](const Assignment& each) { return each.key == preset_key; });
  if (chosen == given.rend()) return {};
  const Preset* preset = find_preset(chosen->text);
  // An unknown name is reported when the value is read, in the words of every other value.
  if (preset == nullptr) return {};
  const std::string label = fmt::format("preset {}", preset->name);
  LODE_TRY(std::vector<YamlEntry> entries, parse_flat_yaml(preset->yaml, label));
  const loadgen::Scenario scenario = kind_of_run(given).settings.scenario;
  for (const YamlEntry& entry : entries_for(std::move(entries), scenario_name(scenario))) {
    LODE_CHECK_OK(collector.add(entry.key, entry.value, {Origin::kPreset, label}, entry.value_at));
  }
  collector.end_source();
  return {};
}

/// Settings that contradict each other, told where the first one named stands.
Status check_settings(const ResolvedConfig& config) {
  const Status valid = loadgen::validate(config.values.settings);
  if (valid.ok()) return {};
  const Error& error = valid.error();
  const std::string_view message = error.message;
  const std::string_view name = message.substr(0, message.find_first_of(" :"));
  const auto setting = std::find_if(config.settings.begin(), config.settings.end(),
                                    [&](const Setting& each) { return each.key == name; });
  if (setting == config.settings.end() || setting->source.origin == Origin::kDefault) return error;
  const bool in_file = setting->source.origin <= Origin::kFile;
  // As for a value that cannot be read: a flag names its key itself.
  const std::string_view rest = in_file ? message : message.substr(name.size() + 1);
  return usage_error("{}: {}", setting->source.where, rest);
}

Result<ResolvedConfig> apply(const std::vector<Assignment>& assignments) {
  ResolvedConfig config;
  const RunConfig kind = kind_of_run(assignments);
  std::map<std::string_view, Source> sources;
  for (const Assignment& each : assignments) {
    const bool is_preset = each.source.origin == Origin::kPreset;
    if (is_preset && !why_meaningless(*each.key, kind).empty()) continue;
    const Status read = each.key->set(config.values, each.text);
    if (!read.ok()) {
      // All places but those in a file name the key themselves.
      const bool in_file = each.source.origin <= Origin::kFile;
      return read.error().within(in_file ? fmt::format("{}: {}", each.value_at, each.key->name)
                                         : each.value_at);
    }
    sources[each.key->name] = each.source;
    for (const std::string_view derived : each.key->also_sets) sources[derived] = each.source;
  }
  for (const KeySpec& key : all_keys()) {
    const auto source = sources.find(key.name);
    const std::string why = why_meaningless(key, config.values);
    if (!why.empty()) {
      const bool chosen = source != sources.end() && source->second.origin > Origin::kPreset;
      if (chosen) return usage_error("{}: {} {}", source->second.where, key.name, why);
      continue;
    }
    std::string text = key.text(config.values);
    if (text.empty()) continue;
    config.settings.push_back(
        {key.name, std::move(text), source == sources.end() ? Source{} : source->second});
  }
  LODE_CHECK_OK(check_settings(config));
  return config;
}

}  // namespace

std::string ResolvedConfig::where(std::string_view key) const {
  for (const Setting& setting : settings) {
    if (setting.key != key) continue;
    if (setting.source.origin == Origin::kDefault) break;
    return setting.source.where;
  }
  return std::string(key);
}

Result<std::vector<YamlEntry>> read_config_file(const std::filesystem::path& path) {
  Result<std::string> text = read_file(path);
  if (!text.ok()) return Error{ErrorKind::kUsage, text.error().message};
  if (text->starts_with("\x89HDF")) {
    return usage_error("'{}' is an HDF5 file and no configuration; give it with --dataset",
                       path.string());
  }
  return parse_flat_yaml(*text, path.string());
}

std::vector<NamedValue> environment_settings() {
  std::vector<NamedValue> values;
  const auto keys = all_keys();
  for (const std::string& name : settings_in_environment()) {
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const KeySpec& each) {
      return environment_name(each.name) == name;
    });
    // A variable that is no key goes on with an empty value: resolve() refuses it by name.
    std::string value;
    if (key != keys.end()) value = read_setting_from_environment(key->name).value_or("");
    values.push_back({name, std::move(value)});
  }
  return values;
}

Result<ResolvedConfig> resolve(const ConfigSources& sources) {
  Collector given;
  LODE_CHECK_OK(add_file(given, sources));
  LODE_CHECK_OK(add_environment(given, sources));
  LODE_CHECK_OK(add_command_line(given, sources));
  Collector all;
  LODE_CHECK_OK(add_preset(all, given.all()));
  std::vector<Assignment> assignments = std::move(all.all());
  std::move(given.all().begin(), given.all().end(), std::back_inserter(assignments));
  return apply(assignments);
}

Status check_complete(const ResolvedConfig& config) {
  const RunConfig& values = config.values;
  if (values.output.empty()) return usage_error("no output directory given; add --output DIR");
  if (values.sut == SutKind::kEngine) {
    if (values.model.empty()) return usage_error("no model given; add --model FILE.onnx");
    if (values.dataset.empty()) return usage_error("no dataset given; add --dataset FILE.h5");
  } else if (values.sut == SutKind::kProcess) {
    if (values.settings.mode == loadgen::Mode::kAccuracy && values.dataset.empty()) {
      return usage_error(
          "no dataset given, and accuracy mode scores its labels; add --dataset "
          "FILE.h5");
    }
  } else if (values.settings.mode == loadgen::Mode::kAccuracy) {
    return usage_error(
        "{}: sut {} gives no outputs to score; use --mode performance or --sut engine",
        config.where("sut"), sut_name(values.sut));
  }
  return {};
}

std::string effective_yaml(const ResolvedConfig& config) {
  std::string text =
      "# The configuration that this run was made with, and where each value came from.\n";
  for (const Setting& setting : config.settings) {
    if (!find_key(setting.key)->recorded) continue;
    std::string origin = setting.source.where;
    std::replace_if(
        origin.begin(), origin.end(), [](char c) { return c >= 0 && c < ' '; }, ' ');
    text += fmt::format("{}: {}  # {}\n", setting.key, yaml_scalar(setting.text), origin);
  }
  return text;
}

}  // namespace lode::config
