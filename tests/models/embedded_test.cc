// The embedded models score what they were trained to: the count of hits on the first held-out
// samples is the one that PyTorch and ONNX Runtime have for the same file.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "datasets/synth.h"
#include "engine/runtime/session.h"

namespace lode::models {
namespace {

constexpr std::int64_t kSamples = 2000;
constexpr std::int64_t kBatch = 100;
constexpr std::uint64_t kHeldOutStream = 2;

/// Samples as the models take them: (pixel / 255 - 0.5) / 0.25, NCHW, in batches.
struct HeldOut {
  std::vector<engine::Tensor> batches;
  std::vector<int> labels;
};

HeldOut draw_held_out() {
  using datasets::kSynthChannels;
  using datasets::kSynthSize;
  constexpr std::size_t kPixels = std::size_t{kSynthSize} * kSynthSize;
  HeldOut drawn;
  std::vector<std::uint8_t> image(kPixels * kSynthChannels);
  for (std::int64_t first = 0; first < kSamples; first += kBatch) {
    engine::Tensor batch(DType::kF32, {kBatch, kSynthChannels, kSynthSize, kSynthSize});
    auto to = batch.mutable_view().as<float>().begin();
    for (std::int64_t i = first; i < first + kBatch; ++i) {
      drawn.labels.push_back(
          datasets::synth_image(kHeldOutStream, static_cast<std::uint64_t>(i), image));
      for (std::size_t channel = 0; channel < kSynthChannels; ++channel) {
        for (std::size_t pixel = 0; pixel < kPixels; ++pixel) {
          const auto value = static_cast<float>(image[pixel * kSynthChannels + channel]);
          *to++ = (value / 255.0F - 0.5F) / 0.25F;
        }
      }
    }
    drawn.batches.push_back(std::move(batch));
  }
  return drawn;
}

const HeldOut& held_out() {
  static const HeldOut drawn = draw_held_out();
  return drawn;
}

std::vector<int> predict(engine::Session& session) {
  std::vector<int> predicted;
  for (const engine::Tensor& batch : held_out().batches) {
    const std::vector<TensorView> inputs = {batch.view()};
    const auto outputs = session.run_allocating(inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.error().message;
    if (!outputs.ok()) return predicted;
    const auto logits = (*outputs)[0].as<float>();
    EXPECT_EQ(logits.size(), std::size_t{kBatch} * datasets::kSynthClasses);
    for (auto row = logits.begin(); row != logits.end(); row += datasets::kSynthClasses) {
      const auto best = std::max_element(row, row + datasets::kSynthClasses);
      predicted.push_back(static_cast<int>(best - row));
    }
  }
  return predicted;
}

struct EmbeddedModel {
  const char* name;
  int hits;
};

class Embedded : public testing::TestWithParam<EmbeddedModel> {};

TEST_P(Embedded, ScoresItsKnownCount) {
  const auto path = std::filesystem::path(LODE_SOURCE_DIR) / "models" / "embedded" /
                    (std::string(GetParam().name) + ".onnx");
  EXPECT_LE(std::filesystem::file_size(path), std::uintmax_t{1} << 20);
  const auto model = engine::Model::load(path, {});
  ASSERT_TRUE(model.ok()) << model.error().message;
  auto session = engine::Session::create(*model, {.threads = 2, .cpus = {}});
  ASSERT_TRUE(session.ok()) << session.error().message;

  const std::vector<int> predicted = predict(**session);
  const std::vector<int>& labels = held_out().labels;
  ASSERT_EQ(predicted.size(), labels.size());
  int hits = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) hits += predicted[i] == labels[i] ? 1 : 0;
  EXPECT_EQ(hits, GetParam().hits);
}

INSTANTIATE_TEST_SUITE_P(All, Embedded, testing::Values(EmbeddedModel{"synth10", 1936}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace lode::models
