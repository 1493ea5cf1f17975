// Reads mlperf.conf, user.conf and audit.config: "model.scenario.key = value", one a line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loadgen/mlperf/test_settings.h"

namespace mlperf {

/// The values of a file by their full keys ("*.Server.target_qps"); the last of several counts.
/// Errors start with "NAME:LINE: ": a key that is not known (the nearest one is named), a scenario
/// that is not known, a value that is no number or out of range.
[[nodiscard]] lode::Result<std::map<std::string, std::string>> parse_config(std::string_view text,
                                                                            std::string_view name);

/// Sets what the values say of `model` and `scenario`. Of several that fit, the first of
/// model.scenario, *.scenario, model.*, *.* counts.
void apply_config(const std::map<std::string, std::string>& values, const std::string& model,
                  const std::string& scenario, TestSettings& settings);

/// Every key as a row of a Markdown table: what docs/loadgen.md holds.
[[nodiscard]] std::string config_keys_markdown();

/// What kept this thread's FromConfig() calls from being read, since the last call of this.
[[nodiscard]] std::vector<std::string> take_config_errors();

}  // namespace mlperf
