#include "models/net_builder.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rng.h"

namespace lode::models {

using engine::Tensor;
using engine::ValueId;

namespace {

// HardSwish is an operator since this set.
constexpr std::int64_t kOpset = 14;

// Ranges of what training would have left in a batch normalisation: near no change, not equal to
// it, so that folding has something to get wrong.
constexpr double kNormScaleSpread = 0.2;
constexpr double kNormShift = 0.2;
constexpr double kNormVarianceLow = 0.8;
constexpr double kNormVarianceHigh = 1.25;
constexpr double kNormInverseVariance = 0.992;  // mean of 1/v: ln(high / low) / (high - low)
constexpr double kBiasShift = 0.1;
constexpr float kBranchGain = 0.4F;
// Of normalisations in front of SiLU and HardSwish. Around 1 these grow faster than their input,
// and fifteen of them in a chain would make much of a small difference in size; further out they do
// not.
constexpr float kSwishGain = 2.5F;
// Of what gates are made from: far from saturation, and a gate that follows the size of what it
// gates would blow up every error in that size.
constexpr double kGateDeviation = 0.5;
// Deviation of the logits: told apart well, and far from a saturated softmax.
constexpr double kLogitDeviation = 2.0;

// How pooling changes the spread around the mean: that depends on how alike neighbours are, so
// these are what images give in the nets of the zoo, within a factor of two.
constexpr double kMaxPoolGain = 2.0;
constexpr double kAveragePoolGain = 0.9;
constexpr double kGlobalPoolGain = 0.6;

// Of an element uniform in [-a, a).
double mean_square_of_uniform(double a) {
  return a * a / 3.0;
}

struct Moments {
  double mean = 0.0;
  double mean_square = 0.0;
};

// Moments of max(0, z) for z normal with moments `z`, by eight equally likely values of a normal
// variable: sums and products only, which give the same bits on every machine.
Moments behind_relu(const Moments& z) {
  constexpr std::array<double, 4> kValues = {0.1706, 0.5299, 0.9618, 1.6630};
  const double deviation = std::sqrt(z.mean_square - z.mean * z.mean);
  Moments sums;
  for (const double value : kValues) {
    for (const double sign : {-1.0, 1.0}) {
      const double y = std::max(0.0, z.mean + sign * value * deviation);
      sums.mean += y;
      sums.mean_square += y * y;
    }
  }
  const auto count = static_cast<double>(2 * kValues.size());
  return {sums.mean / count, sums.mean_square / count};
}

// Moments of f(z) for z normal: of SiLU and HardSwish for a deviation of kSwishGain, scaled; of
// gates for one of kGateDeviation.
Moments behind(Activation activation, const Moments& z) {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
    case Activation::kRelu6:
      return behind_relu(z);
    case Activation::kSilu:
      return {0.33 * std::sqrt(z.mean_square), 0.460 * z.mean_square};
    case Activation::kHardSwish:
      return {0.32 * std::sqrt(z.mean_square), 0.466 * z.mean_square};
    case Activation::kSigmoid:
      return {0.5, 0.265};
    case Activation::kHardSigmoid:
      return {0.5, 0.257};
  }
  return z;
}

// Averaging over pixels keeps the mean and narrows the spread.
double narrowed(const Feature& x, double gain) {
  const double mean_squared = x.mean * x.mean;
  return mean_squared + gain * (x.mean_square - mean_squared);
}

std::int64_t pooled_extent(std::int64_t extent, const PoolSpec& spec) {
  const std::int64_t span = extent + 2 * spec.padding - spec.kernel;
  return (spec.ceil_mode ? span + spec.stride - 1 : span) / spec.stride + 1;
}

using Ints = std::vector<std::int64_t>;

}  // namespace

NetBuilder::NetBuilder(engine::Graph* graph, std::uint64_t seed, std::int64_t classes)
    : graph_(graph), seed_(seed), classes_(classes) {
  if (graph != nullptr) editor_.emplace(*graph);
}

