// Shapes of a graph's values before its inputs have extents: enough to prove that two of them are
// equal whatever the extents will be.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/graph/graph.h"

namespace lode::engine {

/// Extents of one value: a number from 0 on, or a negative one that stands for an expression of
/// the inputs' extents. Equal expressions have equal numbers.
using SymbolicShape = std::vector<std::int64_t>;

/// The shapes as they are when the object is made; ids that an edit adds later have none.
class SymbolicShapes {
 public:
  explicit SymbolicShapes(const Graph& graph);

  /// Null where the shape, or the rank alone, does not follow from what is understood here.
  [[nodiscard]] const SymbolicShape* find(ValueId id) const;
  /// Both are known, and equal for all extents of the inputs.
  [[nodiscard]] bool are_equal(ValueId a, ValueId b) const;

 private:
  using MaybeShape = std::optional<SymbolicShape>;

  std::int64_t expression(std::vector<std::int64_t> key);
  std::int64_t unknown() { return expression({next_++}); }
  void bind_leaves(const Graph& graph);
  [[nodiscard]] MaybeShape shape_at(const Node& node, std::size_t input) const;
  MaybeShape infer(const Graph& graph, const Node& node);
  MaybeShape infer_foreign(const Node& node);
  MaybeShape infer_window(const Node& node);
  std::int64_t window_extent(const Node& node, std::size_t axis, std::size_t axes,
                             std::int64_t input, std::int64_t kernel);
  [[nodiscard]] MaybeShape infer_broadcast(const Node& node) const;
  MaybeShape infer_concat(const Node& node);
  MaybeShape infer_mean(const Graph& graph, const Node& node) const;
  [[nodiscard]] MaybeShape infer_gemm(const Graph& graph, const Node& node) const;

  std::vector<MaybeShape> shapes_;
  std::map<std::vector<std::int64_t>, std::int64_t> expressions_;
  std::int64_t next_ = 0;
};

}  // namespace lode::engine
