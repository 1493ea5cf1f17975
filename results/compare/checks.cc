// What has to be alike for a comparison to mean something.
#include <algorithm>
#include <set>

#include "results/compare/comparison.h"

namespace lode::compare {
namespace {

using record::Record;

/// The distinct values that `of` gives over all runs of both sides.
template <typename Of>
std::set<std::string> values_over(const Side& first, const Side& second, Of of) {
  std::set<std::string> values;
  for (const Side* side : {&first, &second}) {
    for (const StoredRun& run : side->runs) values.insert(of(run.record));
  }
  return values;
}

std::string config_text(const Record& record, std::string_view key) {
  for (const record::ConfigEntry& entry : record.config) {
    if (entry.key != key) continue;
    if (const auto* text = std::get_if<std::string>(&entry.value)) return *text;
    if (const auto* count = std::get_if<std::uint64_t>(&entry.value))
      return fmt::format("{}", *count);
    if (const auto* number = std::get_if<double>(&entry.value)) return fmt::format("{}", *number);
  }
  return {};
}

Check alike(std::string name, const std::set<std::string>& values, Mark unlike,
            std::string advice) {
  if (values.size() == 1) return {std::move(name), Mark::kSame, "same", ""};
  return {std::move(name), unlike, "differs", std::move(advice)};
}

Check check_host(const Side& first, const Side& second, const Options& options) {
  const auto hosts = values_over(first, second, [](const Record& record) {
    const SystemInfo& system = record.system;
    // A few pages more or less are the kernel's doing, not another machine.
    constexpr std::uint64_t kUnit = 256U << 20;
    return fmt::format("{} {} {} {}", system.cpu_model, system.architecture,
                       system.logical_cpus.value_or(0),
                       (system.memory_total_bytes.value_or(0) + kUnit / 2) / kUnit);
  });
  return alike("host", hosts, options.across_hosts ? Mark::kWatch : Mark::kRefused,
               "make both on one machine, or add --across host");
}

Check check_dataset(const Side& first, const Side& second, const Options& options) {
  const auto datasets = values_over(first, second, [](const Record& record) {
    return record.dataset.has_value() ? record.dataset->sha256 : "none";
  });
  return alike("dataset sha", datasets, options.across_datasets ? Mark::kWatch : Mark::kRefused,
               "use one dataset, or add --across dataset");
}

/// A run in accuracy mode says nothing of the load.
Check check_load(const Side& first, const Side& second) {
  const auto loads = values_over(first, second, [](const Record& record) {
    std::string load = record.scenario;
    for (const std::string_view key :
         {"samples_per_query", "concurrency", "target_qps", "arrivals"}) {
      load += "\n" + config_text(record, key);
    }
    return record.mode == "performance" ? load : std::string();
  });
  const bool is_mixed = loads.size() == 2 && loads.contains("");
  if (loads.size() == 1 || is_mixed) return {"load", Mark::kSame, "same", ""};
  const auto scenarios =
      values_over(first, second, [](const Record& record) { return record.scenario; });
  if (scenarios.size() == 1) return {"load", Mark::kWatch, "differs", ""};
  return {"scenario", Mark::kRefused, "differs", "compare runs of one scenario"};
}

Check check_modes(const Side& first, const Side& second) {
  const auto modes_of = [](const Side& side) {
    std::set<std::string> modes;
    for (const StoredRun& run : side.runs) modes.insert(run.record.mode);
    return modes;
  };
  if (modes_of(first) == modes_of(second)) return {"mode", Mark::kSame, "same", ""};
  return {"mode", Mark::kRefused, "differs", "compare runs of one mode"};
}

Check check_seeds(const Side& first, const Side& second) {
  const auto seeds_of = [](const Side& side) {
    std::multiset<std::string> seeds;
    for (const StoredRun& run : side.runs) {
      seeds.insert(config_text(run.record, "qsl_seed") + " " +
                   config_text(run.record, "sample_index_seed") + " " +
                   config_text(run.record, "schedule_seed"));
    }
    return std::set<std::string>(seeds.begin(), seeds.end());
  };
  const bool same = seeds_of(first) == seeds_of(second);
  return {"seeds", same ? Mark::kSame : Mark::kWatch, same ? "same" : "differs", ""};
}

Check check_governor(const Side& first, const Side& second) {
  const auto governors = values_over(first, second, [](const Record& record) {
    return fmt::format("{}", fmt::join(record.system.governors, ","));
  });
  if (governors.contains("")) return {"governor", Mark::kUnknown, "unknown", ""};
  const std::string value = fmt::format("{}", fmt::join(governors, " or "));
  return {"governor", value == "performance" ? Mark::kSame : Mark::kWatch, value, ""};
}

Check check_turbo(const Side& first, const Side& second) {
  const auto states = values_over(first, second, [](const Record& record) {
    if (!record.system.turbo.has_value()) return std::string("unknown");
    return std::string(*record.system.turbo ? "on" : "off");
  });
  if (states.contains("unknown")) return {"turbo", Mark::kUnknown, "unknown", ""};
  const std::string value = fmt::format("{}", fmt::join(states, " or "));
  return {"turbo", value == "off" ? Mark::kSame : Mark::kWatch, value, ""};
}

Check check_build(const Side& first, const Side& second) {
  const auto builds = values_over(first, second, [](const Record& record) {
    const record::BuildInfo& build = record.build;
    return fmt::format("{} {} {} {}", build.version, build.commit, build.compiler,
                       build.build_type);
  });
  return alike("lode", builds, Mark::kWatch, "");
}

Check check_validity(const Side& first, const Side& second) {
  std::size_t invalid = 0;
  for (const Side* side : {&first, &second}) {
    invalid += static_cast<std::size_t>(
        std::count_if(side->runs.begin(), side->runs.end(),
                      [](const StoredRun& run) { return !run.record.verdict.valid; }));
  }
  if (invalid == 0) return {"runs", Mark::kSame, "valid", ""};
  return {"runs", Mark::kWatch,
          fmt::format("{} of {} INVALID", invalid, first.runs.size() + second.runs.size()), ""};
}

}  // namespace

std::vector<Check> check_sides(const Side& first, const Side& second, const Options& options) {
  const auto models = values_over(first, second, [](const Record& record) {
    return record.model.has_value() ? record.model->sha256 : "none";
  });
  std::vector<Check> checks = {check_modes(first, second),
                               check_load(first, second),
                               check_host(first, second, options),
                               check_dataset(first, second, options),
                               alike("model sha", models, Mark::kWatch, ""),
                               check_seeds(first, second),
                               check_governor(first, second),
                               check_turbo(first, second),
                               check_build(first, second),
                               check_validity(first, second)};
  return checks;
}

}  // namespace lode::compare
