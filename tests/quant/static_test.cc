// Static and dynamic quantization of small nets: what is placed where, what equalisation and bias
// correction keep and mend, what the file says, and every error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "engine/onnx/export.h"
#include "quant/convert.h"
#include "quant/prepare.h"
#include "quant/quantize.h"
#include "quant/stepwise.h"
#include "tests/engine/runtime/test_net.h"
#include "tests/quant/memory_library.h"

namespace lode::quant {
namespace {

using engine::Graph;
using engine::GraphBuilder;
using engine::Ints;
using engine::Tensor;
using engine::ValueId;
using testing::HasSubstr;

constexpr std::int64_t kSize = 12;

ValueId clip(GraphBuilder& b, std::string_view name, ValueId x, float high) {
  const std::string prefix(name);
  return b.node(name, "Clip",
                {x, b.constant(prefix + "_min", Tensor::of<float>(std::vector{0.0F}, Shape{})),
                 b.constant(prefix + "_max", Tensor::of<float>(std::vector{high}, Shape{}))});
}

/// As MobileNetV2 is built: expansion, depthwise, projection, residual; two branches joined; a
/// classifier.
Graph make_net(bool has_clip = true) {
  GraphBuilder b;
  const ValueId x = b.input("x", {-1, 3, kSize, kSize});
  const auto act = [&](std::string_view name, ValueId v) {
    return has_clip ? clip(b, name, v, 1.5F) : b.node(name, "Relu", {v});
  };
  const ValueId stem = act("stem_act", engine::add_conv(b, "stem", x, 3, 8, 3));
  const ValueId wide = act("wide_act", engine::add_conv(b, "wide", stem, 8, 16, 1));
  const ValueId deep = act("deep_act", engine::add_conv(b, "deep", wide, 16, 16, 3, 16));
  const ValueId thin = engine::add_conv(b, "thin", deep, 16, 8, 1);
  const ValueId sum = b.node("sum", "Add", {thin, stem});
  const ValueId pool =
      b.node("pool", "MaxPool", {sum}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  const ValueId left = b.node("left_act", "Relu", {engine::add_conv(b, "left", pool, 8, 8, 1)});
  const ValueId right = b.node("right_act", "Relu", {engine::add_conv(b, "right", pool, 8, 8, 3)});
  const ValueId joined = b.node("joined", "Concat", {left, right}, {{"axis", std::int64_t{1}}});
  const ValueId mean =
      b.node("mean", "GlobalAveragePool",
             {b.node("last_act", "Relu", {engine::add_conv(b, "last", joined, 16, 16, 1)})});
  const ValueId flat = b.node("flat", "Flatten", {mean});
  b.output(b.node("logits", "Gemm",
                  {flat, b.constant("fc_w", engine::random_tensor({4, 16}, 7)),
                   b.constant("fc_b", engine::random_tensor({4}, 8))},
                  {{"transB", std::int64_t{1}}}));
  return std::move(b.graph);
}

class StaticQuantization : public testing::Test {
 protected:
  MemoryLibrary library{24, {3, kSize, kSize}};
  QuantizeOptions options;

  QuantizeData data() {
    return {.calibration = library.all(), .scored = library.all(), .progress = {}};
  }
  Quantized quantize(Graph graph) {
    auto quantized = quantize_static(std::move(graph), options, data());
    EXPECT_TRUE(quantized.ok()) << quantized.error().message;
    return quantized.ok() ? *std::move(quantized) : Quantized{};
  }
  std::string error_of(Graph graph) {
    const auto quantized = quantize_static(std::move(graph), options, data());
    EXPECT_FALSE(quantized.ok());
    return quantized.ok() ? "" : quantized.error().message;
  }
  double result_sqnr(const Graph& a, const Graph& b) {
    const auto result = score(a, b, library.all(), 1, "", {});
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? result->sqnr_db : 0.0;
  }
};

TEST_F(StaticQuantization, IsCloseAndSmall) {
  const Quantized quantized = quantize(make_net());
  EXPECT_GT(result_sqnr(make_net(), quantized.graph), 30.0);
  EXPECT_EQ(quantized.report.layers_quantized, 8);
  EXPECT_TRUE(quantized.report.kept_float.empty());
  EXPECT_EQ(library.loaded, 0U);
  EXPECT_LE(library.most_loaded, 16U);
}

TEST_F(StaticQuantization, WritesDequantisedInputsOfTheRightKinds) {
  const std::string text = engine::dump(quantize(make_net()).graph);
  EXPECT_THAT(text, HasSubstr("x_QuantizeLinear: QuantizeLinear(x, x_scale, x_zero_point)"));
  EXPECT_THAT(text, HasSubstr("stem_w_DequantizeLinear: DequantizeLinear(stem_w_quantized, "
                              "stem_w_scale, stem_w_zero_point) -> stem_w_dequantized {axis=0}"));
  EXPECT_THAT(text, HasSubstr("stem: Conv(x_dequantized, stem_w_dequantized, "
                              "stem_w_bias_dequantized)"));
  // The clip is part of the layer: its input is not quantized.
  EXPECT_THAT(text, testing::Not(HasSubstr("QuantizeLinear(stem,")));
  // The result of the graph stays float.
  EXPECT_THAT(text, testing::Not(HasSubstr("QuantizeLinear(logits")));
}

TEST_F(StaticQuantization, SharesScalesThroughPoolingAndConcatenation) {
  const Graph graph = make_net();
  const auto placement = place(graph, {});
  ASSERT_TRUE(placement.ok());
  const auto group = [&](std::string_view name) {
    for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (graph.value(id).name == name) return placement->group(id);
    }
    ADD_FAILURE() << name;
    return -1;
  };
  EXPECT_EQ(group("sum"), group("pool"));
  EXPECT_EQ(group("left_act"), group("joined"));
  EXPECT_EQ(group("right_act"), group("joined"));
  EXPECT_NE(group("sum"), group("thin"));
  EXPECT_EQ(group("stem"), Placement::kNotQuantized);
  EXPECT_EQ(group("logits"), Placement::kNotQuantized);
  EXPECT_NE(group("flat"), Placement::kNotQuantized);
}

TEST_F(StaticQuantization, SqueezeAndExciteStaysFloat) {
  Graph graph = engine::make_test_net();
  ASSERT_TRUE(prepare(graph).ok());
  const auto placement = place(graph, {});
  ASSERT_TRUE(placement.ok()) << placement.error().message;
  ASSERT_EQ(placement->kept_float.size(), 1U);
  EXPECT_EQ(placement->kept_float[0].node, "squeeze");
  EXPECT_EQ(placement->kept_float[0].why, "squeeze-and-excite branch");
}

TEST_F(StaticQuantization, TwoRunsGiveTheSameBytes) {
  for (const Granularity granularity : {Granularity::kPerChannel, Granularity::kPerTensor}) {
    options.encoding.weights.granularity = granularity;
    const auto first = engine::export_onnx_bytes(quantize(make_net()).graph);
    options.threads = 2;
    const auto second = engine::export_onnx_bytes(quantize(make_net()).graph);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(*first, *second);
  }
}

TEST_F(StaticQuantization, EveryMethodAndSchemeWorks) {
  for (const ObserverDef& method : all_observers()) {
    options.calibration = method.name;
    EXPECT_GT(result_sqnr(make_net(), quantize(make_net()).graph), 20.0) << method.name;
  }
  options.calibration = "min-max";
  for (const Symmetry weights :
       {Symmetry::kSymmetricFull, Symmetry::kSymmetricRestricted, Symmetry::kAsymmetric}) {
    for (const Symmetry activations :
         {Symmetry::kSymmetricFull, Symmetry::kSymmetricRestricted, Symmetry::kAsymmetric}) {
      for (const Granularity granularity : {Granularity::kPerChannel, Granularity::kPerTensor}) {
        options.encoding.weights = {.granularity = granularity, .symmetry = weights};
        options.encoding.activations = activations;
        EXPECT_GT(result_sqnr(make_net(), quantize(make_net()).graph), 18.0)
            << symmetry_name(weights) << symmetry_name(activations);
      }
    }
  }
}

TEST_F(StaticQuantization, EqualisationKeepsTheFunction) {
  for (const Granularity granularity : {Granularity::kPerChannel, Granularity::kPerTensor}) {
    for (const bool has_clip : {false, true}) {
      Graph graph = make_net(has_clip);
      const auto placement = place(graph, {});
      const auto report = equalise(graph, *placement, granularity, library.all(), 1, {});
      ASSERT_TRUE(report.ok()) << report.error().message;
      EXPECT_GE(report->joints, 4);
      EXPECT_GT(report->largest_factor, 1.1);
      EXPECT_GT(result_sqnr(make_net(has_clip), graph), 90.0) << has_clip;
    }
  }
}

TEST_F(StaticQuantization, EqualisationMendsUnevenChannels) {
  Graph graph = make_net(/*has_clip=*/false);
  // Channels of very different size, as batch normalisation leaves them: what one is multiplied by,
  // the next layer divides by.
  engine::GraphEditor editor(graph);
  const auto scale = [&](std::string_view name, bool is_reader) {
    for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (graph.value(id).name != name) continue;
      Tensor scaled = graph.constant(id)->reshaped(graph.constant(id)->shape());
      Tensor copy(DType::kF32, scaled.shape());
      const auto from = scaled.as<float>();
      const auto to = copy.mutable_view().as<float>();
      const std::size_t inner = is_reader ? 1 : from.size() / 16;
      for (std::size_t k = 0; k < from.size(); ++k) {
        const double power = static_cast<double>(k / inner % 16) / 2.0 - 4.0;
        to[k] = static_cast<float>(from[k] * std::exp2(is_reader ? -power : power));
      }
      editor.set_constant(id, copy);
    }
  };
  scale("deep_w", false);
  scale("deep_b", false);
  scale("thin_w", true);
  options.encoding.weights.granularity = Granularity::kPerTensor;
  options.correct_biases = false;
  options.feedback_rounding = false;
  options.equalise = Toggle::kOff;
  const double before = result_sqnr(graph, quantize(graph).graph);
  options.equalise = Toggle::kAuto;
  const double after = result_sqnr(graph, quantize(graph).graph);
  EXPECT_GT(after, before + 6.0);
}

TEST_F(StaticQuantization, BiasCorrectionTakesTheMeanErrorAway) {
  options.encoding.weights.granularity = Granularity::kPerTensor;
  options.encoding.weights.bits = 7;
  Graph graph = make_net();
  const auto placement = place(graph, {});
  const auto method = find_observer("min-max");
  const auto calibration = calibrate(graph, *placement, library.all(), **method, {}, 1, {});
  ASSERT_TRUE(calibration.ok());
  auto encoding = encode(graph, *placement, calibration->ranges, options.encoding);
  ASSERT_TRUE(encoding.ok());
  const auto report = correct_biases(graph, *placement, *encoding, library.all(), {}, {});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->layers, 8);
  EXPECT_GT(report->mean_error, 1e-4);
  // Correcting again finds what rounding of the biases left.
  const auto again = correct_biases(graph, *placement, *encoding, library.all(), {}, {});
  ASSERT_TRUE(again.ok());
  EXPECT_LT(again->mean_error, 0.05 * report->mean_error);
}