Feature NetBuilder::image(std::optional<std::int64_t> batch, std::int64_t size) {
  Feature x{.channels = 3, .height = size, .width = size, .mean_square = 1.0};
  if (graph_ == nullptr) return x;
  x.id = editor_->add_value("image");
  std::vector<std::string> symbols;
  if (!batch.has_value()) symbols = {"N", "", "", ""};
  editor_->declare(x.id, DType::kF32, Shape{batch.value_or(-1), 3, size, size}, symbols);
  editor_->add_input(x.id);
  return x;
}

void NetBuilder::logits(const Feature& x, std::optional<std::int64_t> batch) {
  if (graph_ == nullptr) return;
  LODE_ASSERT(graph_->value(x.id).name == "logits");
  std::vector<std::string> symbols;
  if (!batch.has_value()) symbols = {"N", ""};
  editor_->declare(x.id, DType::kF32, Shape{batch.value_or(-1), x.channels}, symbols);
  editor_->add_output(x.id);
}

Feature NetBuilder::conv(const std::string& name, const Feature& x, const ConvSpec& spec) {
  LODE_ASSERT(x.channels % spec.groups == 0 && spec.channels % spec.groups == 0);
  const std::int64_t padding = spec.padding.value_or(spec.kernel / 2);
  const PoolSpec window{.kernel = spec.kernel, .stride = spec.stride, .padding = padding};
  Feature y{.channels = spec.channels,
            .height = pooled_extent(x.height, window),
            .width = pooled_extent(x.width, window)};
  const std::int64_t fan_in = x.channels / spec.groups * spec.kernel * spec.kernel;
  costs_.parameters += fan_in * spec.channels + (spec.has_bias ? spec.channels : 0);
  costs_.multiply_adds += fan_in * spec.channels * y.height * y.width;
  const double bound = std::sqrt(3.0 / (static_cast<double>(fan_in) * x.mean_square));
  std::vector<ValueId> inputs = {
      x.id,
      uniform(name + ".weight", {spec.channels, x.channels / spec.groups, spec.kernel, spec.kernel},
              -bound, bound)};
  if (spec.has_bias) {
    inputs.push_back(uniform(name + ".bias", {spec.channels}, -kBiasShift, kBiasShift));
    y.mean_square += mean_square_of_uniform(kBiasShift);
  }
  y.id = node(name, "Conv", std::move(inputs),
              {{"dilations", Ints{1, 1}},
               {"group", spec.groups},
               {"kernel_shape", Ints{spec.kernel, spec.kernel}},
               {"pads", Ints(4, padding)},
               {"strides", Ints{spec.stride, spec.stride}}});
  return y;
}

Feature NetBuilder::batch_norm(const std::string& name, const Feature& x, float gain) {
  costs_.parameters += 2 * x.channels;
  const double variance = x.mean_square - x.mean * x.mean;
  const double shift = kNormShift * std::sqrt(variance);
  const double bias = kNormShift * gain;
  Feature y = x;
  y.id = node(name, "BatchNormalization",
              {x.id,
               uniform(name + ".weight", {x.channels}, (1.0 - kNormScaleSpread) * gain,
                       (1.0 + kNormScaleSpread) * gain),
               uniform(name + ".bias", {x.channels}, -bias, bias),
               uniform(name + ".running_mean", {x.channels}, x.mean - shift, x.mean + shift),
               uniform(name + ".running_var", {x.channels}, kNormVarianceLow * variance,
                       kNormVarianceHigh * variance)},
              {{"epsilon", norm_epsilon_}, {"momentum", 0.9F}});
  y.mean = 0.0;
  y.mean_square = static_cast<double>(gain) * gain *
                  ((1.0 + mean_square_of_uniform(kNormScaleSpread)) * kNormInverseVariance *
                       (1.0 + mean_square_of_uniform(kNormShift)) +
                   mean_square_of_uniform(kNormShift));
  return y;
}

