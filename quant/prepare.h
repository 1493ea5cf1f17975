// What every quantizer begins with: a graph without what would only be rounded twice.
#pragma once

#include "base/result.h"
#include "engine/graph/graph.h"

namespace lode::quant {

/// Runs those of the engine's passes whose results ONNX can express: copies and constants go,
/// padding, scale layers and batch normalisation move into the convolutions beside them. A model
/// that is quantized already is an error that names the first node which says so.
[[nodiscard]] Status prepare(engine::Graph& graph);

}  // namespace lode::quant
