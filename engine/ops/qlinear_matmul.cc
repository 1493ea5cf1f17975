// MatMulInteger, QLinearMatMul, QGemm, MatMulIntegerToFloat and DynamicQuantizeMatMul: matrix
// products of 8-bit integers.
#include <algorithm>

#include "engine/ops/activation.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"
#include "engine/ops/matrix_stack.h"
#include "engine/ops/qlinear_inputs.h"

namespace lode::engine {
namespace {

// Positions among the inputs, of each operator.
constexpr OperandInputs kIntegerA{.data = 0, .scale = kVariadic, .zero_point = 2};
constexpr OperandInputs kIntegerB{.data = 1, .scale = kVariadic, .zero_point = 3};
constexpr OperandInputs kToFloatA{.data = 0, .scale = 2, .zero_point = 4};
constexpr OperandInputs kToFloatB{.data = 1, .scale = 3, .zero_point = 5};
constexpr std::size_t kToFloatBias = 6;
constexpr OperandInputs kDynamicB{.data = 1, .scale = 2, .zero_point = 3};
constexpr std::size_t kDynamicBias = 4;

// One matrix of a product, with what its rows (left) or columns (right) are quantised by.
struct IntegerMatrix {
  TensorView view;
  std::int64_t offset = 0;  ///< of its first element
  std::int64_t row_step = 0;
  std::int64_t column_step = 1;
  Quantisation quantisation;
};

// Sum over k of (a - a's zero point) * (b - b's), modulo 2^32.
std::int32_t integer_dot(const IntegerMatrix& a, const IntegerMatrix& b, std::int64_t row,
                         std::int64_t column, std::int64_t depth) {
  const std::int32_t left_zero = a.quantisation.zero_point(row);
  const std::int32_t right_zero = b.quantisation.zero_point(column);
  return visit_byte(a.view.dtype, [&]<typename A>() {
    return visit_byte(b.view.dtype, [&]<typename B>() {
      const A* left = elements<A>(a.view) + a.offset + row * a.row_step;
      const B* right = elements<B>(b.view) + b.offset + column * b.column_step;
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        sum += (left[k * a.column_step] - left_zero) * (right[k * b.row_step] - right_zero);
      }
      return static_cast<std::int32_t>(sum);
    });
  });
}

// Calls visit(index, row, column, sum) for every element of a stack of products, in order.
template <typename Visit>
void for_each_product(IntegerMatrix a, IntegerMatrix b, Visit visit) {
  const MatrixStack left = as_stack(a.view.shape, true);
  const MatrixStack right = as_stack(b.view.shape, false);
  // Both have passed matmul_shape().
  const Shape batch = *broadcast_shapes(Node{}, left.batch, right.batch);
  a.row_step = left.columns;
  b.row_step = right.columns;
  std::int64_t index = 0;
  const std::array strides = {broadcast_strides(left.batch, batch),
                              broadcast_strides(right.batch, batch)};
  for_each_row<2>(batch, strides, [&](const Row<2>& run) {
    for (std::int64_t i = 0; i < run.count; ++i) {
      a.offset = (run.offsets[0] + i * run.steps[0]) * left.rows * left.columns;
      b.offset = (run.offsets[1] + i * run.steps[1]) * right.rows * right.columns;
      for (std::int64_t row = 0; row < left.rows; ++row) {
        for (std::int64_t column = 0; column < right.columns; ++column, ++index) {
          visit(index, row, column, integer_dot(a, b, row, column, left.columns));
        }
      }
    }
  });
}

IntegerMatrix matrix_of(const ReferenceContext& context, OperandInputs inputs) {
  return {.view = context.inputs[inputs.data],
          .quantisation = {context.inputs, inputs.scale, inputs.zero_point}};
}

// The shape of the product. Zero points and scales: one for all, one a row of A, one a column of B.
Result<Shape> check_product(const InferContext& context, OperandInputs a, OperandInputs b) {
  LODE_CHECK_OK(check_type(context, a.data, kByteTypes));
  LODE_CHECK_OK(check_type(context, b.data, kByteTypes));
  LODE_CHECK_OK(check_rank(context, a.data, 1));
  LODE_CHECK_OK(check_rank(context, b.data, 1));
  const Shape& left = context.inputs[a.data].shape;
  const Shape& right = context.inputs[b.data].shape;
  LODE_TRY(const Shape result, matmul_shape(context.node, left, right));
  const std::int64_t rows = as_stack(left, true).rows;
  const std::int64_t columns = as_stack(right, false).columns;
  LODE_CHECK_OK(check_zero_point(context, a.zero_point, context.inputs[a.data].dtype, rows));
  LODE_CHECK_OK(check_zero_point(context, b.zero_point, context.inputs[b.data].dtype, columns));
  if (a.scale != kVariadic) LODE_CHECK_OK(check_operand(context, a, rows));
  if (b.scale != kVariadic) LODE_CHECK_OK(check_operand(context, b, columns));
  return result;
}

// ---- MatMulInteger

Status check_matmul_integer(const Node& node) {
  return check_signature(node, {.min_inputs = 2, .max_inputs = 4}, {});
}

Status infer_matmul_integer(InferContext& context) {
  LODE_TRY(const Shape result, check_product(context, kIntegerA, kIntegerB));
  return set_output(context, DType::kI32, result);
}

Status run_matmul_integer(const ReferenceContext& context) {
  std::int32_t* result = elements<std::int32_t>(context.outputs[0]);
  for_each_product(matrix_of(context, kIntegerA), matrix_of(context, kIntegerB),
                   [result](std::int64_t index, std::int64_t, std::int64_t, std::int32_t sum) {
                     result[index] = sum;
                   });
  return {};
}

// ---- QLinearMatMul

Status check_qlinear_matmul(const Node& node) {
  return check_signature(node, {.min_inputs = 8, .max_inputs = 8}, {});
}

Status infer_qlinear_matmul(InferContext& context) {
  LODE_TRY(const Shape result, check_product(context, kQMatMulA, kQMatMulB));
  LODE_TRY(const DType type, check_output_quantisation(context, kQMatMulScale, kQMatMulZeroPoint));
  return set_output(context, type, result);
}

Status run_qlinear_matmul(const ReferenceContext& context) {
  const IntegerMatrix a = matrix_of(context, kQMatMulA);
  const IntegerMatrix b = matrix_of(context, kQMatMulB);
  const Quantisation output(context.inputs, kQMatMulScale, kQMatMulZeroPoint);
  ByteOutput result(context.outputs[0], output);
  for_each_product(
      a, b, [&](std::int64_t index, std::int64_t row, std::int64_t column, std::int32_t sum) {
        const float unit = a.quantisation.scale(row) * b.quantisation.scale(column);
        result.set(index, static_cast<float>(sum) * (unit / output.scale()));
      });
  return {};
}

// ---- QGemm

Status check_qgemm(const Node& node) {
  LODE_CHECK_OK(check_signature(
      node, {.min_inputs = 5, .max_inputs = 9},
      {{"alpha"}, {"transA"}, {"transB"}, {"lode_activation"}, {"lode_alpha"}, {"lode_beta"}}));
  const bool is_float = !has_input(node, kQGemmScale);
  LODE_CHECK_OK(is_float ? fused_activation(node) : fused_byte_activation(node));
  if (is_float != has_input(node, kQGemmZeroPoint)) return {};
  return node_error(node, "has one of y_scale and y_zero_point; both or none are needed");
}

struct GemmOperands {
  IntegerMatrix a;
  IntegerMatrix b;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t depth = 0;
};

Result<GemmOperands> read_qgemm(const Node& node, const TensorView& a, const TensorView& b) {
  LODE_TRY(const bool transposed_a, attribute_flag(node, "transA", false));
  LODE_TRY(const bool transposed_b, attribute_flag(node, "transB", false));
  const auto matrix = [](const TensorView& view, bool transposed) {
    const std::int64_t width = view.shape[1];
    return IntegerMatrix{.view = view,
                         .row_step = transposed ? 1 : width,
                         .column_step = transposed ? width : 1,
                         .quantisation = {{}, 0, 0}};
  };
  GemmOperands gemm{.a = matrix(a, transposed_a),
                    .b = matrix(b, transposed_b),
                    .rows = a.shape[transposed_a ? 1 : 0],
                    .columns = b.shape[transposed_b ? 0 : 1],
                    .depth = a.shape[transposed_a ? 0 : 1]};
  if (b.shape[transposed_b ? 1 : 0] == gemm.depth) return gemm;
  return node_error(node, "A {} and B {} with 'transA'={}, 'transB'={} do not fit each other",
                    a.shape.to_string(), b.shape.to_string(), int{transposed_a}, int{transposed_b});
}

Status infer_qgemm(InferContext& context) {
  const Node& node = context.node;
  for (const std::size_t index : {kQGemmA.data, kQGemmB.data}) {
    LODE_CHECK_OK(check_type(context, index, kByteTypes));
    LODE_CHECK_OK(check_rank(context, index, 2, 2));
  }
  const auto view = [&](std::size_t index) {
    return TensorView{nullptr, context.inputs[index].dtype, context.inputs[index].shape};
  };
  LODE_TRY(const GemmOperands gemm, read_qgemm(node, view(kQGemmA.data), view(kQGemmB.data)));
  LODE_CHECK_OK(check_operand(context, kQGemmA));
  LODE_CHECK_OK(check_operand(context, kQGemmB, gemm.columns));
  const Shape result{gemm.rows, gemm.columns};
  if (has_input(node, kQGemmBias)) {
    LODE_CHECK_OK(check_type(context, kQGemmBias, kAccumulatorTypes));
    const Shape& c = context.inputs[kQGemmBias].shape;
    if (!broadcasts_to(c, result)) {
      return node_error(node, "C {} does not broadcast to {}", c.to_string(), result.to_string());
    }
  }
  if (!has_input(node, kQGemmScale)) return set_output(context, DType::kF32, result);
  LODE_TRY(const DType type, check_output_quantisation(context, kQGemmScale, kQGemmZeroPoint));
  return set_output(context, type, result);
}

// Calls visit(index, real value per unit of the sum, sum with C) for each element.
template <typename Visit>
Status for_each_qgemm(const ReferenceContext& context, Visit visit) {
  LODE_TRY(const float alpha, attribute_float(context.node, "alpha", 1.0F));
  LODE_TRY(GemmOperands gemm,
           read_qgemm(context.node, context.inputs[kQGemmA.data], context.inputs[kQGemmB.data]));
  gemm.a.quantisation = matrix_of(context, kQGemmA).quantisation;
  gemm.b.quantisation = matrix_of(context, kQGemmB).quantisation;
  const std::int32_t* bias = optional_elements<std::int32_t>(context.inputs, kQGemmBias);
  Shape strides{0, 0};
  if (bias != nullptr) {
    strides = broadcast_strides(context.inputs[kQGemmBias].shape, Shape{gemm.rows, gemm.columns});
  }
  std::int64_t index = 0;
  for (std::int64_t row = 0; row < gemm.rows; ++row) {
    for (std::int64_t column = 0; column < gemm.columns; ++column, ++index) {
      std::int32_t sum = integer_dot(gemm.a, gemm.b, row, column, gemm.depth);
      if (bias != nullptr) sum = wrapping_add(sum, bias[row * strides[0] + column * strides[1]]);
      const float unit = alpha * gemm.a.quantisation.scale() * gemm.b.quantisation.scale(column);
      visit(index, unit, sum);
    }
  }
  return {};
}

Status run_qgemm(const ReferenceContext& context) {
  LODE_TRY(const Activation activation, fused_activation(context.node));
  if (context.outputs[0].dtype == DType::kF32) {
    float* result = elements<float>(context.outputs[0]);
    return for_each_qgemm(context, [&](std::int64_t index, float unit, std::int32_t sum) {
      result[index] = apply_activation(activation, static_cast<float>(sum) * unit);
    });
  }
  const Quantisation output(context.inputs, kQGemmScale, kQGemmZeroPoint);
  ByteOutput result(context.outputs[0], output, activation);
  return for_each_qgemm(context, [&](std::int64_t index, float unit, std::int32_t sum) {
    result.set(index, static_cast<float>(sum) * (unit / output.scale()));
  });
}

// ---- MatMulIntegerToFloat and DynamicQuantizeMatMul

Status check_float_bias(const InferContext& context, std::size_t index, std::int64_t columns) {
  if (!has_input(context.node, index)) return {};
  LODE_CHECK_OK(check_type(context, index, types({DType::kF32})));
  if (context.inputs[index].shape == Shape{columns}) return {};
  return node_error(context.node, "bias (input {}) has shape {}; [{}] is needed", index,
                    context.inputs[index].shape.to_string(), columns);
}

void multiply_to_float(const ReferenceContext& context, const IntegerMatrix& a,
                       const IntegerMatrix& b, const float* bias) {
  float* result = elements<float>(context.outputs[0]);
  for_each_product(
      a, b, [&](std::int64_t index, std::int64_t row, std::int64_t column, std::int32_t sum) {
        const float unit = a.quantisation.scale(row) * b.quantisation.scale(column);
        result[index] = static_cast<float>(sum) * unit;
        if (bias != nullptr) result[index] += bias[column];
      });
}

Status check_matmul_to_float(const Node& node) {
  return check_signature(node, {.min_inputs = 4, .max_inputs = 7}, {});
}

Status infer_matmul_to_float(InferContext& context) {
  LODE_TRY(const Shape result, check_product(context, kToFloatA, kToFloatB));
  const std::int64_t columns = as_stack(context.inputs[kToFloatB.data].shape, false).columns;
  LODE_CHECK_OK(check_float_bias(context, kToFloatBias, columns));
  return set_output(context, DType::kF32, result);
}

Status run_matmul_to_float(const ReferenceContext& context) {
  multiply_to_float(context, matrix_of(context, kToFloatA), matrix_of(context, kToFloatB),
                    optional_elements<float>(context.inputs, kToFloatBias));
  return {};
}

Status check_dynamic_matmul(const Node& node) {
  return check_signature(node, {.min_inputs = 3, .max_inputs = 5}, {});
}

Status infer_dynamic_matmul(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, types({DType::kF32})));
  LODE_CHECK_OK(check_rank(context, 0, 1));
  LODE_CHECK_OK(check_type(context, kDynamicB.data, kByteTypes));
  LODE_CHECK_OK(check_rank(context, kDynamicB.data, 1));
  const Shape& right = context.inputs[kDynamicB.data].shape;
  const std::int64_t columns = as_stack(right, false).columns;
  LODE_CHECK_OK(check_operand(context, kDynamicB, columns));
  LODE_CHECK_OK(check_float_bias(context, kDynamicBias, columns));
  LODE_TRY(const Shape result, matmul_shape(context.node, context.inputs[0].shape, right));
  return set_output(context, DType::kF32, result);
}