Feature NetBuilder::activate(const std::string& name, const Feature& x, Activation activation) {
  Feature y = x;
  const Moments moments = behind(activation, {x.mean, x.mean_square});
  y.mean = moments.mean;
  y.mean_square = moments.mean_square;
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      y.id = node(name, "Relu", {x.id}, {});
      break;
    case Activation::kRelu6:
      y.id = node(name, "Clip", {x.id, scalar("relu6.min", 0.0F), scalar("relu6.max", 6.0F)}, {});
      break;
    case Activation::kSigmoid:
      y.id = node(name, "Sigmoid", {x.id}, {});
      break;
    case Activation::kSilu:
      y.id = node(name, "Mul", {x.id, node(name + ".sigmoid", "Sigmoid", {x.id}, {})}, {});
      break;
    case Activation::kHardSigmoid:
      y.id = node(name, "HardSigmoid", {x.id}, {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}});
      break;
    case Activation::kHardSwish:
      y.id = node(name, "HardSwish", {x.id}, {});
      break;
  }
  return y;
}

Feature NetBuilder::conv_act(const std::string& name, const Feature& x, const ConvSpec& spec,
                             Activation activation) {
  return activate(name + "/act", conv(name + "/conv", x, spec), activation);
}

Feature NetBuilder::conv_norm_act(const std::string& name, const Feature& x, const ConvSpec& spec,
                                  Activation activation) {
  const bool is_swish = activation == Activation::kSilu || activation == Activation::kHardSwish;
  const Feature y =
      batch_norm(name + "/norm", conv(name + "/conv", x, spec), is_swish ? kSwishGain : 1.0F);
  return activate(name + "/act", y, activation);
}

Feature NetBuilder::norm_relu_conv(const std::string& name, const Feature& x,
                                   const ConvSpec& spec) {
  const Feature active = activate(name + "/act", batch_norm(name + "/norm", x), Activation::kRelu);
  return conv(name + "/conv", active, spec);
}

Feature NetBuilder::branch_end(const std::string& name, const Feature& x, const ConvSpec& spec) {
  return batch_norm(name + "/norm", conv(name + "/conv", x, spec), kBranchGain);
}

Feature NetBuilder::add(const std::string& name, const Feature& a, const Feature& b) {
  LODE_ASSERT(a.channels == b.channels && a.height == b.height && a.width == b.width);
  Feature y = a;
  y.mean = a.mean + b.mean;
  y.mean_square = a.mean_square + b.mean_square + 2.0 * a.mean * b.mean;
  y.id = node(name, "Add", {a.id, b.id}, {});
  return y;
}

Feature NetBuilder::concat(const std::string& name, const Feature& a, const Feature& b) {
  LODE_ASSERT(a.height == b.height && a.width == b.width);
  Feature y = a;
  y.channels = a.channels + b.channels;
  const double share = static_cast<double>(a.channels) / static_cast<double>(y.channels);
  y.mean = share * a.mean + (1.0 - share) * b.mean;
  y.mean_square = share * a.mean_square + (1.0 - share) * b.mean_square;
  y.id = node(name, "Concat", {a.id, b.id}, {{"axis", std::int64_t{1}}});
  return y;
}

Feature NetBuilder::squeeze_excite(const std::string& name, const Feature& x, std::int64_t squeezed,
                                   Activation inner, Activation gate) {
  const Feature mean = global_average_pool(name + "/pool", x);
  Feature hidden = conv_act(name + "/down", mean, {.channels = squeezed, .has_bias = true}, inner);
  hidden.mean_square /= kGateDeviation * kGateDeviation;
  const Feature gates =
      conv_act(name + "/up", hidden, {.channels = x.channels, .has_bias = true}, gate);
  Feature y = x;
  y.mean = x.mean * gates.mean;
  y.mean_square = x.mean_square * gates.mean_square;
  y.id = node(name + "/mul", "Mul", {x.id, gates.id}, {});
  return y;
}

ValueId NetBuilder::pool(const std::string& name, std::string_view op_type, const Feature& x,
                         const PoolSpec& spec) {
  Attributes attributes = {{"kernel_shape", Ints{spec.kernel, spec.kernel}},
                           {"pads", Ints(4, spec.padding)},
                           {"strides", Ints{spec.stride, spec.stride}}};
  if (spec.ceil_mode) attributes.emplace("ceil_mode", std::int64_t{1});
  return node(name, op_type, {x.id}, std::move(attributes));
}

