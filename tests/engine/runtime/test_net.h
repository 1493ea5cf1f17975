// A small network that meets every kernel and every rule of the planner: conversions, views,
// followed layouts, values read twice, outputs in the middle.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "engine/passes/pass.h"
#include "engine/runtime/reference_executor.h"
#include "engine/runtime/session.h"
#include "tests/engine/graph_builder.h"

namespace lode::engine {

using Ints = std::vector<std::int64_t>;

inline PlanInfo plan_of(Session& session, const Shape& shape) {
  const auto plan = session.plan_info(std::vector<Shape>{shape});
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return plan.ok() ? *plan : PlanInfo{};
}

inline std::int64_t count_steps(const PlanInfo& plan, std::string_view op_type) {
  return std::count_if(plan.steps.begin(), plan.steps.end(),
                       [&](const StepInfo& step) { return step.op_type == op_type; });
}

/// What a pass for the machine did in a plan.
inline const PassReport& decision(const PlanInfo& plan, std::string_view name) {
  for (const PassReport& report : plan.decisions) {
    if (report.name == name) return report;
  }
  ADD_FAILURE() << "no decision " << name;
  static const PassReport kNone;
  return kNone;
}

inline Tensor int_list(Ints values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return tensor_of<std::int64_t>(std::move(values), Shape{count});
}

/// A convolution with seeded weights scaled to keep the size of activations.
inline ValueId add_conv(GraphBuilder& builder, std::string_view name, ValueId x, std::int64_t in_c,
                        std::int64_t out_c, std::int64_t kernel, std::int64_t groups = 1,
                        std::int64_t stride = 1) {
  const std::string prefix(name);
  const float scale = 1.7F / std::sqrt(static_cast<float>(in_c / groups * kernel * kernel));
  const auto seed = static_cast<std::uint64_t>(prefix.size()) * 131 + prefix.back();
  const ValueId w = builder.constant(
      prefix + "_w", random_tensor({out_c, in_c / groups, kernel, kernel}, seed, -scale, scale));
  const ValueId b = builder.constant(prefix + "_b", random_tensor({out_c}, seed + 1, -0.1F, 0.1F));
  const std::int64_t pad = kernel / 2;
  return builder.node(name, "Conv", {x, w, b},
                      {{"kernel_shape", Ints{kernel, kernel}},
                       {"pads", Ints{pad, pad, pad, pad}},
                       {"strides", Ints{stride, stride}},
                       {"group", groups}});
}

/// x [?,3,size,size] -> "probabilities" [?,7] and "middle" [?,12,size/2,size/2].
inline Graph make_test_net(std::int64_t size = 14) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3, size, size});
  const ValueId stem =
      builder.node("stem_relu", "Relu", {add_conv(builder, "stem", x, 3, 12, 3, 1, 2)});
  const ValueId dw =
      builder.node("dw_swish", "HardSwish", {add_conv(builder, "depthwise", stem, 12, 12, 3, 12)});
  builder.editor.set_operator(builder.producer(dw), "", "HardSwish", 14);
  const ValueId sum = builder.node("sum", "Add", {dw, stem});
  const ValueId pooled = builder.node(
      "pooled", "MaxPool", {sum},
      {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  const ValueId lrn = builder.node("lrn", "LRN", {pooled}, {{"size", std::int64_t{5}}});
  const ValueId average = builder.node(
      "average", "AveragePool", {pooled},
      {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{1, 1}}, {"pads", Ints{1, 1, 1, 1}}});
  const ValueId joined =
      builder.node("joined", "Concat", {lrn, average, pooled}, {{"axis", std::int64_t{1}}});
  const ValueId grouped = add_conv(builder, "grouped", joined, 36, 24, 3, 4);
  const ValueId gate = builder.node("gate", "GlobalAveragePool", {grouped});
  const ValueId squeezed =
      builder.node("gate_sigmoid", "Sigmoid", {add_conv(builder, "squeeze", gate, 24, 24, 1)});
  const ValueId excited = builder.node("excited", "Mul", {grouped, squeezed});
  const ValueId statistics = builder.constant("ones", random_tensor({24}, 5, 0.5F, 1.5F));
  const ValueId normalised =
      builder.node("normalised", "BatchNormalization",
                   {excited, statistics, statistics, statistics, statistics});
  const ValueId padded = builder.node(
      "padded", "Pad", {normalised, builder.constant("pads", int_list({0, 0, 1, 0, 0, 0, 0, 2}))});
  const ValueId turned =
      builder.node("turned", "Transpose", {padded}, {{"perm", Ints{0, 3, 1, 2}}});
  const ValueId mean = builder.node("mean", "ReduceMean", {turned},
                                    {{"axes", Ints{1, 3}}, {"keepdims", std::int64_t{0}}});
  const ValueId flat =
      builder.node("flat", "Reshape", {mean, builder.constant("shape", int_list({0, -1}))});
  const ValueId fc_w = builder.constant("fc_w", random_tensor({7, 24}, 77));
  const ValueId fc_b = builder.constant("fc_b", random_tensor({7}, 78));
  const ValueId logits =
      builder.node("logits", "Gemm", {flat, fc_w, fc_b}, {{"transB", std::int64_t{1}}});
  builder.output(builder.node("probabilities", "Softmax", {logits}));
  builder.output(sum);
  return std::move(builder.graph);
}

