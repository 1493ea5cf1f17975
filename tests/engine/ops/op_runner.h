// One operator, run by its reference on tensors written down in the test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/ops/element.h"
#include "engine/ops/shape_inference.h"
#include "tests/engine/graph_builder.h"

namespace lode::engine {

using Attributes = std::map<std::string, Attribute, std::less<>>;
using Ints = std::vector<std::int64_t>;

inline Tensor floats(std::vector<float> values, Shape shape) {
  return tensor_of<float>(std::move(values), shape);
}

/// A vector of i64.
inline Tensor ints(Ints values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return tensor_of<std::int64_t>(std::move(values), Shape{count});
}

/// 0, 1, 2, ... in f32.
inline Tensor iota(Shape shape) {
  Tensor tensor(DType::kF32, shape);
  float next = 0.0F;
  for (float& element : tensor.mutable_view().as<float>()) element = next++;
  return tensor;
}

template <typename T>
Tensor scalar(T value) {
  return tensor_of<T>({value}, {});
}
inline Tensor bytes(std::vector<std::uint8_t> values, Shape shape) {
  return tensor_of<std::uint8_t>(std::move(values), shape);
}
inline Tensor signed_bytes(std::vector<std::int8_t> values, Shape shape) {
  return tensor_of<std::int8_t>(std::move(values), shape);
}
/// A bias in the accumulator's units.
inline Tensor accumulators(std::vector<std::int32_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return tensor_of<std::int32_t>(std::move(values), Shape{count});
}

/// An operator of a version with its attributes; call it with the inputs (none: omitted).
struct Op {
  std::string type;
  std::int64_t opset = 13;
  Attributes attributes = {};
  std::size_t outputs = 1;
  std::string domain = "";

  [[nodiscard]] Node node(std::size_t inputs) const {
    Node node;
    node.name = "n";
    node.op_type = type;
    node.domain = domain;
    node.opset = opset;
    node.attributes = attributes;
    for (std::size_t i = 0; i < inputs; ++i) node.inputs.push_back(static_cast<ValueId>(i));
    for (std::size_t i = 0; i < outputs; ++i) {
      node.outputs.push_back(static_cast<ValueId>(inputs + i));
    }
    return node;
  }

  Result<std::vector<Tensor>> operator()(const std::vector<std::optional<Tensor>>& inputs) const {
    std::vector<const Tensor*> pointers;
    for (const auto& input : inputs) pointers.push_back(input ? &*input : nullptr);
    Node called = node(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i]) called.inputs[i] = kNoValue;
    }
    return run_reference(called, pointers);
  }
};

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  const auto span = tensor.as<T>();
  return std::vector<T>(span.begin(), span.end());
}

/// The first output has this shape and these elements, exactly or within `tolerance` for floats.
template <typename T>
void expect_output(const Result<std::vector<Tensor>>& result, const Shape& shape,
                   const std::vector<T>& expected, double tolerance = 0.0) {
  ASSERT_TRUE(result.ok()) << result.error().message;
  const Tensor& tensor = result->front();
  ASSERT_EQ(tensor.dtype(), DTypeOf<T>::value);
  ASSERT_EQ(tensor.shape(), shape) << tensor.shape().to_string();
  const std::vector<T> actual = values<T>(tensor);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(actual[i]), static_cast<double>(expected[i]), tolerance)
        << "element " << i;
  }
}

inline void expect_floats(const Result<std::vector<Tensor>>& result, const Shape& shape,
                          const std::vector<float>& expected, double tolerance = 1e-6) {
  expect_output<float>(result, shape, expected, tolerance);
}

/// It fails, naming the node and all of `parts`.
template <typename T>
void expect_error(const Result<T>& result, const std::vector<std::string>& parts) {
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, testing::HasSubstr("node 'n'"));
  for (const std::string& part : parts) {
    EXPECT_THAT(result.error().message, testing::HasSubstr(part));
  }
}

}  // namespace lode::engine