TEST_F(StaticQuantization, TheSimulationIsTheGraph) {
  // What bias correction simulates is what the file does: the last layer's mean is the result's.
  Graph graph = make_net();
  const auto placement = place(graph, {});
  const auto method = find_observer("mse");
  const auto calibration = calibrate(graph, *placement, library.all(), **method, {}, 1, {});
  const auto encoding = encode(graph, *placement, calibration->ranges, {});
  ASSERT_TRUE(encoding.ok());
  Stepwise steps(graph, *placement, *encoding, 1);
  ASSERT_TRUE(steps.load(library.all()).ok());
  const std::vector<Layer> layers = quantized_layers(graph, *placement);
  for (const engine::NodeId id : steps.order()) {
    if (id == layers.back().node) break;
    ASSERT_TRUE(steps.step(id).ok());
  }
  const auto sums = steps.layer_sums(layers.back());
  ASSERT_TRUE(sums.ok());
  Graph converted = graph;
  ASSERT_TRUE(convert_to_qdq(converted, *placement, *encoding).ok());
  std::vector<double> wanted(4, 0.0);
  for (SampleIndex i = 0; i < 24; ++i) {
    const Tensor input = Tensor::of<float>(library.sample(i), {1, 3, kSize, kSize});
    const auto outputs = engine::run_plainly(converted, {input});
    for (std::size_t c = 0; c < 4; ++c) wanted[c] += outputs[0].as<float>()[c];
  }
  for (std::size_t c = 0; c < 4; ++c) EXPECT_NEAR(sums->sums[c], wanted[c], 0.02 * 24) << c;
}

