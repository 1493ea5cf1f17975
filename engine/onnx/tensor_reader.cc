#include "engine/onnx/tensor_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "engine/graph/quote.h"
#include "engine/onnx/external_data.h"
#include "engine/ops/checks.h"

namespace lode::engine {

// raw_data is little-endian and is copied as it is.
static_assert(std::endian::native == std::endian::little);

namespace {

constexpr std::array<std::pair<DType, onnx::TensorProto_DataType>, 13> kElementTypes = {{
    {DType::kF32, onnx::TensorProto_DataType_FLOAT},
    {DType::kF16, onnx::TensorProto_DataType_FLOAT16},
    {DType::kBF16, onnx::TensorProto_DataType_BFLOAT16},
    {DType::kF64, onnx::TensorProto_DataType_DOUBLE},
    {DType::kU8, onnx::TensorProto_DataType_UINT8},
    {DType::kI8, onnx::TensorProto_DataType_INT8},
    {DType::kU16, onnx::TensorProto_DataType_UINT16},
    {DType::kI16, onnx::TensorProto_DataType_INT16},
    {DType::kU32, onnx::TensorProto_DataType_UINT32},
    {DType::kI32, onnx::TensorProto_DataType_INT32},
    {DType::kU64, onnx::TensorProto_DataType_UINT64},
    {DType::kI64, onnx::TensorProto_DataType_INT64},
    {DType::kBool, onnx::TensorProto_DataType_BOOL},
}};

std::string element_type_name(std::int32_t data_type) {
  if (!onnx::TensorProto_DataType_IsValid(data_type)) return fmt::format("number {}", data_type);
  return onnx::TensorProto_DataType_Name(static_cast<onnx::TensorProto_DataType>(data_type));
}

// How many elements the typed fields hold, whichever they are.
std::int64_t typed_element_count(const onnx::TensorProto& proto) {
  return std::int64_t{proto.float_data_size()} + proto.int32_data_size() + proto.int64_data_size() +
         proto.double_data_size() + proto.uint64_data_size() + proto.string_data_size();
}

template <typename T>
std::span<T> elements(Tensor& tensor) {
  return {reinterpret_cast<T*>(tensor.mutable_view().data),
          static_cast<std::size_t>(tensor.element_count())};
}

// Copies a typed field into elements of type T. ONNX widens small types into larger fields; a value
// that T cannot hold is an error.
template <typename T, typename Field>
Status copy_field(const Field& field, Tensor& tensor) {
  const std::span<T> target = elements<T>(tensor);
  if (static_cast<std::size_t>(field.size()) != target.size()) {
    return runtime_error("has {} elements in the field of its type {}, its shape {} needs {}",
                         field.size(), dtype_name(tensor.dtype()), tensor.shape().to_string(),
                         target.size());
  }
  for (std::size_t i = 0; i < target.size(); ++i) {
    const auto value = field[static_cast<int>(i)];
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      if (!std::in_range<T>(value)) {
        return runtime_error("element {} is {}, which {} cannot hold", i, value,
                             dtype_name(tensor.dtype()));
      }
    }
    target[i] = static_cast<T>(value);
  }
  return {};
}

Status copy_typed(const onnx::TensorProto& proto, Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kF32:
      return copy_field<float>(proto.float_data(), tensor);
    case DType::kF64:
      return copy_field<double>(proto.double_data(), tensor);
    case DType::kU8:
      return copy_field<std::uint8_t>(proto.int32_data(), tensor);
    case DType::kI8:
      return copy_field<std::int8_t>(proto.int32_data(), tensor);
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16:
      return copy_field<std::uint16_t>(proto.int32_data(), tensor);
    case DType::kI16:
      return copy_field<std::int16_t>(proto.int32_data(), tensor);
    case DType::kI32:
      return copy_field<std::int32_t>(proto.int32_data(), tensor);
    case DType::kU32:
      return copy_field<std::uint32_t>(proto.uint64_data(), tensor);
    case DType::kU64:
      return copy_field<std::uint64_t>(proto.uint64_data(), tensor);
    case DType::kI64:
      return copy_field<std::int64_t>(proto.int64_data(), tensor);
    case DType::kBool:
      return copy_field<bool>(proto.int32_data(), tensor);
  }
  return runtime_error("has an element type without storage");
}

