// TensorProto to Tensor: every element type in every field it may stand in, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/onnx/import.h"
#include "tests/engine/onnx/proto_builder.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

Result<Tensor> import(const onnx::TensorProto& proto) {
  return import_tensor_bytes(proto.SerializeAsString(), "t.pb");
}

std::string import_error(const onnx::TensorProto& proto) {
  const Result<Tensor> tensor = import(proto);
  return tensor.ok() ? "" : tensor.error().message;
}

onnx::TensorProto proto_of(std::int32_t type, std::vector<std::int64_t> dims) {
  onnx::TensorProto proto = float_tensor("t", std::move(dims), {});
  proto.set_data_type(type);
  return proto;
}

template <typename T>
void expect_elements(const Result<Tensor>& tensor, DType dtype, std::vector<T> expected) {
  ASSERT_TRUE(tensor.ok()) << tensor.error().message;
  ASSERT_EQ(tensor.value().dtype(), dtype);
  ASSERT_EQ(tensor.value().byte_size(), expected.size() * sizeof(T));
  const auto* elements = reinterpret_cast<const T*>(tensor.value().view().data);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(elements[i], expected[i]) << i;
}

TEST(TensorImport, TypedFieldsHoldEveryType) {
  expect_elements<float>(import(float_tensor("t", {3}, {1, -2, 0.5F})), DType::kF32, {1, -2, 0.5F});
  const auto from_int32 = [](std::int32_t type, std::vector<std::int32_t> values) {
    onnx::TensorProto proto = proto_of(type, {static_cast<std::int64_t>(values.size())});
    for (const std::int32_t value : values) proto.add_int32_data(value);
    return import(proto);
  };
  expect_elements<std::uint8_t>(from_int32(2, {0, 255}), DType::kU8, {0, 255});
  expect_elements<std::int8_t>(from_int32(3, {-128, 127}), DType::kI8, {-128, 127});
  expect_elements<std::uint16_t>(from_int32(4, {0, 65535}), DType::kU16, {0, 65535});
  expect_elements<std::int16_t>(from_int32(5, {-32768, 1}), DType::kI16, {-32768, 1});
  expect_elements<std::int32_t>(from_int32(6, {INT32_MIN, 7}), DType::kI32, {INT32_MIN, 7});
  expect_elements<std::uint8_t>(from_int32(9, {0, 1, 7}), DType::kBool, {0, 1, 1});
  expect_elements<std::uint16_t>(from_int32(10, {0x3C00}), DType::kF16, {0x3C00});
  expect_elements<std::uint16_t>(from_int32(16, {0x3F80}), DType::kBF16, {0x3F80});

  onnx::TensorProto i64 = proto_of(7, {2});
  i64.add_int64_data(INT64_MIN);
  i64.add_int64_data(5);
  expect_elements<std::int64_t>(import(i64), DType::kI64, {INT64_MIN, 5});
  onnx::TensorProto f64 = proto_of(11, {1});
  f64.add_double_data(0.1);
  expect_elements<double>(import(f64), DType::kF64, {0.1});
  onnx::TensorProto u32 = proto_of(12, {1});
  u32.add_uint64_data(UINT32_MAX);
  expect_elements<std::uint32_t>(import(u32), DType::kU32, {UINT32_MAX});
  onnx::TensorProto u64 = proto_of(13, {1});
  u64.add_uint64_data(UINT64_MAX);
  expect_elements<std::uint64_t>(import(u64), DType::kU64, {UINT64_MAX});
}

TEST(TensorImport, RawDataIsTakenAsItIs) {
  onnx::TensorProto proto = proto_of(1, {1, 2});
  const float values[] = {1.5F, -3.0F};
  proto.set_raw_data(values, sizeof(values));
  expect_elements<float>(import(proto), DType::kF32, {1.5F, -3.0F});
  EXPECT_EQ(import(proto).value().shape(), (Shape{1, 2}));

  onnx::TensorProto flags = proto_of(9, {3});
  flags.set_raw_data(std::string("\x00\x01\x80", 3));
  expect_elements<std::uint8_t>(import(flags), DType::kBool, {0, 1, 1});
}

