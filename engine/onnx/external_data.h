// Tensor elements in files beside the model. Private to this folder.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "engine/graph/tensor.h"
#include "engine/onnx/proto.h"

namespace lode::engine {

/// Reads a tensor whose TensorProto names `location`, `offset` and `length`. The file must lie
/// inside `folder` after all symbolic links are followed, be a regular file, and hold the bytes;
/// only then is memory allocated. "" as folder forbids external data.
[[nodiscard]] Result<Tensor> read_external_tensor(const onnx::TensorProto& proto, DType dtype,
                                                  const Shape& shape,
                                                  const std::filesystem::path& folder);

}  // namespace lode::engine