Feature NetBuilder::max_pool(const std::string& name, const Feature& x, const PoolSpec& spec) {
  return {.id = pool(name, "MaxPool", x, spec),
          .channels = x.channels,
          .height = pooled_extent(x.height, spec),
          .width = pooled_extent(x.width, spec),
          .mean = std::sqrt(kMaxPoolGain) * x.mean,
          .mean_square = kMaxPoolGain * x.mean_square};
}

Feature NetBuilder::average_pool(const std::string& name, const Feature& x, const PoolSpec& spec) {
  return {.id = pool(name, "AveragePool", x, spec),
          .channels = x.channels,
          .height = pooled_extent(x.height, spec),
          .width = pooled_extent(x.width, spec),
          .mean = x.mean,
          .mean_square = narrowed(x, kAveragePoolGain)};
}

Feature NetBuilder::global_average_pool(const std::string& name, const Feature& x) {
  return {.id = node(name, "GlobalAveragePool", {x.id}, {}),
          .channels = x.channels,
          .height = 1,
          .width = 1,
          .mean = x.mean,
          .mean_square = narrowed(x, kGlobalPoolGain)};
}

Feature NetBuilder::flatten(const std::string& name, const Feature& x) {
  return {.id = node(name, "Flatten", {x.id}, {{"axis", std::int64_t{1}}}),
          .channels = x.channels * x.height * x.width,
          .height = 1,
          .width = 1,
          .mean = x.mean,
          .mean_square = x.mean_square};
}

Feature NetBuilder::linear(const std::string& name, const Feature& x, std::int64_t channels) {
  LODE_ASSERT(x.height == 1 && x.width == 1);
  costs_.parameters += (x.channels + 1) * channels;
  costs_.multiply_adds += x.channels * channels;
  const double bound = std::sqrt(3.0 / (static_cast<double>(x.channels) * x.mean_square));
  Feature y{.channels = channels, .height = 1, .width = 1};
  y.mean_square += mean_square_of_uniform(kBiasShift);
  y.id = node(name, "Gemm",
              {x.id, uniform(name + ".weight", {channels, x.channels}, -bound, bound),
               uniform(name + ".bias", {channels}, -kBiasShift, kBiasShift)},
              {{"transB", std::int64_t{1}}});
  return y;
}

Feature NetBuilder::classifier(const Feature& x) {
  Feature scaled = x;
  scaled.mean_square /= kLogitDeviation * kLogitDeviation;
  return linear("logits", scaled, classes_);
}

ValueId NetBuilder::node(const std::string& name, std::string_view op_type,
                         std::vector<ValueId> inputs, Attributes attributes) {
  if (graph_ == nullptr) return engine::kNoValue;
  const ValueId output = editor_->add_value(name);
  engine::Node node;
  node.name = name;
  node.op_type = op_type;
  node.opset = kOpset;
  node.inputs = std::move(inputs);
  node.outputs = {output};
  node.attributes = std::move(attributes);
  editor_->add_node(std::move(node));
  return output;
}

ValueId NetBuilder::uniform(const std::string& name, const Shape& shape, double low, double high) {
  if (graph_ == nullptr) return engine::kNoValue;
  Tensor tensor(DType::kF32, shape);
  fill_uniform(tensor.mutable_view().as<float>(), seed_, name, static_cast<float>(low),
               static_cast<float>(high));
  return editor_->add_constant(name, std::move(tensor));
}

ValueId NetBuilder::scalar(const std::string& name, float value) {
  if (graph_ == nullptr) return engine::kNoValue;
  const auto [entry, is_new] = scalars_.try_emplace(name, engine::kNoValue);
  if (is_new) {
    entry->second =
        editor_->add_constant(name, Tensor::of<float>(std::span<const float>(&value, 1), {}));
  }
  return entry->second;
}

std::int64_t round_channels(double channels) {
  const auto rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(channels + 4.0) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + 8 : rounded;
}

}  // namespace lode::models
