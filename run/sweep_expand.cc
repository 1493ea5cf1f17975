#include "run/sweep_expand.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/file_io.h"
#include "base/system_info.h"
#include "config/keys.h"
#include "config/value_list.h"
#include "run/point.h"

namespace lode::run {
namespace {

using config::NamedValue;
using config::YamlEntry;

/// A key with the values it takes in turn, and where they were written.
struct GivenAxis {
  sweep::Axis axis;
  std::string at;
  bool is_set = false;  ///< by --set, otherwise by the file
};

/// What was given, split into what varies and what does not.
struct Given {
  std::vector<YamlEntry> entries;
  std::vector<std::string> sets;
  std::vector<GivenAxis> axes;
};

std::string key_of(const std::string& set) {
  return set.substr(0, set.find('='));
}

/// The values of a key; one if the key is unknown, which resolve() tells better.
Result<std::vector<std::string>> values_of(const std::string& key, const std::string& text,
                                           const std::string& at) {
  const config::KeySpec* spec = config::find_key(key);
  if (spec == nullptr) return std::vector<std::string>{text};
  if (key == "output") return usage_error("{}: give the sweep's directory with --output", at);
  auto values = config::expand_values(*spec, text);
  if (!values.ok()) return values.error().within(fmt::format("{}: {}", at, key));
  return values;
}

Result<Given> read_given(const SweepRequest& request) {
  Given given;
  std::set<std::string> overridden;
  for (const std::string& set : request.sets) overridden.insert(key_of(set));
  std::vector<YamlEntry> entries;
  if (request.file.has_value()) {
    LODE_TRY(entries, config::read_config_file(*request.file));
  }
  for (YamlEntry& entry : entries) {
    if (overridden.contains(entry.key)) continue;
    LODE_TRY(std::vector<std::string> values, values_of(entry.key, entry.value, entry.value_at));
    if (values.size() > 1) {
      given.axes.push_back({{entry.key, std::move(values)}, entry.key_at, false});
    } else {
      // A range of one value, 4-4, is that value.
      entry.value = values.front();
      given.entries.push_back(std::move(entry));
    }
  }
  for (const std::string& set : request.sets) {
    const std::string at = fmt::format("--set {}", set);
    if (set.find('=') == std::string::npos) {
      return usage_error("{}: write --set KEY=VALUE or --set KEY=LIST", at);
    }
    const std::string key = key_of(set);
    LODE_TRY(std::vector<std::string> values, values_of(key, set.substr(key.size() + 1), at));
    if (values.size() > 1) {
      given.axes.push_back({{key, std::move(values)}, at, true});
    } else {
      given.sets.push_back(fmt::format("{}={}", key, values.front()));
    }
  }
  for (std::size_t i = 0; i < given.axes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (given.axes[i].axis.key != given.axes[j].axis.key) continue;
      return usage_error("{}: {} is set twice (first by {}); keep one", given.axes[i].at,
                         given.axes[i].axis.key, given.axes[j].at);
    }
  }
  return given;
}

/// Axes that vary as one: alone, or in step with others.
using Group = std::vector<const GivenAxis*>;

/// A value may come again in step with another one: sut=engine,engine and precision=fp32,fp16.
Status check_distinct(const Group& group) {
  const std::size_t count = group.front()->axis.values.size();
  std::map<std::vector<std::string>, std::size_t> seen;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::string> values;
    for (const GivenAxis* axis : group) values.push_back(axis->axis.values[i]);
    const auto [first, is_new] = seen.emplace(values, i);
    if (is_new) continue;
    return usage_error("{}: {}: '{}' is given twice; keep one", group.front()->at,
                       group.front()->axis.key, fmt::join(values, "', '"));
  }
  return {};
}

