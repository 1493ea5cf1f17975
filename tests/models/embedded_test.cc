// The embedded models score what they were trained to: the count of hits on the first held-out
// samples is the one that PyTorch and ONNX Runtime have for the same file. In eight bits they lose
// next to nothing of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "datasets/sample_library.h"
#include "datasets/synth.h"
#include "engine/onnx/import.h"
#include "engine/runtime/session.h"
#include "quant/quantize.h"

namespace lode::models {
namespace {

constexpr std::int64_t kSamples = 2000;
constexpr std::int64_t kBatch = 100;
constexpr std::uint64_t kHeldOutStream = 2;
constexpr std::uint64_t kCalibrationStream = 3;
constexpr std::size_t kPixels = std::size_t{datasets::kSynthSize} * datasets::kSynthSize;
constexpr std::size_t kElements = kPixels * datasets::kSynthChannels;

/// A sample as the models take it, (pixel / 255 - 0.5) / 0.25, NCHW. Returns its label.
int draw(std::uint64_t stream, std::uint64_t index, std::span<float> to) {
  std::vector<std::uint8_t> image(kElements);
  const int label = datasets::synth_image(stream, index, image);
  for (std::size_t channel = 0; channel < datasets::kSynthChannels; ++channel) {
    for (std::size_t pixel = 0; pixel < kPixels; ++pixel) {
      const auto value = static_cast<float>(image[pixel * datasets::kSynthChannels + channel]);
      to[channel * kPixels + pixel] = (value / 255.0F - 0.5F) / 0.25F;
    }
  }
  return label;
}

struct HeldOut {
  std::vector<engine::Tensor> batches;
  std::vector<int> labels;
};

HeldOut draw_held_out() {
  HeldOut drawn;
  for (std::int64_t first = 0; first < kSamples; first += kBatch) {
    engine::Tensor batch(DType::kF32, {kBatch, datasets::kSynthChannels, datasets::kSynthSize,
                                       datasets::kSynthSize});
    const auto values = batch.mutable_view().as<float>();
    for (std::int64_t i = 0; i < kBatch; ++i) {
      const auto at = static_cast<std::size_t>(i) * kElements;
      drawn.labels.push_back(draw(kHeldOutStream, static_cast<std::uint64_t>(first + i),
                                  values.subspan(at, kElements)));
    }
    drawn.batches.push_back(std::move(batch));
  }
  return drawn;
}

/// 128 samples of a stream of their own, without labels.
class Calibration final : public SampleLibrary {
 public:
  Calibration() {
    for (std::uint64_t i = 0; i < 128; ++i) {
      samples_.emplace_back(kElements);
      draw(kCalibrationStream, i, samples_.back());
    }
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t total_sample_count() const override { return samples_.size(); }
  [[nodiscard]] std::uint64_t performance_sample_count() const override { return samples_.size(); }
  [[nodiscard]] const Shape& sample_shape() const override { return shape_; }
  [[nodiscard]] Status load(std::span<const SampleIndex>) override { return {}; }
  void unload(std::span<const SampleIndex>) override {}
  [[nodiscard]] std::span<const float> sample(SampleIndex index) const override {
    return samples_[index];
  }
  [[nodiscard]] std::int64_t label(SampleIndex) const override { return 0; }

 private:
  Shape shape_ = {datasets::kSynthChannels, datasets::kSynthSize, datasets::kSynthSize};
  std::string name_ = "calibration";
  std::vector<std::vector<float>> samples_;
};

const HeldOut& held_out() {
  static const HeldOut drawn = draw_held_out();
  return drawn;
}

/// How many of the held-out samples the model has right.
int hits_of(const std::shared_ptr<const engine::Model>& model) {
  auto session = engine::Session::create(model, {.threads = 2, .cpus = {}});
  EXPECT_TRUE(session.ok()) << session.error().message;
  if (!session.ok()) return -1;
  int hits = 0;
  std::size_t at = 0;
  for (const engine::Tensor& batch : held_out().batches) {
    const std::vector<TensorView> inputs = {batch.view()};
    const auto outputs = (*session)->run_allocating(inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.error().message;
    if (!outputs.ok()) return -1;
    const auto logits = (*outputs)[0].as<float>();
    EXPECT_EQ(logits.size(), std::size_t{kBatch} * datasets::kSynthClasses);
    for (auto row = logits.begin(); row != logits.end(); row += datasets::kSynthClasses) {
      const auto best = std::max_element(row, row + datasets::kSynthClasses);
      hits += best - row == held_out().labels[at++] ? 1 : 0;
    }
  }
  return hits;
}

struct EmbeddedModel {
  const char* name;
  int hits;
};

class Embedded : public testing::TestWithParam<EmbeddedModel> {
 protected:
  const std::filesystem::path path = std::filesystem::path(LODE_SOURCE_DIR) / "models" /
                                     "embedded" / (std::string(GetParam().name) + ".onnx");

  /// Hits of the model at a lower precision.
  int quantized_hits(std::string_view precision) {
    const auto quantizer = quant::find_quantizer(precision);
    auto graph = engine::import_onnx(path);
    EXPECT_TRUE(quantizer.ok() && graph.ok());
    Calibration library;
    quant::QuantizeData data;
    data.calibration.library = &library;
    for (SampleIndex i = 0; i < library.total_sample_count(); ++i) {
      data.calibration.indices.push_back(i);
    }
    quant::QuantizeOptions options;
    options.report_samples = 0;
    auto quantized = (*quantizer)->run(*std::move(graph), options, data);
    EXPECT_TRUE(quantized.ok()) << quantized.error().message;
    if (!quantized.ok()) return -1;
    const auto model = engine::Model::from_graph(std::move(quantized->graph), {});
    EXPECT_TRUE(model.ok()) << model.error().message;
    return model.ok() ? hits_of(*model) : -1;
  }
};

TEST_P(Embedded, ScoresItsKnownCount) {
  EXPECT_LE(std::filesystem::file_size(path), std::uintmax_t{1} << 20);
  const auto model = engine::Model::load(path, {});
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(hits_of(*model), GetParam().hits);
}

TEST_P(Embedded, LosesAtMostHalfAPointInStaticEightBits) {
  EXPECT_GE(quantized_hits("int8-static"), GetParam().hits - kSamples / 200);
}

TEST_P(Embedded, LosesAtMostThreeTenthsOfAPointInDynamicEightBits) {
  EXPECT_GE(quantized_hits("int8-dynamic"), GetParam().hits - kSamples * 3 / 1000);
}

INSTANTIATE_TEST_SUITE_P(All, Embedded,
                         testing::Values(EmbeddedModel{"synth10", 1936},
                                         EmbeddedModel{"synth10_mobilenet_v1", 1858},
                                         EmbeddedModel{"synth10_mobilenet_v3", 1882},
                                         EmbeddedModel{"synth10_densenet", 1863},
                                         EmbeddedModel{"synth10_vgg", 1841}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace lode::models
