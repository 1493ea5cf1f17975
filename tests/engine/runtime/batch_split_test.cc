// Parts of a batch on one worker each: when, why not, and that no result changes.
#include "engine/runtime/batch_split.h"

#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

BatchSplit choose(const Graph& graph, std::vector<Shape> shapes, std::int64_t workers) {
  const auto whole = infer_shapes(graph, shapes);
  EXPECT_TRUE(whole.ok()) << whole.error().message;
  return whole.ok() ? choose_batch_split(graph, shapes, *whole, workers) : BatchSplit{};
}

/// Two convolutions whose data, 64 channels of 56x56, a cache holds for one image, and whose
/// weights are small.
Graph make_large_images() {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 8, 56, 56});
  b.output(add_conv(b, "b", add_conv(b, "a", x, 8, 64, 3), 64, 8, 1));
  return std::move(b.graph);
}

TEST(BatchSplit, LargeImagesGoThroughTheNetworkOneByOne) {
  const Graph graph = make_large_images();
  for (const std::int64_t workers : {1, 2, 4}) {
    const BatchSplit split = choose(graph, {{8, 8, 56, 56}}, workers);
    EXPECT_EQ(split.parts, 8) << workers << " workers: " << split.why_not;
    ASSERT_EQ(split.part_shapes.size(), 1U);
    EXPECT_EQ(split.part_shapes[0], Shape({1, 8, 56, 56}));
  }
}

TEST(BatchSplit, OneSampleIsNoBatch) {
  const BatchSplit split = choose(make_large_images(), {{1, 8, 56, 56}}, 2);
  EXPECT_EQ(split.parts, 1);
  EXPECT_EQ(split.why_not, "");
}

TEST(BatchSplit, NoWorkerIsIdleForLong) {
  const BatchSplit split = choose(make_large_images(), {{3, 8, 56, 56}}, 2);
  EXPECT_EQ(split.parts, 1);
  EXPECT_THAT(split.why_not, HasSubstr("come out even"));
  EXPECT_EQ(choose(make_large_images(), {{7, 8, 56, 56}}, 2).parts, 7);
}

TEST(BatchSplit, LargeWeightsAreReadOnceABatch) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 512});
  b.output(b.node("fc", "MatMul", {x, b.constant("w", random_tensor({512, 1024}, 3))}));
  const BatchSplit split = choose(b.graph, {{8, 512}}, 2);
  EXPECT_EQ(split.parts, 1);
  EXPECT_THAT(split.why_not, HasSubstr("weights"));
}

/// The large images, and behind them one node that reads all of them.
BatchSplit choose_behind(std::string_view op_type,
                         const std::map<std::string, Attribute, std::less<>>& attributes,
                         const std::vector<Tensor>& constants = {}) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 8, 56, 56});
  std::vector<ValueId> inputs = {add_conv(b, "b", add_conv(b, "a", x, 8, 64, 3), 64, 8, 1)};
  for (const Tensor& constant : constants) {
    inputs.push_back(b.constant("c" + std::to_string(inputs.size()), constant));
  }
  b.output(b.node("last", op_type, inputs, attributes));
  return choose(b.graph, {{4, 8, 56, 56}}, 2);
}

TEST(BatchSplit, RefusesWhatMixesSamples) {
  const auto expect_mixed = [](const BatchSplit& split) {
    EXPECT_EQ(split.parts, 1);
    EXPECT_THAT(split.why_not, HasSubstr("node 'last'"));
  };
  expect_mixed(choose_behind("Softmax", {{"axis", std::int64_t{0}}}));
  expect_mixed(choose_behind("Transpose", {{"perm", Ints{1, 0, 2, 3}}}));
  expect_mixed(choose_behind("ReduceMean", {{"axes", Ints{0, 2}}}));
  expect_mixed(choose_behind("Reshape", {}, {int_list({8, 4, 56, 56})}));
  expect_mixed(choose_behind("Pad", {}, {int_list({-1, 0, 0, 0, 1, 0, 0, 0})}));
  // A constant that has something else for each sample.
  expect_mixed(choose_behind("Add", {}, {random_tensor({4, 1, 1, 1}, 9)}));
}

