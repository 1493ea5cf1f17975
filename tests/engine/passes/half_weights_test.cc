// narrow_weights and half_weights: weights to half, and into the nodes that read them.
#include "tests/engine/passes/rewrite_check.h"

namespace lode::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Halves have 11 bits: half a unit in the last place, and some for sums.
constexpr float kHalfError = 1e-3F;

Tensor halves_of(const Tensor& floats) {
  Tensor halves(DType::kF16, floats.shape());
  auto* to = reinterpret_cast<std::uint16_t*>(halves.mutable_view().data);
  for (const float value : floats.as<float>()) *to++ = f32_to_f16(value);
  return halves;
}

// x [2,3,4,4] -> Conv 3x3 -> Flatten -> Gemm -> MatMul.
GraphBuilder three_products() {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 4, 4});
  const ValueId conv = b.node("conv", "Conv",
                              {x, b.constant("conv_w", random_tensor({4, 3, 3, 3}, 1)),
                               b.constant("conv_b", random_tensor({4}, 2))});
  const ValueId flat = b.node("flat", "Flatten", {conv});
  const ValueId gemm = b.node("gemm", "Gemm",
                              {flat, b.constant("gemm_w", random_tensor({5, 16}, 3)),
                               b.constant("gemm_b", random_tensor({5}, 4))},
                              {{"transB", std::int64_t{1}}, {"alpha", 0.5F}});
  b.output(b.node("y", "MatMul", {gemm, b.constant("matmul_w", random_tensor({5, 6}, 5))}));
  return b;
}

TEST(NarrowWeights, PutsHalvesBehindCasts) {
  const Rewritten after = rewrite(three_products().graph, narrow_weights, kHalfError);
  EXPECT_EQ(after.report.changes, 3);
  EXPECT_TRUE(after.report.refused.empty());
  EXPECT_EQ(after.graph.node_count(), 7U);
  EXPECT_THAT(dump(after.graph), AllOf(HasSubstr("conv_w_to_f32: Cast(conv_w)"),
                                       HasSubstr("gemm_w_to_f32: Cast(gemm_w)"),
                                       HasSubstr("matmul_w_to_f32: Cast(matmul_w)")));
  std::size_t halves = 0;
  for (std::size_t i = 0; i < after.graph.value_capacity(); ++i) {
    const Tensor* constant = after.graph.constant(static_cast<ValueId>(i));
    if (constant == nullptr) continue;
    const bool is_weight = constant->shape().rank() >= 2;
    EXPECT_EQ(constant->dtype(), is_weight ? DType::kF16 : DType::kF32);
    halves += is_weight ? 1 : 0;
  }
  EXPECT_EQ(halves, 3U);
}

TEST(NarrowWeights, WhatNoHalfCanHoldStaysAndIsNamed) {
  for (const float value : {65505.0F, -1e30F, std::numeric_limits<float>::infinity(), NAN}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 2});
    b.output(
        b.node("y", "MatMul", {x, b.constant("w", tensor_of<float>({1, value, 3, 4}, {2, 2}))}));
    Graph graph = b.graph;
    PassReport report;
    ASSERT_TRUE(narrow_weights(graph, report).ok());
    EXPECT_EQ(report.changes, 0);
    ASSERT_EQ(report.refused.size(), 1U);
    EXPECT_EQ(report.refused[0].node, "y");
    EXPECT_THAT(report.refused[0].why, HasSubstr(fmt::format("a weight is {}", value)));
    EXPECT_EQ(graph.node_count(), 1U);
  }
}

TEST(NarrowWeights, TheLargestHalfIsRounded) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2});
  b.output(b.node("y", "MatMul",
                  {x, b.constant("w", tensor_of<float>({65504, -65504, 1e-9F, 4}, {2, 2}))}));
  const Rewritten after = rewrite(b.graph, narrow_weights);
  EXPECT_EQ(after.report.changes, 1);
}

TEST(NarrowWeights, StacksOfMatricesStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 1, 3});
  b.output(b.node("y", "MatMul", {x, b.constant("w", random_tensor({2, 3, 3}, 1))}));
  const Rewritten after = rewrite(b.graph, narrow_weights);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_THAT(after.refusal("y"), HasSubstr("not a kernel or matrix"));
}

TEST(NarrowWeights, OtherReadersKeepTheFloats) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 3});
  const ValueId w = b.constant("w", random_tensor({3, 3}, 1));
  b.output(b.node("y", "MatMul", {x, w}));
  b.output(b.node("z", "MatMul", {x, w}));
  b.output(b.node("sum", "Add", {x, w}));
  const Rewritten after = rewrite(b.graph, narrow_weights, kHalfError);
  EXPECT_EQ(after.report.changes, 1);  // one Cast for both products
  EXPECT_EQ(after.graph.node_count(), 4U);
  EXPECT_THAT(dump(after.graph), HasSubstr("sum: Add(x, w)"));
  EXPECT_EQ(after.graph.constant(w)->dtype(), DType::kF32);
}