TEST(TensorImport, ScalarsAndEmptyTensors) {
  const Result<Tensor> scalar = import(float_tensor("t", {}, {3}));
  ASSERT_TRUE(scalar.ok());
  EXPECT_EQ(scalar.value().shape().rank(), 0U);
  const Result<Tensor> none = import(float_tensor("t", {0, 4}, {}));
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none.value().shape(), (Shape{0, 4}));
  onnx::TensorProto raw = proto_of(1, {2, 0});
  raw.set_raw_data("");
  EXPECT_TRUE(import(raw).ok());
}

TEST(TensorImport, SizeMustFitTheShape) {
  EXPECT_EQ(import_error(float_tensor("w", {2, 2}, {1, 2, 3})),
            "t.pb: tensor 'w': has 3 elements, its shape [2,2] needs 4");
  EXPECT_EQ(import_error(float_tensor("w", {}, {})),
            "t.pb: tensor 'w': has 0 elements, its shape [] needs 1");
  onnx::TensorProto raw = proto_of(1, {2});
  raw.set_raw_data("1234567");
  EXPECT_EQ(import_error(raw), "t.pb: tensor 't': has 7 bytes of raw data, f32 [2] needs 8");
  onnx::TensorProto wrong_field = proto_of(7, {1});
  wrong_field.add_float_data(1.0F);
  EXPECT_THAT(import_error(wrong_field), HasSubstr("has 0 elements in the field of its type i64"));
}

TEST(TensorImport, HostileExtentsAllocateNothing) {
  EXPECT_EQ(import_error(float_tensor("w", {-1}, {})),
            "t.pb: tensor 'w': has a negative dimension, -1");
  EXPECT_THAT(import_error(float_tensor("w", {INT64_MAX, INT64_MAX}, {})), HasSubstr("more than"));
  EXPECT_THAT(import_error(float_tensor("w", {INT64_MAX, 0, INT64_MAX}, {})),
              HasSubstr("more than"));
  EXPECT_THAT(import_error(float_tensor("w", {std::int64_t{1} << 31}, {1})),
              HasSubstr("has 1 elements, its shape [2147483648] needs"));
  EXPECT_THAT(import_error(float_tensor("w", {(std::int64_t{1} << 31) + 1}, {1})),
              HasSubstr("has more than 2147483648 elements"));
  EXPECT_THAT(import_error(float_tensor("w", {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1})),
              HasSubstr("has 9 dimensions, at most 8 are supported"));
}

TEST(TensorImport, RefusesWhatItCannotHold) {
  EXPECT_THAT(import_error(proto_of(8, {0})), HasSubstr("element type STRING is not supported"));
  EXPECT_THAT(import_error(proto_of(14, {0})), HasSubstr("COMPLEX64"));
  EXPECT_THAT(import_error(proto_of(99, {0})), HasSubstr("element type number 99"));
  EXPECT_THAT(import_error(proto_of(0, {0})), HasSubstr("UNDEFINED"));
  onnx::TensorProto narrow = proto_of(3, {2});
  narrow.add_int32_data(1);
  narrow.add_int32_data(200);
  EXPECT_EQ(import_error(narrow), "t.pb: tensor 't': element 1 is 200, which i8 cannot hold");
  onnx::TensorProto both = float_tensor("t", {1}, {1});
  both.set_raw_data("1234");
  EXPECT_THAT(import_error(both), HasSubstr("both raw data and a typed field"));
  onnx::TensorProto segment = float_tensor("t", {1}, {1});
  segment.mutable_segment()->set_begin(0);
  EXPECT_THAT(import_error(segment), HasSubstr("segments"));
  onnx::TensorProto external = float_tensor("t", {1}, {});
  external.set_data_location(onnx::TensorProto_DataLocation_EXTERNAL);
  EXPECT_THAT(import_error(external), HasSubstr("external data is not allowed here"));
}

TEST(TensorImport, BytesThatAreNoTensor) {
  EXPECT_EQ(import_tensor_bytes("\xFF\xFF\xFF", "x.pb").error().message,
            "x.pb: is not a valid ONNX tensor or is truncated");
  const std::string bytes = float_tensor("t", {3}, {1, 2, 3}).SerializeAsString();
  EXPECT_FALSE(import_tensor_bytes(bytes.substr(0, bytes.size() - 1), "x.pb").ok());
}

}  // namespace
}  // namespace lode::engine
