// What several passes ask of a graph and do to it.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "engine/graph/editor.h"
#include "engine/passes/pass.h"

namespace lode::engine {

/// An operator of ai.onnx by one of these names.
[[nodiscard]] bool is_op(const Node& node, std::initializer_list<std::string_view> op_types);

/// The node that makes `id`, or null.
[[nodiscard]] const Node* producer_of(const Graph& graph, ValueId id);

/// Input `index` of a node, kNoValue if it is omitted or not there.
[[nodiscard]] ValueId input_at(const Node& node, std::size_t index);

/// One node reads the value, once, and it is not an output of the graph: whoever rewrites that
/// reader may change the value.
[[nodiscard]] bool has_one_reader(const Graph& graph, ValueId id);

/// Nothing reads outputs 1 and up of the node.
[[nodiscard]] bool only_first_output_used(const Graph& graph, const Node& node);

/// Element type of a value as far as declarations, constants and type-preserving operators tell.
[[nodiscard]] std::optional<DType> dtype_of(const Graph& graph, ValueId id);

/// Rank of a value as far as declarations, constants and rank-preserving operators tell.
[[nodiscard]] std::optional<std::size_t> rank_of(const Graph& graph, ValueId id);

/// Why the node that makes `data` cannot do the work of its reader `node` as well; empty if it can:
/// `data` is its first output and has no other reader, and `node` has one output.
[[nodiscard]] std::string why_not_absorbed(const Graph& graph, ValueId data, const Node& node);

/// Removes `node`; `producer` makes its output 0 in its place. why_not_absorbed() gave no reason
/// against it.
void absorb(GraphEditor& editor, const Graph& graph, NodeId producer, NodeId node);

/// Removes the node that makes `id` if nothing reads what it makes, and then those before it.
void remove_unread(GraphEditor& editor, const Graph& graph, ValueId id);

/// Makes input `index` of `node` the constant `tensor`: in place where `node` alone reads it, as a
/// new value otherwise. `index` is at most the number of inputs.
void set_constant_input(GraphEditor& editor, const Graph& graph, NodeId node, std::size_t index,
                        Tensor tensor);

/// A Cast to f32.
[[nodiscard]] bool is_cast_to_float(const Node& node);

/// The value is an f16 constant behind a Cast to f32.
[[nodiscard]] bool is_widened_half(const Graph& graph, ValueId id);

/// Notes why a rewrite did not happen at `node`.
void refuse(PassReport& report, const Node& node, std::string why);

}  // namespace lode::engine