Status run_dynamic_matmul(const ReferenceContext& context) {
  const auto source = context.inputs[0].as<float>();
  float low = 0.0F;
  float high = 0.0F;
  for (const float x : source) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  const DynamicRange range = dynamic_range(low, high);
  Tensor quantised(DType::kU8, context.inputs[0].shape);
  const auto zero_point = static_cast<std::uint8_t>(range.zero_point);
  std::uint8_t* to = elements<std::uint8_t>(quantised.mutable_view());
  for (const float x : source) *to++ = quantise<std::uint8_t>(x, range.scale, zero_point);
  const std::array parameters = {
      TensorView{reinterpret_cast<const std::byte*>(&range.scale), DType::kF32, {}},
      TensorView{reinterpret_cast<const std::byte*>(&zero_point), DType::kU8, {}}};
  multiply_to_float(context, {.view = quantised.view(), .quantisation = {parameters, 0, 1}},
                    matrix_of(context, kDynamicB),
                    optional_elements<float>(context.inputs, kDynamicBias));
  return {};
}

bool multiplies_rows(const Node& node, std::span<const ValueInfo> inputs) {
  const auto transposed = attribute_int(node, "transA", 0);
  return transposed.ok() && *transposed == 0 && inputs[kQGemmB.data].constant != nullptr;
}

}  // namespace

