// One model at several extents: no plan may see what another one made.
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

/// The reference's results at each batch, on one session that comes back to earlier extents.
void expect_every_batch_right(const Graph& graph, std::int64_t columns,
                              const ModelOptions& options = {}) {
  auto session = make_session(make_model(graph, options), {.threads = 2, .cpus = {}});
  for (const std::int64_t batch : {4, 8, 4, 1, 8}) {
    SCOPED_TRACE(batch);
    const std::vector<Tensor> inputs = {random_tensor({batch, columns}, 3)};
    const auto want = run_plainly(graph, inputs);
    const auto got = run_session(*session, inputs);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_LT(relative_difference(got[i], want[i]), 1e-5) << "output " << i;
    }
  }
}

/// [batch] or [batch, columns...] as a list that follows from x's extents.
ValueId extents_of(GraphBuilder& builder, ValueId x, const Ints& columns) {
  const ValueId shape = builder.node("shape", "Shape", {x});
  const ValueId batch =
      builder.node("batch", "Gather", {shape, builder.constant("zero", int_list({0}))},
                   {{"axis", std::int64_t{0}}});
  if (columns.empty()) return batch;
  return builder.node("extents", "Concat", {batch, builder.constant("columns", int_list(columns))},
                      {{"axis", std::int64_t{0}}});
}

ValueId filled(GraphBuilder& builder, std::string_view name, ValueId extents, float value) {
  return builder.node(name, "ConstantOfShape", {extents},
                      {{"value", tensor_of<float>({value}, Shape{1})}});
}

TEST(Extents, MatrixWhoseExtentsFollowTheBatch) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 6});
  const ValueId w = filled(builder, "w", extents_of(builder, x, {10}), 0.5F);
  const ValueId turned = builder.node("turned", "Transpose", {x}, {{"perm", Ints{1, 0}}});
  const ValueId square = builder.node("square", "MatMul", {x, turned});
  builder.output(builder.node("y", "MatMul", {square, w}));
  expect_every_batch_right(builder.graph, 6);
}

TEST(Extents, GemmWhoseMatrixAndRowFollowTheBatch) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 6});
  const ValueId batch = extents_of(builder, x, {});
  const ValueId row = filled(builder, "row", batch, 2.0F);
  const ValueId turned = builder.node("turned", "Transpose", {x}, {{"perm", Ints{1, 0}}});
  const ValueId w = builder.constant("w", random_tensor({7, 6}, 9));
  // [7,6] x [6,batch] + [batch]: the matrix is data; the row is known for each plan.
  builder.output(builder.node("y", "Gemm", {w, turned, row}));
  // [batch,6] x [6,batch]: a constant matrix that only this plan has.
  const ValueId wide =
      builder.node("wide_extents", "Concat", {builder.constant("six", int_list({6})), batch},
                   {{"axis", std::int64_t{0}}});
  builder.output(builder.node("z", "Gemm", {x, filled(builder, "wide", wide, -1.5F), row},
                              {{"alpha", 0.5F}, {"beta", 2.0F}}));
  expect_every_batch_right(builder.graph, 6);
}

TEST(Extents, ValuesThatFollowTheBatchAreNotShared) {
  // The row's length stays; its elements are the batch.
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 5});
  const ValueId number =
      builder.node("number", "Cast", {extents_of(builder, x, {})}, {{"to", std::int64_t{1}}});
  const ValueId w = builder.constant("w", random_tensor({5, 9}, 9));
  builder.output(builder.node("y", "Gemm", {x, w, number}));
  expect_every_batch_right(builder.graph, 5);
}

TEST(Extents, StatisticsThatFollowTheBatch) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3});
  const ValueId number =
      builder.node("number", "Cast", {extents_of(builder, x, {})}, {{"to", std::int64_t{1}}});
  const ValueId ones = builder.constant("ones", tensor_of<float>({1, 1, 1}, {3}));
  const ValueId bias = builder.node("bias", "Mul", {ones, number});
  builder.output(builder.node("y", "BatchNormalization", {x, ones, bias, ones, ones}));
  expect_every_batch_right(builder.graph, 3);
}

TEST(Extents, PlansAreCapped) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 2});
  builder.output(builder.node("y", "Relu", {x}));
  auto session = make_session(make_model(std::move(builder.graph)));
  const auto most = static_cast<std::int64_t>(Session::kPlansMax);
  const auto prepare = [&](std::int64_t batch) {
    EXPECT_TRUE(session->prepare(std::vector<Shape>{{batch, 2}}).ok());
  };
  for (std::int64_t batch = 1; batch <= most + 20; ++batch) {
    prepare(batch);
    prepare(1);  // the most recently used one stays
  }
  EXPECT_EQ(session->plan_count(), Session::kPlansMax);
  for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{2}, most + 20}) {
    const Tensor input = random_tensor({batch, 2}, 1, 0.5F, 1.0F);
    EXPECT_TRUE(same_bytes(run_session(*session, {input})[0], input));
  }
}

}  // namespace
}  // namespace lode::engine
