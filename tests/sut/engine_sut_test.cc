// The engine under load: what it refuses, and that every sample gets its own answer whatever the
// batch, the number of instances and the thread that runs it.
#include "sut/engine_sut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "tests/engine/graph_builder.h"
#include "tests/sut/collecting_sink.h"

namespace lode::sut {
namespace {

using engine::GraphBuilder;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

const Shape kSample{2, 4, 4};

std::shared_ptr<const engine::Model> load(engine::Graph graph) {
  auto model = engine::Model::from_graph(std::move(graph), {});
  EXPECT_TRUE(model.ok()) << model.error().message;
  return model.ok() ? *model : nullptr;
}

/// [batch,2,4,4] -> [batch,32]: the input, flat.
std::shared_ptr<const engine::Model> flat_model(std::int64_t batch = -1, Shape rest = kSample) {
  GraphBuilder builder;
  Shape shape{batch};
  for (const std::int64_t extent : rest) shape.push_back(extent);
  const engine::ValueId x = builder.input("input", shape);
  builder.output(builder.node("flat", "Flatten", {builder.node("relu", "Relu", {x})}));
  return load(std::move(builder.graph));
}

loadgen::TestPlan plan_of(std::uint64_t samples, bool wants_outputs) {
  return {.samples_per_query_max = samples,
          .query_sizes = {samples},
          .wants_outputs = wants_outputs,
          .closed_loop = false};
}

class EngineSutTest : public testing::Test {
 protected:
  std::unique_ptr<loadgen::SystemUnderTest> make(SutRequest request) {
    auto sut = EngineSut::create(request, library);
    EXPECT_TRUE(sut.ok()) << sut.error().message;
    return sut.ok() ? std::move(sut).value() : nullptr;
  }
  std::string refusal(const SutRequest& request) {
    const auto sut = EngineSut::create(request, library);
    EXPECT_FALSE(sut.ok());
    if (sut.ok()) return "";
    EXPECT_EQ(sut.error().kind, ErrorKind::kUsage);
    return sut.error().message;
  }
  /// Every sample of the query was answered once, with its own output.
  void expect_answers(const CollectingSink& sink, std::uint64_t samples) {
    ASSERT_FALSE(sink.failure()) << sink.failure()->message;
    ASSERT_THAT(sink.ids(), SizeIs(samples));
    EXPECT_THAT(std::set(sink.ids().begin(), sink.ids().end()), SizeIs(samples));
    for (const loadgen::SampleId id : sink.ids()) {
      const std::vector<float> output = sink.output(id);
      ASSERT_THAT(output, SizeIs(32));
      EXPECT_THAT(output, Each(static_cast<float>(id + 1))) << id;
    }
  }

  RealClock clock;
  CountingLibrary library{kSample};
};

TEST_F(EngineSutTest, AnswersEachSampleInEveryShapeOfBatch) {
  const auto model = flat_model();
  for (const int instances : {1, 3}) {
    for (const std::uint64_t batch : {1, 3, 8, 64}) {
      for (const std::uint64_t samples : {1, 8, 50}) {
        SutRequest request;
        request.model = model;
        request.instances = instances;
        request.batch = batch;
        const auto sut = make(request);
        ASSERT_NE(sut, nullptr);
        for (const bool closed_loop : {true, false}) {
          CollectingSink sink(clock);
          loadgen::TestPlan plan = plan_of(samples, true);
          plan.closed_loop = closed_loop;
          ASSERT_TRUE(sut->start(plan, sink).ok());
          sut->issue(make_query(0, samples));
          ASSERT_TRUE(sink.wait(samples));
          sut->stop();
          expect_answers(sink, samples);
          EXPECT_GE(sink.calls(), (samples + batch - 1) / batch);
        }
      }
    }
  }
}

/// Where answers were given.
class ThreadSink final : public loadgen::CompletionSink {
 public:
  void complete(std::span<const loadgen::QuerySampleResponse> responses) override {
    (std::this_thread::get_id() == caller_ ? by_caller : by_others) += responses.size();
  }
  void fail(const Error& error) override { ADD_FAILURE() << error.message; }

  std::atomic<std::uint64_t> by_caller{0};
  std::atomic<std::uint64_t> by_others{0};

