// Strict flat YAML: one mapping of keys to plain values, each with its line and column.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode::config {

struct YamlEntry {
  std::string key;
  std::string value;     ///< the items of a list are joined by commas
  std::string key_at;    ///< "run.yaml:3:1"
  std::string value_at;  ///< "run.yaml:3:11"
};

/// Reads `text`; `name` stands for the file in errors. Anything but a mapping of scalars (or of
/// flat lists of scalars) is an error with its place: nested mappings, anchors, aliases, tags,
/// several documents, a key without value, a key given twice.
[[nodiscard]] Result<std::vector<YamlEntry>> parse_flat_yaml(std::string_view text,
                                                             std::string_view name);

/// `text` as a YAML scalar that reads back to itself: quoted where it has to be.
[[nodiscard]] std::string yaml_scalar(std::string_view text);

}  // namespace lode::config