Result<std::vector<Group>> group_axes(const Given& given, const std::vector<std::string>& zips) {
  std::vector<Group> groups;
  for (const GivenAxis& axis : given.axes) groups.push_back({&axis});
  for (const std::string& zip : zips) {
    Group joined;
    for (std::size_t begin = 0; begin <= zip.size();) {
      const std::size_t end = std::min(zip.find(',', begin), zip.size());
      const std::string key = zip.substr(begin, end - begin);
      const auto at = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
        return group.size() == 1 && group.front()->axis.key == key;
      });
      if (at == groups.end()) {
        return usage_error("--zip {}: '{}' has no list of values, or is zipped already", zip, key);
      }
      joined.push_back(at->front());
      *at = {};
      begin = end + 1;
    }
    const std::size_t length = joined.front()->axis.values.size();
    for (const GivenAxis* axis : joined) {
      if (axis->axis.values.size() == length) continue;
      return usage_error("--zip {}: {} has {} values, {} has {}; give equally many", zip,
                         joined.front()->axis.key, length, axis->axis.key,
                         axis->axis.values.size());
    }
    const auto empty = std::find(groups.begin(), groups.end(), Group{});
    *empty = std::move(joined);
    std::erase(groups, Group{});
  }
  for (const Group& group : groups) LODE_CHECK_OK(check_distinct(group));
  return groups;
}

/// One combination: the value of each axis.
using Combination = std::vector<NamedValue>;

Result<std::vector<Combination>> combine(const std::vector<Group>& groups) {
  std::vector<Combination> all = {{}};
  for (const Group& group : groups) {
    std::vector<Combination> longer;
    const std::size_t count = group.front()->axis.values.size();
    if (all.size() * count > sweep::kMostSteps) {
      return usage_error("these are more than {} points; give shorter lists", sweep::kMostSteps);
    }
    for (const Combination& before : all) {
      for (std::size_t i = 0; i < count; ++i) {
        Combination next = before;
        for (const GivenAxis* axis : group) next.push_back({axis->axis.key, axis->axis.values[i]});
        longer.push_back(std::move(next));
      }
    }
    all = std::move(longer);
  }
  return all;
}

bool decides_meaning(std::string_view key) {
  return key == "scenario" || key == "mode" || key == "sut";
}

/// Makes the configurations of combinations, and remembers which keys meant something somewhere.
class Resolver {
 public:
  Resolver(const SweepRequest& request, const Given& given) : request_(request), given_(given) {
    varies_meaning_ = std::any_of(given.axes.begin(), given.axes.end(), [](const GivenAxis& axis) {
      return decides_meaning(axis.axis.key);
    });
  }

  Result<config::ResolvedConfig> resolve(const Combination& combination, Combination& meant) {
    const config::RunConfig kind = kind_of(combination);
    config::ConfigSources sources;
    sources.environment = request_.environment;
    for (const YamlEntry& entry : given_.entries) {
      if (means(entry.key, kind)) sources.entries.push_back(entry);
    }
    for (const std::string& set : given_.sets) {
      if (means(key_of(set), kind)) sources.sets.push_back(set);
    }
    for (const NamedValue& value : combination) {
      if (!means(value.key, kind)) continue;
      meant.push_back(value);
      const GivenAxis& axis = axis_of(value.key);
      if (axis.is_set) {
        sources.sets.push_back(fmt::format("{}={}", value.key, value.value));
      } else {
        sources.entries.push_back({value.key, value.value, axis.at, axis.at});
      }
    }
    return request_.pins ? resolve_pinned(std::move(sources)) : config::resolve(sources);
  }

  /// A key that meant nothing in any combination is a mistake.
  [[nodiscard]] Status check_all_meant() const {
    for (const auto& [key, why] : meaningless_) {
      if (!meant_.contains(key)) return usage_error("{} {}", key, why);
    }
    return {};
  }

 private:
  [[nodiscard]] const GivenAxis& axis_of(const std::string& key) const {
    return *std::find_if(given_.axes.begin(), given_.axes.end(),
                         [&](const GivenAxis& each) { return each.axis.key == key; });
  }

  /// Scenario, mode and SUT of a combination alone; a value that cannot be read is told later.
  [[nodiscard]] config::RunConfig kind_of(const Combination& combination) const {
    config::RunConfig kind;
    const auto set = [&kind](const std::string& key, const std::string& value) {
      if (decides_meaning(key)) (void)config::find_key(key)->set(kind, value);
    };
    for (const YamlEntry& entry : given_.entries) set(entry.key, entry.value);
    for (const std::string& each : given_.sets) {
      const std::string key = key_of(each);
      set(key, each.substr(key.size() + 1));
    }
    for (const NamedValue& value : combination) set(value.key, value.value);
    return kind;
  }

  bool means(const std::string& key, const config::RunConfig& kind) {
    const config::KeySpec* spec = config::find_key(key);
    if (!varies_meaning_ || spec == nullptr) return true;
    const std::string why = config::why_meaningless(*spec, kind);
    if (why.empty()) {
      meant_.insert(key);
    } else {
      meaningless_[key] = why;
    }
    return why.empty();
  }

