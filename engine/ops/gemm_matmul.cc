// Gemm and MatMul: matrix products, of matrices and of stacks of matrices.
#include <cmath>

#include "engine/ops/activation.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/half_weights.h"
#include "engine/ops/lowering.h"
#include "engine/ops/matrix_stack.h"

namespace lode::engine {
namespace {

// 32 and 64-bit integers are what ONNX lists; the products of narrower ones would wrap at once.
constexpr TypeSet kProductTypes =
    kFloatTypes | types({DType::kI32, DType::kI64, DType::kU32, DType::kU64});

// A matrix inside a tensor, transposed or not.
template <typename T>
struct Matrix {
  const T* data;
  std::int64_t row_step;
  std::int64_t column_step;

  Wide<T> at(std::int64_t row, std::int64_t column) const {
    return widen(data[row * row_step + column * column_step]);
  }
};

template <typename T>
Wide<T> dot(const Matrix<T>& a, const Matrix<T>& b, std::int64_t row, std::int64_t column,
            std::int64_t depth) {
  Wide<T> sum{};
  for (std::int64_t k = 0; k < depth; ++k) sum += a.at(row, k) * b.at(k, column);
  return sum;
}

struct GemmShape {
  bool transposed_a = false;
  bool transposed_b = false;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t depth = 0;
};

Result<GemmShape> read_gemm(const Node& node, const Shape& a, const Shape& b) {
  GemmShape gemm;
  LODE_TRY(gemm.transposed_a, attribute_flag(node, "transA", false));
  LODE_TRY(gemm.transposed_b, attribute_flag(node, "transB", false));
  gemm.rows = a[gemm.transposed_a ? 1 : 0];
  gemm.depth = a[gemm.transposed_a ? 0 : 1];
  gemm.columns = b[gemm.transposed_b ? 0 : 1];
  if (b[gemm.transposed_b ? 1 : 0] != gemm.depth) {
    return node_error(node, "A {} and B {} with 'transA'={}, 'transB'={} do not fit each other",
                      a.to_string(), b.to_string(), int{gemm.transposed_a}, int{gemm.transposed_b});
  }
  return gemm;
}

// The factor in the arithmetic of T; integers take whole factors only.
template <typename T>
Result<Wide<T>> read_factor(const Node& node, std::string_view name) {
  LODE_TRY(const float factor, attribute_float(node, name, 1.0F));
  if constexpr (std::is_integral_v<T>) {
    if (factor != std::trunc(factor) || std::fabs(factor) > 0x1p31F) {
      return node_error(node,
                        "attribute '{}'={} is no whole number below 2^31, which integers need",
                        name, factor);
    }
    return static_cast<Wide<T>>(static_cast<std::int64_t>(factor));
  } else {
    return static_cast<Wide<T>>(factor);
  }
}

Status check_factors(const Node& node, DType type) {
  return visit_numeric(type, [&]<typename T>() -> Status {
    LODE_CHECK_OK(read_factor<T>(node, "alpha"));
    LODE_CHECK_OK(read_factor<T>(node, "beta"));
    return {};
  });
}

Status check_gemm(const Node& node) {
  const bool optional_c = node.opset >= 11;
  return check_signature(node, {.min_inputs = optional_c ? 2U : 3U, .max_inputs = 3},
                         {{"alpha"},
                          {"beta"},
                          {"transA"},
                          {"transB"},
                          {"broadcast", 1, 6},
                          {"lode_activation"},
                          {"lode_alpha"},
                          {"lode_beta"},
                          {kHalfWeightsAttribute}});
}

Status infer_gemm(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kProductTypes));
  LODE_CHECK_OK(check_weighted_types(context));
  LODE_CHECK_OK(check_fused_activation(context));
  LODE_CHECK_OK(check_rank(context, 0, 2, 2));
  LODE_CHECK_OK(check_rank(context, 1, 2, 2));
  LODE_CHECK_OK(check_factors(node, context.inputs[0].dtype));
  LODE_TRY(const GemmShape gemm, read_gemm(node, context.inputs[0].shape, context.inputs[1].shape));
  const Shape result{gemm.rows, gemm.columns};
  if (context.inputs.size() > 2 && context.inputs[2].present) {
    const Shape& c = context.inputs[2].shape;
    LODE_TRY(const bool may_broadcast, attribute_flag(node, "broadcast", node.opset >= 7));
    if (may_broadcast ? !broadcasts_to(c, result) : c != result) {
      return node_error(node, "C {} does not {} {}", c.to_string(),
                        may_broadcast ? "broadcast to" : "have the shape", result.to_string());
    }
  }
  return set_output(context, context.inputs[0].dtype, result);
}