TEST(NarrowWeights, OldOperatorSetsCastByName) {
  GraphBuilder b;
  b.opset = 5;
  const ValueId x = b.input("x", {1, 2});
  b.output(b.node("y", "MatMul", {x, b.constant("w", random_tensor({2, 2}, 1))}));
  const Rewritten after = rewrite(b.graph, narrow_weights, kHalfError);
  EXPECT_THAT(dump(after.graph), HasSubstr("{to='FLOAT'}"));
  EXPECT_EQ(rewrite(after.graph, half_weights).report.changes, 1);
}

TEST(HalfWeights, GoIntoTheNodes) {
  const Rewritten narrow = rewrite(three_products().graph, narrow_weights, kHalfError);
  const Rewritten after = rewrite(narrow.graph, half_weights, 0.0F);
  EXPECT_EQ(after.report.changes, 3);
  EXPECT_EQ(after.graph.node_count(), 4U);
  EXPECT_THAT(dump(after.graph), AllOf(Not(HasSubstr("Cast")), HasSubstr("lode_half_weights=1")));
}

TEST(HalfWeights, OneCastMayServeSeveral) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 3});
  const ValueId wide =
      b.node("wide", "Cast", {b.constant("w", halves_of(random_tensor({3, 3}, 1)))},
             {{"to", std::int64_t{1}}});
  b.output(b.node("y", "MatMul", {x, wide}));
  b.output(b.node("z", "MatMul", {x, wide}));
  b.output(b.node("sum", "Add", {x, wide}));
  const Rewritten after = rewrite(b.graph, half_weights, 0.0F);
  EXPECT_EQ(after.report.changes, 2);
  EXPECT_EQ(after.graph.node_count(), 4U);  // the Add still wants floats
}

TEST(HalfWeights, LeavesOtherCastsAlone) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 3});
  const ValueId half = b.constant("w", halves_of(random_tensor({3, 3}, 1)));
  const ValueId wide = b.node("wide", "Cast", {half}, {{"to", std::int64_t{1}}});
  const ValueId doubled = b.node("doubled", "Cast", {half}, {{"to", std::int64_t{11}}});
  const ValueId y = b.node("y", "MatMul", {wide, wide});
  b.output(b.node("sum", "Add", {x, y}));
  b.output(b.node("z", "MatMul", {doubled, doubled}));
  const Rewritten after = rewrite(b.graph, half_weights, 0.0F);
  EXPECT_EQ(after.report.changes, 0);
  EXPECT_THAT(after.refusal("y"), HasSubstr("its data, too"));
}

TEST(HalfWeights, FoldingDoesNotWidenThem) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 3});
  const auto wide = [&](std::string_view name, std::uint64_t seed) {
    const ValueId half = b.constant("", halves_of(random_tensor({3, 3}, seed)));
    return b.node(name, "Cast", {half}, {{"to", std::int64_t{1}}});
  };
  const ValueId y = b.node("y", "MatMul", {x, wide("weights", 1)});
  b.output(b.node("sum", "Add", {y, wide("offset", 2)}));
  const Rewritten after = rewrite(b.graph, fold_constants, 0.0F);
  EXPECT_EQ(after.report.changes, 1);
  EXPECT_THAT(dump(after.graph), HasSubstr("weights: Cast"));
  EXPECT_THAT(dump(after.graph), Not(HasSubstr("offset: Cast")));
}

TEST(HalfWeights, TheListNarrowsOnlyWhereAsked) {
  const GraphBuilder b = three_products();
  for (const bool asked : {false, true}) {
    Graph graph = b.graph;
    const auto reports =
        optimise(graph, {.disabled = {}, .stop_after = "", .precision = asked ? "fp16" : ""});
    ASSERT_TRUE(reports.ok()) << reports.error().message;
    EXPECT_EQ(reports->size(), all_passes().size() - (asked ? 1 : 2));
    const auto wanted = asked ? HasSubstr("lode_half_weights=1") : HasSubstr("y: MatMul");
    EXPECT_THAT(dump(graph), wanted);
    EXPECT_THAT(dump(graph), Not(HasSubstr("Cast")));
  }
}

TEST(HalfWeights, OperatorsTakeHalvesWithTheAttributeAlone) {
  const auto error_of = [](DType weights, std::int64_t attribute) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 3});
    const Tensor floats = random_tensor({3, 2}, 1);
    const ValueId w = b.constant("w", weights == DType::kF16 ? halves_of(floats) : floats);
    b.output(b.node("y", "MatMul", {x, w}, {{"lode_half_weights", attribute}}));
    const Tensor inputs[] = {random_tensor({1, 3}, 2)};
    const auto result = run_graph(b.graph, inputs);
    return result.ok() ? "" : result.error().message;
  };
  EXPECT_EQ(error_of(DType::kF16, 1), "");
  EXPECT_EQ(error_of(DType::kF32, 0), "");
  EXPECT_THAT(error_of(DType::kF16, 0), HasSubstr("input 1 has element type f16"));
  EXPECT_THAT(error_of(DType::kF32, 1),
              HasSubstr("f16 weights beside f32 data, not f32 beside f32"));
  EXPECT_THAT(error_of(DType::kF16, 2), HasSubstr("lode_half_weights"));
}

}  // namespace
}  // namespace lode::engine
