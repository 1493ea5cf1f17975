// Graph to ONNX files: the inverse of import.h.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "engine/graph/graph.h"

namespace lode::engine {

/// Writes the graph as one .onnx file, whole or not at all. Importing it gives an equal graph:
/// nodes in topological order with their names and attributes, constants of every element type as
/// they are, symbolic extents, declared inputs and outputs, versions of the operator sets. Equal
/// graphs give equal bytes. The constants are written from where they lie, without a copy.
///
/// Errors: an attribute or operator that only the engine's passes make (export before the passes),
/// two versions of one operator set, more than 2 GB (protobuf's limit on a message), and what the
/// file system refuses.
[[nodiscard]] Status export_onnx(const Graph& graph, const std::filesystem::path& path);

/// The same in memory.
[[nodiscard]] Result<std::string> export_onnx_bytes(const Graph& graph);

}  // namespace lode::engine