template <typename T>
Status multiply_gemm(const ReferenceContext& context, const GemmShape& gemm,
                     const Activation& activation) {
  LODE_TRY(const Wide<T> alpha, read_factor<T>(context.node, "alpha"));
  LODE_TRY(const Wide<T> beta, read_factor<T>(context.node, "beta"));
  const TensorView& a = context.inputs[0];
  const TensorView& b = context.inputs[1];
  const Matrix<T> left{elements<T>(a), gemm.transposed_a ? 1 : a.shape[1],
                       gemm.transposed_a ? a.shape[1] : 1};
  const Matrix<T> right{elements<T>(b), gemm.transposed_b ? 1 : b.shape[1],
                        gemm.transposed_b ? b.shape[1] : 1};
  Matrix<T> addend{optional_elements<T>(context.inputs, 2), 0, 0};
  if (addend.data != nullptr) {
    const Shape strides =
        broadcast_strides(context.inputs[2].shape, Shape{gemm.rows, gemm.columns});
    addend.row_step = strides[0];
    addend.column_step = strides[1];
  }
  T* result = elements<T>(context.outputs[0]);
  for (std::int64_t row = 0; row < gemm.rows; ++row) {
    for (std::int64_t column = 0; column < gemm.columns; ++column, ++result) {
      Wide<T> sum = alpha * dot(left, right, row, column, gemm.depth);
      if (addend.data != nullptr) sum += beta * addend.at(row, column);
      *result = narrow<T>(sum);
      if constexpr (std::is_same_v<T, float>) *result = apply_activation(activation, *result);
    }
  }
  return {};
}

Status run_gemm(const ReferenceContext& context) {
  LODE_TRY(const GemmShape gemm,
           read_gemm(context.node, context.inputs[0].shape, context.inputs[1].shape));
  LODE_TRY(const Activation activation, fused_activation(context.node));
  const WidenedContext widened(context);
  return visit_numeric(context.inputs[0].dtype, [&]<typename T>() {
    return multiply_gemm<T>(widened.get(), gemm, activation);
  });
}

Status check_matmul(const Node& node) {
  return check_signature(node, {.min_inputs = 2, .max_inputs = 2}, {{kHalfWeightsAttribute}});
}

Status infer_matmul(InferContext& context) {
  const Node& node = context.node;
  LODE_CHECK_OK(check_type(context, 0, kProductTypes));
  LODE_CHECK_OK(check_weighted_types(context));
  LODE_CHECK_OK(check_rank(context, 0, 1));
  LODE_CHECK_OK(check_rank(context, 1, 1));
  LODE_TRY(const Shape result,
           matmul_shape(node, context.inputs[0].shape, context.inputs[1].shape));
  return set_output(context, context.inputs[0].dtype, result);
}

template <typename T>
void multiply_stacks(const ReferenceContext& context, const Shape& batch, const MatrixStack& left,
                     const MatrixStack& right) {
  T* result = elements<T>(context.outputs[0]);
  const std::array strides = {broadcast_strides(left.batch, batch),
                              broadcast_strides(right.batch, batch)};
  for_each_row<2>(batch, strides, [&](const Row<2>& run) {
    for (std::int64_t i = 0; i < run.count; ++i) {
      const std::int64_t a = (run.offsets[0] + i * run.steps[0]) * left.rows * left.columns;
      const std::int64_t b = (run.offsets[1] + i * run.steps[1]) * right.rows * right.columns;
      const Matrix<T> lhs{elements<T>(context.inputs[0]) + a, left.columns, 1};
      const Matrix<T> rhs{elements<T>(context.inputs[1]) + b, right.columns, 1};
      for (std::int64_t row = 0; row < left.rows; ++row) {
        for (std::int64_t column = 0; column < right.columns; ++column) {
          *result++ = narrow<T>(dot(lhs, rhs, row, column, left.columns));
        }
      }
    }
  });
}

Status run_matmul(const ReferenceContext& context) {
  const MatrixStack left = as_stack(context.inputs[0].shape, true);
  const MatrixStack right = as_stack(context.inputs[1].shape, false);
  LODE_TRY(const Shape batch, broadcast_shapes(context.node, left.batch, right.batch));
  const WidenedContext widened(context);
  visit_numeric(context.inputs[0].dtype,
                [&]<typename T>() { multiply_stacks<T>(widened.get(), batch, left, right); });
  return {};
}

/// Rows of A are samples, and every one meets the same B, and its own row of C or the same one.
bool multiplies_rows(const Node& node, std::span<const ValueInfo> inputs) {
  const Result<bool> transposed = attribute_flag(node, "transA", false);
  if (!transposed.ok() || *transposed || inputs[1].constant == nullptr) return false;
  constexpr std::size_t kC = 2;
  constexpr std::size_t kMatrixRank = 2;
  if (inputs.size() <= kC || !inputs[kC].present || inputs[kC].constant != nullptr) return true;
  return inputs[kC].shape.rank() == kMatrixRank;
}

/// B is the same for all samples, or each brings its own.
bool multiplies_samples(const Node&, std::span<const ValueInfo> inputs) {
  if (inputs[1].constant != nullptr) return inputs[0].constant == nullptr;
  constexpr std::size_t kMatrixRank = 2;
  return inputs[0].shape.rank() == inputs[1].shape.rank() && inputs[0].shape.rank() > kMatrixRank;
}

}  // namespace

OperatorDef gemm_operator() {
  return {.op_type = "Gemm",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_gemm,
          .infer = infer_gemm,
          .reference = run_gemm,
          .lower = lower_gemm,
          .keeps_samples = multiplies_rows};
}

OperatorDef matmul_operator() {
  return {.op_type = "MatMul",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_matmul,
          .infer = infer_matmul,
          .reference = run_matmul,
          .lower = lower_matmul,
          .keeps_samples = multiplies_samples};
}

}  // namespace lode::engine