TEST_F(StaticQuantization, EqualisesWhereThatIsNearerToTheFloatModel) {
  for (const Granularity granularity : {Granularity::kPerTensor, Granularity::kPerChannel}) {
    options.encoding.weights.granularity = granularity;
    std::map<Toggle, std::string> bytes;
    std::map<Toggle, double> divergence;
    for (const Toggle toggle : {Toggle::kOn, Toggle::kOff, Toggle::kAuto}) {
      options.equalise = toggle;
      const Quantized quantized = quantize(make_net());
      EXPECT_EQ(quantized.report.equalise_choice.has_value(), toggle == Toggle::kAuto);
      bytes[toggle] = *engine::export_onnx_bytes(quantized.graph);
      divergence[toggle] = score(make_net(), quantized.graph, library.all(), 1, "", {})->mean_kl;
      if (toggle != Toggle::kAuto) continue;
      const EqualiseChoice& choice = *quantized.report.equalise_choice;
      EXPECT_EQ(choice.equalised.samples, 24U);
      EXPECT_EQ(choice.equalised.mean_kl < choice.unchanged.mean_kl,
                quantized.report.equalisation.has_value());
    }
    const bool is_better = divergence[Toggle::kOn] < divergence[Toggle::kOff];
    EXPECT_NE(bytes[Toggle::kOn], bytes[Toggle::kOff]);
    EXPECT_EQ(bytes[Toggle::kAuto], bytes[is_better ? Toggle::kOn : Toggle::kOff]);
  }
}

