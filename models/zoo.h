// The model zoo: named networks built as graphs with seeded weights, for tests and benchmarks that
// need a net's shape and not its training.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "engine/graph/graph.h"
#include "models/net_builder.h"

namespace lode::models {

struct ZooEntry {
  std::string_view name;
  Feature (*build)(NetBuilder&, const Feature& image);
  /// Height and width of the image that `published` is for.
  std::int64_t default_size = 224;
  /// At the default size and 1000 classes, by others: the source stands beside the list. Parameters
  /// are exact, multiply-adds to three digits.
  Costs published;
  std::string_view exercises;  ///< what of an engine the net puts to work
};

struct ZooOptions {
  std::int64_t size = 0;  ///< height and width of the image; 0: the entry's default
  std::int64_t classes = 1000;
  std::uint64_t seed = 1;
  std::optional<std::int64_t> batch = std::nullopt;  ///< nothing: symbolic, "N"
};

/// The smallest image: the nets halve it five times.
inline constexpr std::int64_t kZooSizeMin = 32;

/// All networks, in one list (models/zoo.cc).
[[nodiscard]] std::span<const ZooEntry> zoo();

/// The entry called `name`; the error names all there are.
[[nodiscard]] Result<const ZooEntry*> find_zoo_entry(std::string_view name);

/// What the net costs at the size and class count of `options`, without building it. Errors: a size
/// below kZooSizeMin, no classes.
[[nodiscard]] Result<Costs> zoo_costs(const ZooEntry& entry, const ZooOptions& options);

/// The net: input "image" [N,3,size,size] of deviation about 1, output "logits" [N,classes] without
/// softmax, batch normalisation as nodes of its own. Weights are uniform with the deviation that
/// keeps activations of order 1 at every depth; they depend on the seed and on the layer alone, to
/// the last bit on every machine. Errors: those of zoo_costs(), and weights above the 2 GB that a
/// file can hold.
[[nodiscard]] Result<engine::Graph> build_zoo_model(const ZooEntry& entry,
                                                    const ZooOptions& options);

}  // namespace lode::models