OperatorDef matmul_integer_operator() {
  return {.op_type = "MatMulInteger",
          .opset_min = 10,
          .opset_max = kLatestOpset,
          .check = check_matmul_integer,
          .infer = infer_matmul_integer,
          .reference = run_matmul_integer};
}

OperatorDef qlinear_matmul_operator() {
  return {.op_type = "QLinearMatMul",
          .opset_min = 10,
          .opset_max = kLatestOpset,
          .check = check_qlinear_matmul,
          .infer = infer_qlinear_matmul,
          .reference = run_qlinear_matmul};
}

OperatorDef qgemm_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "QGemm",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_qgemm,
          .infer = infer_qgemm,
          .reference = run_qgemm,
          .lower = lower_qgemm,
          .keeps_samples = multiplies_rows};
}

OperatorDef matmul_integer_to_float_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "MatMulIntegerToFloat",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_matmul_to_float,
          .infer = infer_matmul_to_float,
          .reference = run_matmul_to_float};
}

OperatorDef dynamic_quantize_matmul_operator() {
  return {.domain = kMicrosoftDomain,
          .op_type = "DynamicQuantizeMatMul",
          .opset_min = kMicrosoftOpset,
          .opset_max = kMicrosoftOpset,
          .check = check_dynamic_matmul,
          .infer = infer_dynamic_matmul,
          .reference = run_dynamic_matmul};
}

}  // namespace lode::engine