inline std::shared_ptr<const Model> make_model(Graph graph, const ModelOptions& options = {}) {
  auto model = Model::from_graph(std::move(graph), options);
  EXPECT_TRUE(model.ok()) << model.error().message;
  return model.ok() ? *model : nullptr;
}

inline std::unique_ptr<Session> make_session(std::shared_ptr<const Model> model,
                                             SessionOptions options = {}) {
  auto session = Session::create(std::move(model), options);
  EXPECT_TRUE(session.ok()) << session.error().message;
  return session.ok() ? std::move(*session) : nullptr;
}

inline std::vector<Tensor> run_session(Session& session, const std::vector<Tensor>& inputs) {
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  auto outputs = session.run_allocating(views);
  EXPECT_TRUE(outputs.ok()) << outputs.error().message;
  return outputs.ok() ? *outputs : std::vector<Tensor>{};
}

inline std::vector<Tensor> run_plainly(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  auto outputs = execute_by_reference(graph, views);
  EXPECT_TRUE(outputs.ok()) << outputs.error().message;
  return outputs.ok() ? *outputs : std::vector<Tensor>{};
}

inline bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.view().data, b.view().data, a.byte_size()) == 0;
}

/// Largest difference over the largest element of the expected one.
inline double relative_difference(const Tensor& got, const Tensor& want) {
  EXPECT_EQ(got.shape().to_string(), want.shape().to_string());
  if (got.shape() != want.shape()) return 1.0;
  double difference = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < want.as<float>().size(); ++i) {
    const double expected = want.as<float>()[i];
    difference = std::max(difference, std::fabs(got.as<float>()[i] - expected));
    largest = std::max(largest, std::fabs(expected));
    if (std::isnan(got.as<float>()[i])) return 1.0;
  }
  return difference / std::max(largest, 1e-30);
}

/// Session and reference agree on this graph within 1e-5.
inline void expect_session_matches_reference(const Graph& graph, const std::vector<Tensor>& inputs,
                                             const ModelOptions& options = {}) {
  const std::vector<Tensor> want = run_plainly(graph, inputs);
  auto session = make_session(make_model(graph, options), {.threads = 2, .cpus = {}});
  const std::vector<Tensor> got = run_session(*session, inputs);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (want[i].dtype() == DType::kF32) {
      EXPECT_LT(relative_difference(got[i], want[i]), 1e-5) << "output " << i;
    } else {
      EXPECT_TRUE(same_bytes(got[i], want[i])) << "output " << i;
    }
  }
}

}  // namespace lode::engine
