// TensorProto to Tensor. Private to this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>

#include "base/result.h"
#include "engine/graph/tensor.h"
#include "engine/onnx/proto.h"

namespace lode::engine {

/// The DType of an ONNX element type; an error names one that has none (STRING, COMPLEX64, ...).
[[nodiscard]] Result<DType> dtype_from_onnx(std::int32_t data_type);

/// Its inverse: every DType has an ONNX element type.
[[nodiscard]] onnx::TensorProto_DataType dtype_to_onnx(DType dtype);

/// Checks extents as files state them: rank at most Shape::kMaxRank, none negative but -1 where
/// `allow_unknown`, and the whole no larger than any memory, so that later products cannot
/// overflow.
[[nodiscard]] Status check_extents(std::span<const std::int64_t> extents, bool allow_unknown);

/// Raw data that was left where it is, outside the message.
struct RawData {
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
  /// Fills `to` with what is at `offset`.
  std::function<Status(std::int64_t offset, std::span<std::byte> to)> read;
};

/// The tensor, whose elements must be exactly as many as its shape says; nothing is allocated
/// before that is known. External data is read from within `folder` ("" forbids it). Frees the
/// proto's own copy of large data, so that a model is not held twice. `raw`, if it is there, stands
/// for the proto's raw_data. Errors name the tensor.
[[nodiscard]] Result<Tensor> take_tensor(onnx::TensorProto& proto,
                                         const std::filesystem::path& folder,
                                         const RawData* raw = nullptr);

}  // namespace lode::engine
