// The figures of a record that are compared, ranked and tabled, by the names that users write.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "results/record/record.h"

namespace lode::record {

enum class FigureUnit : std::uint8_t { kNs, kSamplesPerS, kBytes, kFraction };

/// "ns", "samples/s", "bytes", "fraction".
[[nodiscard]] std::string_view unit_name(FigureUnit unit);

struct Figure {
  std::string_view name;  ///< p50, p90, p95, p97, p99, p99.9, mean, throughput, memory, top1, top5
  FigureUnit unit = FigureUnit::kNs;
  bool higher_is_better = false;
  std::string_view doc;
  /// The figure of a run; none if that run did not measure it: latencies and throughput in accuracy
  /// mode, latencies of offline's one query, accuracy in performance mode.
  std::optional<double> (*of)(const Record& record) = nullptr;
};

[[nodiscard]] std::span<const Figure> all_figures();

/// The figure called `name`, or none.
[[nodiscard]] const Figure* find_figure(std::string_view name);

/// "p50, p90, ...", for errors and help.
[[nodiscard]] std::string figure_names();

}  // namespace lode::record