 private:
  std::thread::id caller_ = std::this_thread::get_id();
};

TEST_F(EngineSutTest, CallerWorksInAClosedLoopOfShortQueries) {
  SutRequest request;
  request.model = flat_model();
  request.batch = 2;
  constexpr std::uint64_t kShort = 2 * BatchWorkers::kShortQueryBatches;
  const auto sut = make(request);
  {
    ThreadSink sink;
    ASSERT_TRUE(
        sut->start({.samples_per_query_max = kShort, .query_sizes = {}, .closed_loop = true}, sink)
            .ok());
    sut->issue(make_query(0, kShort));
    EXPECT_EQ(sink.by_caller, kShort);
    sut->stop();
  }
  for (const bool closed_loop : {true, false}) {
    ThreadSink sink;
    const std::uint64_t samples = closed_loop ? kShort + 1 : 1;
    ASSERT_TRUE(
        sut->start(
               {.samples_per_query_max = samples, .query_sizes = {}, .closed_loop = closed_loop},
               sink)
            .ok());
    sut->issue(make_query(0, samples));
    while (sink.by_others < samples) std::this_thread::yield();
    EXPECT_EQ(sink.by_caller, 0U);
    sut->stop();
  }
}

TEST_F(EngineSutTest, CallerIsOneOfSeveralInstances) {
  SutRequest request;
  request.model = flat_model();
  request.instances = 3;
  const auto sut = make(request);
  ThreadSink sink;
  ASSERT_TRUE(
      sut->start({.samples_per_query_max = 40, .query_sizes = {}, .closed_loop = true}, sink).ok());
  sut->issue(make_query(0, 1));
  EXPECT_EQ(sink.by_caller, 1U);
  sut->issue(make_query(0, 40));
  while (sink.by_caller + sink.by_others < 41) std::this_thread::yield();
  sut->stop();
}

TEST_F(EngineSutTest, SymbolicSizeIsTheDatasets) {
  SutRequest request;
  request.model = flat_model(-1, {2, -1, -1});
  request.batch = 2;
  const auto sut = make(request);
  ASSERT_NE(sut, nullptr);
  CollectingSink sink(clock);
  ASSERT_TRUE(sut->start(plan_of(3, true), sink).ok());
  sut->issue(make_query(0, 3));
  ASSERT_TRUE(sink.wait(3));
  sut->stop();
  expect_answers(sink, 3);

  const CountingLibrary oblong({2, 4, 5});
  const auto refused = EngineSut::create(request, oblong);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("takes [2,5,5] here, dataset has [2,4,5]"));
}

TEST_F(EngineSutTest, FixedBatchIsFilledUp) {
  SutRequest request;
  request.model = flat_model(4);
  request.batch = 4;
  const auto sut = make(request);
  ASSERT_NE(sut, nullptr);
  CollectingSink sink(clock);
  ASSERT_TRUE(sut->start(plan_of(10, true), sink).ok());
  sut->issue(make_query(0, 10));
  ASSERT_TRUE(sink.wait(10));
  sut->stop();
  expect_answers(sink, 10);
}

TEST_F(EngineSutTest, OutputsAreLeftOutUnlessWanted) {
  SutRequest request;
  request.model = flat_model();
  const auto sut = make(request);
  CollectingSink sink(clock);
  ASSERT_TRUE(sut->start(plan_of(1, false), sink).ok());
  sut->issue(make_query(0, 1));
  ASSERT_TRUE(sink.wait(1));
  sut->stop();
  EXPECT_TRUE(sink.output(0).empty());
}

TEST_F(EngineSutTest, StartsAgainAfterStop) {
  SutRequest request;
  request.model = flat_model();
  request.instances = 2;
  request.batch = 4;
  const auto sut = make(request);
  EXPECT_EQ(sut->samples_in_flight(), 8U);
  EXPECT_EQ(sut->name(), "engine, 2 x 1 thread, batch 4");
  for (int round = 0; round < 3; ++round) {
    CollectingSink sink(clock);
    ASSERT_TRUE(sut->start(plan_of(20, true), sink).ok());
    sut->issue(make_query(0, 20));
    ASSERT_TRUE(sink.wait(20));
    sut->stop();
    expect_answers(sink, 20);
  }
}

TEST_F(EngineSutTest, StopDropsWhatIsQueued) {
  SutRequest request;
  request.model = flat_model();
  request.instances = 2;
  const auto sut = make(request);
  CollectingSink sink(clock);
  ASSERT_TRUE(sut->start(plan_of(64, false), sink).ok());
  std::vector<loadgen::QuerySample> query;
  for (std::uint64_t i = 0; i < 100'000; ++i) query.push_back({i, i % 64});
  sut->issue(query);
  sut->stop();
  const std::size_t answered = sink.ids().size();
  EXPECT_LE(answered, 100'000U);
  EXPECT_FALSE(sink.failure());
}

TEST_F(EngineSutTest, ShapesThatDependOnDataAllocateAndAnswer) {
  GraphBuilder builder;
  const engine::ValueId x = builder.input("input", {-1, 2, 4, 4});
  // The shape comes out of the data: the first element of the samples, cast, times zero.
  const engine::ValueId sum = builder.node(
      "sum", "ReduceMean", {x},
      {{"axes", std::vector<std::int64_t>{0, 1, 2, 3}}, {"keepdims", std::int64_t{0}}});
  const engine::ValueId zero = builder.node(
      "zero", "Mul", {sum, builder.constant("0", engine::tensor_of<float>({0.0F}, Shape{}))});
  const engine::ValueId extent = builder.node("extent", "Cast", {zero}, {{"to", std::int64_t{7}}});
  const engine::ValueId list = builder.node(
      "list", "Unsqueeze",
      {extent, builder.constant("axis", engine::tensor_of<std::int64_t>({0}, Shape{1}))});
  const engine::ValueId shape =
      builder.node("shape", "Concat",
                   {list, builder.constant("32", engine::tensor_of<std::int64_t>({32}, Shape{1}))},
                   {{"axis", std::int64_t{0}}});
  // Reshape takes 0 as "the extent that the input has there": the batch.
  builder.output(builder.node("flat", "Reshape", {x, shape}));
  SutRequest request;
  request.model = load(std::move(builder.graph));
  ASSERT_NE(request.model, nullptr);
  request.batch = 3;
  const auto sut = make(request);
  ASSERT_NE(sut, nullptr);
  CollectingSink sink(clock);
  const Status started = sut->start(plan_of(8, true), sink);
  ASSERT_TRUE(started.ok()) << started.error().message;
  sut->issue(make_query(0, 8));
  ASSERT_TRUE(sink.wait(8));
  sut->stop();
  expect_answers(sink, 8);
}

/// What start() says when outputs are asked for.
class EngineSutOutputs : public EngineSutTest {
 protected:
  std::string refusal_at_start() {
    SutRequest request;
    request.model = load(std::move(builder.graph));
    request.batch = 2;
    const auto sut = make(request);
    CollectingSink sink(clock);
    // Without outputs any model can be timed, and what it was planned for then is looked at again.
    EXPECT_TRUE(sut->start(plan_of(2, false), sink).ok());
    sut->stop();
    const Status status = sut->start(plan_of(2, true), sink);
    sut->stop();
    if (status.ok()) return "";
    EXPECT_EQ(status.error().kind, ErrorKind::kUsage);
    return status.error().message;
  }

  GraphBuilder builder;
  engine::ValueId x = builder.input("input", {-1, 2, 4, 4});
};

TEST_F(EngineSutOutputs, WithoutARowForEachSampleAreRefused) {
  builder.output(
      builder.node("mean", "ReduceMean", {x},
                   {{"axes", std::vector<std::int64_t>{0}}, {"keepdims", std::int64_t{1}}}));
  EXPECT_THAT(refusal_at_start(), HasSubstr("'mean' is f32 [1,2,4,4] for 2 samples"));
}

TEST_F(EngineSutOutputs, OfAnotherTypeAreRefused) {
  const engine::ValueId flat = builder.node("flat", "Flatten", {x});
  const engine::ValueId best = builder.node("best", "Cast", {flat}, {{"to", std::int64_t{7}}});
  builder.editor.declare(best, DType::kI64, Shape{-1, 32}, {});
  builder.output(best);
  EXPECT_THAT(refusal_at_start(), HasSubstr("'best' is i64 [2,32]"));
}

TEST_F(EngineSutOutputs, OfAnotherShapeAreRefused) {
  builder.output(builder.node("relu", "Relu", {x}));
  EXPECT_THAT(refusal_at_start(), HasSubstr("'relu' is f32 [2,2,4,4]"));
}

TEST_F(EngineSutOutputs, MayHaveExtentsOfOneBehindTheClasses) {
  builder.output(builder.node("pool", "GlobalAveragePool", {x}));
  EXPECT_EQ(refusal_at_start(), "");
}

TEST_F(EngineSutOutputs, OfWhichThereAreSeveralAreRefused) {
  builder.output(builder.node("a", "Flatten", {x}));
  builder.output(builder.node("b", "GlobalAveragePool", {x}));
  EXPECT_THAT(refusal_at_start(), HasSubstr("2 outputs"));
}

TEST_F(EngineSutTest, RefusesWhatDoesNotFit) {
  SutRequest request;
  request.model = flat_model(-1, {3, 8, 8});
  EXPECT_THAT(refusal(request),
              HasSubstr("model input 'input' wants [3,8,8], dataset has [2,4,4]"));
  request.model = flat_model(-1, {2, 16});
  EXPECT_THAT(refusal(request), HasSubstr("wants [2,16], dataset has [2,4,4]"));
  request.model = flat_model(4);
  EXPECT_THAT(refusal(request), HasSubstr("fixed batch 4; set batch to 4"));
  request.model = flat_model();
  request.batch = 0;
  EXPECT_THAT(refusal(request), HasSubstr("batch 0"));
  request.batch = 1;
  request.instances = 0;
  EXPECT_THAT(refusal(request), HasSubstr("instances 0"));
}

TEST_F(EngineSutTest, RefusesModelsOfOtherInputs) {
  GraphBuilder two;
  const engine::ValueId a = two.input("a", {-1, 2, 4, 4});
  const engine::ValueId b = two.input("b", {-1, 2, 4, 4});
  two.output(two.node("sum", "Add", {a, b}));
  SutRequest request;
  request.model = load(std::move(two.graph));
  EXPECT_THAT(refusal(request), HasSubstr("2 inputs"));
}

}  // namespace
}  // namespace lode::sut