TEST(BatchSplit, RefusesDataThatBroadcastingAlignsElsewhere) {
  // [2,2,N] less its means [2,N]: the batch meets the channels.
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 2, 200'000});
  const ValueId mean =
      b.node("mean", "ReduceMean", {x}, {{"axes", Ints{1}}, {"keepdims", std::int64_t{0}}});
  b.output(b.node("last", "Sub", {x, mean}));
  const BatchSplit split = choose(b.graph, {{2, 2, 200'000}}, 2);
  EXPECT_EQ(split.parts, 1);
  EXPECT_THAT(split.why_not, HasSubstr("node 'last'"));
}

TEST(BatchSplit, RefusesAGemmWhoseRowOfDataServesAllSamples) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 100'000});
  const ValueId w = b.constant("w", random_tensor({100'000, 4}, 5));
  const ValueId flat =
      b.node("flat", "ReduceMean", {x}, {{"axes", Ints{1}}, {"keepdims", std::int64_t{0}}});
  b.output(b.node("last", "Gemm", {x, w, flat}));
  EXPECT_THAT(choose(b.graph, {{4, 100'000}}, 2).why_not, HasSubstr("node 'last'"));
}

/// The large images, divided by how many they are.
TEST(BatchSplit, RefusesAConstantThatIsTheNumberOfSamples) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 64, 56, 56});
  const ValueId batch =
      b.node("batch", "Gather", {b.node("shape", "Shape", {x}), b.constant("zero", int_list({0}))});
  const ValueId count = b.node("count", "Cast", {batch}, {{"to", std::int64_t{1}}});
  b.output(b.node("last", "Div", {b.node("relu", "Relu", {x}), count}));
  const BatchSplit split = choose(b.graph, {{4, 64, 56, 56}}, 2);
  EXPECT_EQ(split.parts, 1);
  EXPECT_THAT(split.why_not, HasSubstr("number of samples"));
}

TEST(BatchSplit, RefusesAnOutputThatIsNoData) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 8, 56, 56});
  b.output(add_conv(b, "b", add_conv(b, "a", x, 8, 64, 3), 64, 8, 1));
  b.output(b.node("shape", "Shape", {x}));
  const BatchSplit split = choose(b.graph, {{4, 8, 56, 56}}, 2);
  EXPECT_EQ(split.parts, 1);
  EXPECT_THAT(split.why_not, HasSubstr("output 'shape'"));

  auto session = make_session(make_model(b.graph), {.threads = 2, .cpus = {}});
  const auto outputs = run_session(*session, {random_tensor({4, 8, 56, 56}, 6)});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(outputs[1].as<std::int64_t>()[0], 4);
}

TEST(BatchSplit, TakesWhatKeepsSamplesApart) {
  EXPECT_EQ(choose_behind("Softmax", {{"axis", std::int64_t{1}}}).parts, 4);
  EXPECT_EQ(choose_behind("Transpose", {{"perm", Ints{0, 2, 1, 3}}}).parts, 4);
  EXPECT_EQ(choose_behind("ReduceMean", {{"axes", Ints{2, 3}}}).parts, 4);
  EXPECT_EQ(choose_behind("Reshape", {}, {int_list({0, -1})}).parts, 4);
  EXPECT_EQ(choose_behind("Pad", {}, {int_list({0, 0, 1, 1, 0, 0, 1, 1})}).parts, 4);
  EXPECT_EQ(choose_behind("Add", {}, {random_tensor({1, 8, 1, 1}, 9)}).parts, 4);
}

TEST(BatchSplit, ChangesNoBitOfAnyOutput) {
  const Graph net = make_test_net(112);
  ModelOptions whole;
  whole.disabled_passes = {"split_batch"};
  const auto split_model = make_model(net);
  const auto whole_model = make_model(net, whole);
  for (const std::int64_t batch : {2, 6, 7, 8}) {
    const Tensor input = random_tensor({batch, 3, 112, 112}, 40);
    auto session = make_session(whole_model);
    const std::vector<Tensor> want = run_session(*session, {input});
    for (const int threads : {1, 2, 3}) {
      auto split = make_session(split_model, {.threads = threads, .cpus = {}});
      // Twice, and with another batch in between: arenas of other sizes take turns.
      for (int round = 0; round < 2; ++round) {
        const std::vector<Tensor> got = run_session(*split, {input});
        for (std::size_t i = 0; i < want.size(); ++i) {
          EXPECT_TRUE(same_bytes(got[i], want[i])) << batch << " samples, " << threads;
        }
        (void)run_session(*split, {random_tensor({batch + 1, 3, 112, 112}, 41)});
      }
    }
  }
  auto session = make_session(split_model, {.threads = 2, .cpus = {}});
  const auto plan = session->plan_info(std::vector<Shape>{{8, 3, 112, 112}});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->decisions[0].name, "split_batch");
  EXPECT_GT(plan->decisions[0].changes, 1);
  const auto last = std::find_if(plan->steps.begin(), plan->steps.end(),
                                 [](const StepInfo& step) { return step.node == "probabilities"; });
  ASSERT_NE(last, plan->steps.end());
  EXPECT_EQ(last->output_shape, Shape({8, 7}));
}

TEST(BatchSplit, TimesOfStepsAreThoseOfTheCaller) {
  auto session = make_session(make_model(make_large_images()), {.threads = 2, .cpus = {}});
  const Tensor input = random_tensor({8, 8, 56, 56}, 4);
  Tensor output(DType::kF32, {8, 8, 56, 56});
  const std::vector<TensorView> inputs = {input.view()};
  const std::vector<MutableTensorView> outputs = {output.mutable_view()};
  const auto plan = session->plan_info(std::vector<Shape>{{8, 8, 56, 56}});
  ASSERT_TRUE(plan.ok());
  std::vector<std::int64_t> step_ns(plan->steps.size(), -1);
  ASSERT_TRUE(session->run_timed(inputs, outputs, step_ns).ok());
  for (const std::int64_t ns : step_ns) EXPECT_GE(ns, 0);
}

}  // namespace
}  // namespace lode::engine