// A byte other than 0 and 1 is not a bool in C++.
void normalise_bools(Tensor& tensor) {
  if (tensor.dtype() != DType::kBool) return;
  for (std::uint8_t& byte : elements<std::uint8_t>(tensor)) byte = byte != 0 ? 1 : 0;
}

Result<Tensor> take_raw(onnx::TensorProto& proto, DType dtype, const Shape& shape,
                        const RawData* raw) {
  const auto needed = static_cast<std::size_t>(shape.element_count()) * dtype_size(dtype);
  const std::size_t there =
      raw != nullptr ? static_cast<std::size_t>(raw->bytes) : proto.raw_data().size();
  if (there != needed) {
    return runtime_error("has {} bytes of raw data, {} {} needs {}", there, dtype_name(dtype),
                         shape.to_string(), needed);
  }
  Tensor tensor = Tensor::for_overwrite(dtype, shape);
  std::byte* to = tensor.mutable_view().data;
  if (raw != nullptr) {
    LODE_CHECK_OK(raw->read(raw->offset, {to, needed}));
  } else {
    std::copy_n(reinterpret_cast<const std::byte*>(proto.raw_data().data()), needed, to);
    delete proto.release_raw_data();
  }
  normalise_bools(tensor);
  return tensor;
}

Result<Tensor> take_checked(onnx::TensorProto& proto, const std::filesystem::path& folder,
                            const RawData* raw) {
  LODE_TRY(const DType dtype, dtype_from_onnx(proto.data_type()));
  if (proto.has_segment()) return runtime_error("is stored in segments, which are not supported");
  const std::span<const std::int64_t> extents(proto.dims().data(),
                                              static_cast<std::size_t>(proto.dims_size()));
  LODE_CHECK_OK(check_extents(extents, false));
  const Shape shape(extents);
  const std::int64_t typed = typed_element_count(proto);
  if (proto.data_location() == onnx::TensorProto_DataLocation_EXTERNAL) {
    if (typed != 0 || !proto.raw_data().empty() || raw != nullptr) {
      return runtime_error("has both external data and its own");
    }
    LODE_TRY(Tensor tensor, read_external_tensor(proto, dtype, shape, folder));
    normalise_bools(tensor);
    return tensor;
  }
  if (typed != 0 && (!proto.raw_data().empty() || raw != nullptr)) {
    return runtime_error("has both raw data and a typed field");
  }
  if (typed == 0 && (proto.has_raw_data() || raw != nullptr)) {
    return take_raw(proto, dtype, shape, raw);
  }
  if (typed != shape.element_count()) {
    return runtime_error("has {} elements, its shape {} needs {}", typed, shape.to_string(),
                         shape.element_count());
  }
  Tensor tensor(dtype, shape);
  LODE_CHECK_OK(copy_typed(proto, tensor));
  return tensor;
}

}  // namespace

Result<DType> dtype_from_onnx(std::int32_t data_type) {
  for (const auto& [dtype, number] : kElementTypes) {
    if (number == data_type) return dtype;
  }
  return runtime_error("element type {} is not supported", element_type_name(data_type));
}

onnx::TensorProto_DataType dtype_to_onnx(DType dtype) {
  const auto* found = std::find_if(kElementTypes.begin(), kElementTypes.end(),
                                   [dtype](const auto& entry) { return entry.first == dtype; });
  LODE_ASSERT(found != kElementTypes.end());
  return found->second;
}

Status check_extents(std::span<const std::int64_t> extents, bool allow_unknown) {
  if (extents.size() > Shape::kMaxRank) {
    return runtime_error("has {} dimensions, at most {} are supported", extents.size(),
                         Shape::kMaxRank);
  }
  // A zero extent counts as one: the strides of the others must not overflow either.
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) {
    if (extent == -1 && allow_unknown) continue;
    if (extent < 0) return runtime_error("has a negative dimension, {}", extent);
    const std::int64_t factor = std::max<std::int64_t>(extent, 1);
    if (factor > kMaxElements / count) {
      return runtime_error("has more than {} elements", kMaxElements);
    }
    count *= factor;
  }
  return {};
}

Result<Tensor> take_tensor(onnx::TensorProto& proto, const std::filesystem::path& folder,
                           const RawData* raw) {
  Result<Tensor> tensor = take_checked(proto, folder, raw);
  if (tensor.ok() || proto.name().empty()) return tensor;
  return tensor.error().within(fmt::format("tensor {}", quote(proto.name())));
}

}  // namespace lode::engine
