// FP16 files: what is rounded, what is kept, and that the written file is the model that was meant.
#include "quant/quantize.h"

#include <filesystem>

#include "base/dtype.h"
#include "base/file_io.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::quant {
namespace {

using engine::Graph;
using engine::GraphBuilder;
using engine::ValueId;
using testing::HasSubstr;

// Conv -> BatchNormalization -> Relu -> GlobalAveragePool -> Flatten -> Gemm.
Graph make_net(float largest = 1.0F) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, 8, 8});
  const ValueId conv = engine::add_conv(b, "conv", x, 3, 64, 3);
  const ValueId bn = b.node("bn", "BatchNormalization",
                            {conv, b.constant("s", engine::random_tensor({64}, 1, 0.5F, 2)),
                             b.constant("b", engine::random_tensor({64}, 2)),
                             b.constant("m", engine::random_tensor({64}, 3)),
                             b.constant("v", engine::random_tensor({64}, 4, 0.5F, 2))});
  const ValueId relu = b.node("relu", "Relu", {bn});
  const ValueId deep = engine::add_conv(b, "deep", relu, 64, 64, 3);
  const ValueId flat = b.node("flat", "Flatten", {b.node("pool", "GlobalAveragePool", {deep})});
  engine::Tensor w = engine::random_tensor({10, 64}, 5);
  w.mutable_view().as<float>()[7] = largest;
  b.output(b.node("y", "Gemm", {flat, b.constant("w", w)}, {{"transB", std::int64_t{1}}}));
  return std::move(b.graph);
}

class QuantizeFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const Graph& graph) {
    const auto path = folder_ / "before.onnx";
    const Status written = engine::export_onnx(graph, path);
    EXPECT_TRUE(written.ok()) << written.error().message;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(QuantizeFile, ReadsBackAsHalfTheModel) {
  const auto before = write(make_net());
  const auto after = folder_ / "after.onnx";
  const auto file = quantize_file(**find_quantizer("fp16"), {}, {}, before, after);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->bytes_before, std::filesystem::file_size(before));
  EXPECT_EQ(file->bytes_after, std::filesystem::file_size(after));
  EXPECT_LT(static_cast<double>(file->bytes_after), 0.51 * static_cast<double>(file->bytes_before));
  EXPECT_EQ(file->rounding->tensors, 3);
  EXPECT_EQ(file->rounding->elements, 64 * 27 + 64 * 64 * 9 + 640);
  EXPECT_TRUE(file->kept_float.empty());
  EXPECT_GT(file->rounding->signal_to_noise_db, 60.0);
  EXPECT_GT(file->rounding->largest_error, 1e-6);
  EXPECT_LE(file->rounding->largest_error, 1.0 / 2048);

  const auto model = engine::Model::load(after, {});
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ((*model)->precision(), "fp16");
  const std::vector<engine::Tensor> inputs = {engine::random_tensor({2, 3, 8, 8}, 9)};
  const auto got = engine::run_session(*engine::make_session(*model), inputs);
  const auto want = engine::run_plainly(make_net(), inputs);
  EXPECT_LT(engine::relative_difference(got[0], want[0]), 1e-3);
}

TEST_F(QuantizeFile, TheSameAsNarrowingAtLoad) {
  const auto before = write(make_net());
  const auto after = folder_ / "after.onnx";
  ASSERT_TRUE(quantize_file(**find_quantizer("fp16"), {}, {}, before, after).ok());
  engine::ModelOptions options;
  options.precision = "fp16";
  const auto narrowed = engine::Model::load(before, options);
  const auto stored = engine::Model::load(after, {});
  ASSERT_TRUE(narrowed.ok() && stored.ok());
  EXPECT_EQ((*narrowed)->weight_bytes(), (*stored)->weight_bytes());
  const std::vector<engine::Tensor> inputs = {engine::random_tensor({1, 3, 8, 8}, 9)};
  EXPECT_TRUE(engine::same_bytes(engine::run_session(*engine::make_session(*narrowed), inputs)[0],
                                 engine::run_session(*engine::make_session(*stored), inputs)[0]));
}

TEST_F(QuantizeFile, WritesWhatIsPlainOnnx) {
  const auto after = folder_ / "after.onnx";
  ASSERT_TRUE(quantize_file(**find_quantizer("fp16"), {}, {}, write(make_net()), after).ok());
  const auto graph = engine::import_onnx(after);
  ASSERT_TRUE(graph.ok());
  const std::string text = engine::dump(*graph);
  EXPECT_THAT(text, testing::Not(HasSubstr("lode_")));
  EXPECT_THAT(text, testing::Not(HasSubstr("BatchNormalization")));
  EXPECT_THAT(text, HasSubstr("Cast(conv_w)"));
}

TEST_F(QuantizeFile, ATensorOutOfRangeIsKeptAndNamed) {
  const auto after = folder_ / "after.onnx";
  const auto file = quantize_file(**find_quantizer("fp16"), {}, {}, write(make_net(7e4F)), after);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->rounding->tensors, 2);
  ASSERT_EQ(file->kept_float.size(), 1U);
  EXPECT_EQ(file->kept_float[0].node, "y");
  EXPECT_THAT(file->kept_float[0].why, HasSubstr("70000"));
}

TEST_F(QuantizeFile, NothingToRoundIsAnErrorAndLeavesNoFile) {
  const auto after = folder_ / "after.onnx";
  ASSERT_TRUE(quantize_file(**find_quantizer("fp16"), {}, {}, write(make_net()), after).ok());
  const auto again = folder_ / "again.onnx";
  const auto file = quantize_file(**find_quantizer("fp16"), {}, {}, after, again);
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message, HasSubstr("there is no f32 weight"));
  EXPECT_FALSE(std::filesystem::exists(again));
}

TEST(Quantizers, UnknownOnesAreUsageErrors) {
  for (const char* precision : {"int4", "fp32", ""}) {
    const auto quantizer = find_quantizer(precision);
    ASSERT_FALSE(quantizer.ok());
    EXPECT_EQ(quantizer.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(quantizer.error().message, HasSubstr("there is fp16, int8-static, int8-dynamic"));
  }
}

}  // namespace
}  // namespace lode::quant