TEST_F(StaticQuantization, ATableGivesTheSameFile) {
  options.equalise = Toggle::kOff;
  options.correct_biases = false;
  options.feedback_rounding = false;
  const Quantized first = quantize(make_net());
  ASSERT_TRUE(first.report.table.has_value());
  options.table = first.report.table;
  const auto again = quantize_static(make_net(), options, {});
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*engine::export_onnx_bytes(first.graph), *engine::export_onnx_bytes(again->graph));
  options.table->ranges.erase("sum");
  EXPECT_THAT(error_of(make_net()), HasSubstr("has no range for 'sum'"));
  options.table = first.report.table;
  options.table->ranges["other"] = {0.0F, 1.0F};
  EXPECT_THAT(error_of(make_net()), HasSubstr("range for 'other'"));
}

TEST_F(StaticQuantization, ATableOfAnEqualisedModelIsOfNoOther) {
  options.correct_biases = false;
  options.feedback_rounding = false;
  options.equalise = Toggle::kOn;
  const Quantized first = quantize(make_net());
  ASSERT_TRUE(first.report.table.has_value());
  EXPECT_TRUE(first.report.table->equalised);
  options.table = first.report.table;
  options.equalise = Toggle::kAuto;
  EXPECT_EQ(*engine::export_onnx_bytes(first.graph),
            *engine::export_onnx_bytes(quantize(make_net()).graph));
  const auto alone = quantize_static(make_net(), options, {});
  ASSERT_FALSE(alone.ok());
  EXPECT_THAT(alone.error().message, HasSubstr("name the --dataset that the table is of"));
  options.equalise = Toggle::kOff;
  EXPECT_THAT(error_of(make_net()), HasSubstr("model that was equalised, and --equalise is off"));
  options.table->equalised = false;
  options.equalise = Toggle::kOn;
  EXPECT_THAT(error_of(make_net()), HasSubstr("was not equalised, and --equalise is on"));
}

TEST_F(StaticQuantization, ATargetSendsLayersBackToFloat) {
  options.encoding.weights.bits = 7;
  const double plain = result_sqnr(make_net(), quantize(make_net()).graph);
  options.target_sqnr_db = plain + 3.0;
  const Quantized better = quantize(make_net());
  EXPECT_GE(result_sqnr(make_net(), better.graph), plain + 3.0);
  EXPECT_FALSE(better.report.kept_float.empty());
  EXPECT_GT(better.report.layers_quantized, 0);
  EXPECT_EQ(better.report.sensitivity.size(), 8U);
  EXPECT_EQ(better.report.kept_float[0].why, "the target asks for it");
}

