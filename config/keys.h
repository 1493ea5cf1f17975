// The one table of configuration keys. YAML files, --set, the environment, the flags of `lode run`,
// effective_config.yaml, the help text and docs/configuration.md all come from it: a key is one
// entry here and one field of RunConfig.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/run_config.h"

namespace lode::config {

/// How a value is written.
enum class ValueType : std::uint8_t {
  kText,
  kPath,      ///< relative to the working directory
  kChoice,    ///< one of KeySpec::choices
  kCount,     ///< a whole number
  kNumber,    ///< a decimal number
  kFraction,  ///< 0 to 1
  kDuration,  ///< a number and a unit: 10s, 15ms
  kBytes,     ///< a number and a unit: 512MiB, 1GB
  kCpuList,   ///< 0,1,4-7
};

/// "TIME (10s, 15ms, 500us)", for help.
[[nodiscard]] std::string_view value_type_hint(ValueType type);

/// The runs in which a key means something; an empty list stands for all of them.
struct Applies {
  std::span<const loadgen::Scenario> scenarios = {};
  std::span<const loadgen::Mode> modes = {};
  std::span<const SutKind> suts = {};
};

struct KeySpec {
  std::string_view name;  ///< snake_case; the flag is the same in kebab-case
  ValueType type = ValueType::kText;
  std::string_view doc;  ///< one line, no full stop
  std::span<const std::string_view> choices = {};
  Applies applies = {};
  bool recorded = true;                              ///< part of what makes two runs the same
  bool holds_commas = false;                         ///< one value may hold commas
  std::span<const std::string_view> also_sets = {};  ///< keys that this one gives a value, too
  /// Reads `text`; the error does not name the key.
  Status (*set)(RunConfig& config, std::string_view text) = nullptr;
  /// The value's canonical spelling; "" if it is not set.
  std::string (*text)(const RunConfig& config) = nullptr;
};

[[nodiscard]] std::span<const KeySpec> all_keys();

/// The key called `name`, or none.
[[nodiscard]] const KeySpec* find_key(std::string_view name);

/// The key or other name nearest to a mistyped one; "" if none is near.
[[nodiscard]] std::string_view nearest(std::string_view name,
                                       std::span<const std::string_view> known);
[[nodiscard]] std::string_view nearest_key(std::string_view name);

/// "--min-duration".
[[nodiscard]] std::string flag_name(std::string_view key);
/// "LODE_SET_MIN_DURATION".
[[nodiscard]] std::string environment_name(std::string_view key);

/// "", or why `key` means nothing in this run: "in scenario offline (it is for multi-stream)".
[[nodiscard]] std::string why_meaningless(const KeySpec& key, const RunConfig& config);

/// "a, b or c".
[[nodiscard]] std::string join_choices(std::span<const std::string_view> choices);

/// Default spelling; "" if there is none.
[[nodiscard]] std::string default_text(const KeySpec& key);

/// What may be written: the choices, or the hint of the type.
[[nodiscard]] std::string value_text(const KeySpec& key);

/// The runs a key is for: "multi-stream", "accuracy mode", "all".
[[nodiscard]] std::string applies_text(const KeySpec& key);

/// The table as Markdown: what docs/configuration.md holds.
[[nodiscard]] std::string key_reference_markdown();

}  // namespace lode::config
