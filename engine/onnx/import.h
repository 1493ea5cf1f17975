// ONNX files to Graph: the only folder that sees protobuf.
#pragma once

#include <filesystem>
#include <string_view>

#include "engine/graph/graph.h"

namespace lode::engine {

/// Reads a .onnx file: IR version 3 and up; initialisers listed as inputs or not; external data
/// inside the model's own folder; symbolic extents. Every operator, attribute type and operator
/// set is checked against ops/: what is not understood is an error that names the node, the
/// attribute and the value. The result has passed verify().
[[nodiscard]] Result<Graph> import_onnx(const std::filesystem::path& path);

/// The same from bytes; `folder` confines external data ("" forbids it). `name` stands for the
/// file in errors.
[[nodiscard]] Result<Graph> import_onnx_bytes(std::string_view bytes, std::string_view name,
                                              const std::filesystem::path& folder);

/// A TensorProto (.pb) as the conformance vectors store inputs and outputs.
[[nodiscard]] Result<Tensor> import_tensor_bytes(std::string_view bytes, std::string_view name);

}  // namespace lode::engine