TEST_F(StaticQuantization, LayersCanBeLeftInFloat) {
  options.float_nodes = {"deep"};
  const Quantized quantized = quantize(make_net());
  ASSERT_EQ(quantized.report.kept_float.size(), 1U);
  EXPECT_EQ(quantized.report.kept_float[0].node, "deep");
  EXPECT_THAT(engine::dump(quantized.graph), HasSubstr("deep_w, deep_b"));
  options.float_nodes = {"dep"};
  EXPECT_THAT(error_of(make_net()), HasSubstr("there is no layer 'dep'"));
}

TEST_F(StaticQuantization, NeedsSamplesThatFit) {
  const auto without = quantize_static(make_net(), options, {});
  ASSERT_FALSE(without.ok());
  EXPECT_EQ(without.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(without.error().message, HasSubstr("needs calibration samples"));
  MemoryLibrary wrong{2, {3, 5, 5}};
  const auto unfit = quantize_static(make_net(), options,
                                     {.calibration = wrong.all(), .scored = {}, .progress = {}});
  ASSERT_FALSE(unfit.ok());
  EXPECT_THAT(unfit.error().message, HasSubstr("f32[?,3,12,12]"));
  EXPECT_THAT(unfit.error().message, HasSubstr("f32[1,3,5,5]"));
}

TEST_F(StaticQuantization, NamesTheLayerThatMakesANan) {
  library.values(3)[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_of(make_net()), HasSubstr("sample 3: input 'x'"));
  library.values(3)[7] = 3e38F;
  const std::string error = error_of(make_net(/*has_clip=*/false));
  EXPECT_THAT(error, HasSubstr("sample 3: node '"));
}

TEST_F(StaticQuantization, AScaleOfZeroIsAnErrorWithoutAFloor) {
  for (SampleIndex i = 0; i < 24; ++i) std::ranges::fill(library.values(i), 0.0F);
  options.encoding.scale_floor = 0.0F;
  EXPECT_THAT(error_of(make_net()), HasSubstr("value 'x': its range is [0, 0]"));
}

TEST_F(StaticQuantization, OldOperatorSetsAreNamed) {
  GraphBuilder b;
  b.opset = 9;
  const ValueId x = b.input("x", {-1, 3, kSize, kSize});
  b.output(b.node("y", "Relu", {engine::add_conv(b, "conv", x, 3, 4, 3)}));
  EXPECT_THAT(error_of(std::move(b.graph)), HasSubstr("is of operator set 9"));
}

TEST_F(StaticQuantization, DynamicIsCloseAndSharesItsQuantization) {
  const auto quantized = quantize_dynamic(make_net(), options, {});
  ASSERT_TRUE(quantized.ok()) << quantized.error().message;
  EXPECT_GT(result_sqnr(make_net(), quantized->graph), 30.0);
  EXPECT_EQ(quantized->report.layers_quantized, 5);
  ASSERT_EQ(quantized->report.kept_float.size(), 3U);
  EXPECT_EQ(quantized->report.kept_float[0].node, "stem");
  EXPECT_EQ(quantized->report.kept_float[1].node, "deep");
  EXPECT_EQ(quantized->report.kept_float[2].node, "thin");
  const std::string text = engine::dump(quantized->graph);
  std::size_t sources = 0;
  for (std::size_t at = text.find(": DynamicQuantizeLinear("); at != std::string::npos;
       at = text.find(": DynamicQuantizeLinear(", at + 1)) {
    ++sources;
  }
  EXPECT_EQ(sources, 4U);  // the pooled sum is read by two layers
}

TEST_F(StaticQuantization, PresetsAreWhatTheirNamesSay) {
  for (const Preset& preset : all_presets()) {
    QuantizeOptions chosen;
    preset.apply(chosen);
    const auto quantizer = find_quantizer(preset.precision);
    ASSERT_TRUE(quantizer.ok());
    const auto quantized = (*quantizer)->run(make_net(), chosen, data());
    ASSERT_TRUE(quantized.ok()) << quantized.error().message;
    EXPECT_GT(result_sqnr(make_net(), quantized->graph), 15.0) << preset.name;
  }
  EXPECT_FALSE(find_preset("INT8-XX").ok());
}

}  // namespace
}  // namespace lode::quant
