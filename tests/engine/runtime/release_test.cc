// A model that lets go of the constants that it has packed: same bits, less memory, and all of them
// again when another kernel asks.
#include <filesystem>
#include <thread>

#include "engine/onnx/export.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

/// A file of this test's own, removed at the end.
class ModelFile {
 public:
  explicit ModelFile(const Graph& graph)
      : path_(std::filesystem::path(testing::TempDir()) /
              fmt::format("release_{}_{}.onnx", ::getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name())) {
    const Status status = export_onnx(graph, path_);
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
  ~ModelFile() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  [[nodiscard]] std::shared_ptr<const Model> load(bool release) const {
    ModelOptions options;
    options.release_constants = release;
    auto model = Model::load(path_, options);
    EXPECT_TRUE(model.ok()) << model.error().message;
    return model.ok() ? *model : nullptr;
  }

 private:
  std::filesystem::path path_;
};

std::size_t held_bytes(const Graph& graph) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
    const Tensor* constant = graph.constant(static_cast<ValueId>(i));
    if (constant != nullptr && constant->has_elements()) bytes += constant->byte_size();
  }
  return bytes;
}

/// x [?,3,size,size] -> [?,7] by every operator that packs constants, and one that reads its own.
Graph make_net(std::int64_t size) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 3, size, size});
  const ValueId stem = builder.node("relu", "Relu", {add_conv(builder, "stem", x, 3, 16, 3, 1, 2)});
  const ValueId sum =
      builder.node("sum", "Add", {add_conv(builder, "depthwise", stem, 16, 16, 3, 16), stem});
  const ValueId statistics = builder.constant("ones", random_tensor({16}, 5, 0.5F, 1.5F));
  const ValueId normalised = builder.node("normalised", "BatchNormalization",
                                          {sum, statistics, statistics, statistics, statistics});
  const ValueId scaled = builder.node(
      "scaled", "Mul", {normalised, builder.constant("factors", random_tensor({1, 16, 1, 1}, 6))});
  const ValueId wide = add_conv(builder, "wide", scaled, 16, 24, 1);
  const ValueId flat =
      builder.node("flat", "Flatten", {builder.node("mean", "GlobalAveragePool", {wide})});
  builder.output(builder.node("logits", "Gemm",
                              {flat, builder.constant("fc_w", random_tensor({7, 24}, 77)),
                               builder.constant("fc_b", random_tensor({7}, 78))},
                              {{"transB", std::int64_t{1}}}));
  return std::move(builder.graph);
}

/// One 3x3 convolution of an image whose extents are open: large ones take another kernel than
/// small ones, where there is one.
Graph make_open_net() {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {-1, 32, -1, -1});
  builder.output(add_conv(builder, "conv", x, 32, 32, 3));
  return std::move(builder.graph);
}

std::string conv_kernel(Session& session, const Shape& shape) {
  const auto plan = session.plan_info(std::vector<Shape>{shape});
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  for (const StepInfo& step : plan->steps) {
    if (step.op_type == "Conv") return step.kernel;
  }
  return "";
}

TEST(ReleaseConstants, GivesTheSameBitsFromLess) {
  const ModelFile file(make_net(28));
  const auto kept = file.load(false);
  const auto released = file.load(true);
  const std::size_t before = held_bytes(released->graph());
  auto want = make_session(kept);
  auto got = make_session(released, {.threads = 2, .cpus = {}});
  for (const std::int64_t batch : {1, 3, 8, 1}) {
    const std::vector<Tensor> inputs = {random_tensor({batch, 3, 28, 28}, 9)};
    const auto a = run_session(*want, inputs);
    const auto b = run_session(*got, inputs);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bytes(a[i], b[i])) << batch;
  }
  EXPECT_EQ(held_bytes(kept->graph()), before);
  EXPECT_LT(held_bytes(released->graph()), before / 4);
  EXPECT_EQ(released->weight_bytes(), kept->weight_bytes());
  EXPECT_EQ(released->precision(), "fp32");
}

TEST(ReleaseConstants, BringsThemBackForAnotherKernel) {
  const ModelFile file(make_open_net());
  const auto model = file.load(true);
  const auto reference = file.load(false);
  const std::size_t before = held_bytes(model->graph());
  auto session = make_session(model);
  auto want = make_session(reference);
  std::set<std::string> kernels;
  for (const std::int64_t size : {56, 2, 13, 56, 3}) {
    const Shape shape{1, 32, size, size};
    kernels.insert(conv_kernel(*session, shape));
    const std::vector<Tensor> inputs = {random_tensor(shape, 4)};
    EXPECT_TRUE(same_bytes(run_session(*session, inputs)[0], run_session(*want, inputs)[0]));
  }
  EXPECT_EQ(held_bytes(model->graph()), kernels.size() > 1 ? before : 0U);
}

TEST(ReleaseConstants, RefusesAFileThatHasChanged) {
  const ModelFile file(make_open_net());
  const auto model = file.load(true);
  auto session = make_session(model);
  const std::string first = conv_kernel(*session, {1, 32, 56, 56});
  if (conv_kernel(*make_session(file.load(false)), {1, 32, 2, 2}) == first) {
    GTEST_SKIP() << "on this machine one kernel takes all sizes";
  }
  std::filesystem::last_write_time(
      file.path(), std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  const Status status = session->prepare(std::vector<Shape>{{1, 32, 2, 2}});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("has changed"), std::string::npos);
  EXPECT_TRUE(session->prepare(std::vector<Shape>{{2, 32, 56, 56}}).ok()) << "packed already";
}

TEST(ReleaseConstants, SessionsPlanAtOnce) {
  const ModelFile file(make_net(14));
  const auto model = file.load(true);
  const auto want = make_session(file.load(false));
  std::vector<std::vector<Tensor>> results(4);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < results.size(); ++i) {
      callers.emplace_back([&, i] {
        auto session = make_session(model, {.threads = 1 + static_cast<int>(i % 2), .cpus = {}});
        const auto batch = static_cast<std::int64_t>(i) + 1;
        results[i] = run_session(*session, {random_tensor({batch, 3, 14, 14}, 7)});
      });
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto batch = static_cast<std::int64_t>(i) + 1;
    const auto expected = run_session(*want, {random_tensor({batch, 3, 14, 14}, 7)});
    ASSERT_EQ(results[i].size(), expected.size());
    for (std::size_t j = 0; j < expected.size(); ++j) {
      EXPECT_TRUE(same_bytes(results[i][j], expected[j]));
    }
  }
}

TEST(ReleaseConstants, AGraphOfNoFileKeepsThem) {
  ModelOptions options;
  options.release_constants = true;
  const auto model = make_model(make_net(14), options);
  const std::size_t before = held_bytes(model->graph());
  run_session(*make_session(model), {random_tensor({1, 3, 14, 14}, 7)});
  EXPECT_EQ(held_bytes(model->graph()), before);
}

}  // namespace
}  // namespace lode::engine