  const SweepRequest& request_;
  const Given& given_;
  bool varies_meaning_ = false;
  std::set<std::string> meant_;
  std::map<std::string, std::string> meaningless_;
};

/// All that a configuration says, without where it came from.
std::string content_of(const config::ResolvedConfig& config) {
  std::string text;
  for (const config::Setting& setting : config.settings) {
    text += fmt::format("{}\n{}\n", setting.key, setting.text);
  }
  return text;
}

std::int64_t expected_ns(const config::RunConfig& values) {
  // Starting a process, loading, warming up: what an engine of a few megabytes takes.
  constexpr std::int64_t kAroundNs = 500'000'000;
  const bool timed = values.settings.mode == loadgen::Mode::kPerformance;
  return timed ? values.settings.min_duration_ns + kAroundNs : 0;
}

Result<std::vector<sweep::Point>> make_points(const SweepRequest& request, const Given& given,
                                              const std::vector<Combination>& combinations) {
  Resolver resolver(request, given);
  std::vector<sweep::Point> points;
  std::set<std::string> seen;
  for (const Combination& combination : combinations) {
    Combination meant;
    LODE_TRY(config::ResolvedConfig config, resolver.resolve(combination, meant));
    if (!seen.insert(content_of(config)).second) continue;
    config.values.output = "run";  // Any: each run is told its own.
    LODE_CHECK_OK(config::check_complete(config));
    sweep::Point point;
    for (NamedValue& value : meant) point.values.push_back({value.key, value.value});
    point.config = config::effective_yaml(config);
    point.expected_ns = expected_ns(config.values);
    points.push_back(std::move(point));
  }
  LODE_CHECK_OK(resolver.check_all_meant());
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].name = sweep::point_name(i, points.size(), points[i].values);
  }
  return points;
}

std::vector<sweep::Named> machine_of(const SystemInfo& info) {
  const auto number = [](const auto& value) {
    return value.has_value() ? fmt::format("{}", *value) : std::string("not known");
  };
  return {{"processor", info.cpu_model},
          {"architecture", info.architecture},
          {"usable processors", fmt::format("{}", fmt::join(info.affinity, ","))},
          {"memory", number(info.memory_total_bytes)},
          {"processor quota", number(info.cgroup_cpus)},
          {"kernel", info.kernel}};
}

}  // namespace

Result<sweep::Identity> identify(const std::vector<sweep::Point>& points) {
  sweep::Identity identity;
  LODE_TRY(identity.program_sha256, sha256_file("/proc/self/exe"));
  identity.machine = machine_of(read_system_info());
  for (const sweep::Point& point : points) {
    LODE_TRY(const std::vector<YamlEntry> entries,
             config::parse_flat_yaml(point.config, point.name));
    for (const YamlEntry& entry : entries) {
      if (entry.key != "model" && entry.key != "dataset" && entry.key != "calibration") continue;
      const bool known = std::any_of(identity.files.begin(), identity.files.end(),
                                     [&](const sweep::SubjectFile& file) {
                                       return file.what == entry.key && file.path == entry.value;
                                     });
      if (known) continue;
      LODE_TRY(std::string digest, sha256_file(entry.value));
      identity.files.push_back({entry.key, entry.value, std::move(digest)});
    }
  }
  return identity;
}

Result<sweep::Plan> plan_sweep(const SweepRequest& request) {
  LODE_TRY(const Given given, read_given(request));
  LODE_TRY(const std::vector<Group> groups, group_axes(given, request.zips));
  LODE_TRY(const std::vector<Combination> combinations, combine(groups));
  sweep::Plan plan;
  plan.seed = request.seed;
  plan.repeats = request.repeats;
  plan.cool_down_ns = request.cool_down_ns;
  for (const GivenAxis& axis : given.axes) plan.axes.push_back(axis.axis);
  LODE_TRY(plan.points, make_points(request, given, combinations));
  if (plan.points.size() * plan.repeats > sweep::kMostSteps) {
    return usage_error("{} points x {} repeats are more than {} runs; give fewer",
                       plan.points.size(), plan.repeats, sweep::kMostSteps);
  }
  plan.order = sweep::interleave(plan.points.size(), plan.repeats, plan.seed);
  LODE_TRY(plan.identity, identify(plan.points));
  return plan;
}

}  // namespace lode::run
