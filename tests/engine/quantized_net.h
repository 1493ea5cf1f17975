// A small quantised network as ONNX Runtime's tools write one: every value between a QuantizeLinear
// and a DequantizeLinear. It has what the passes look for: a first layer, a depthwise one, a sum, a
// concatenation, pools, a matrix product.
#pragma once

#include <vector>

#include "engine/ops/quantization.h"
#include "tests/engine/graph_builder.h"

namespace lode::engine {

struct QuantizedNet {
  using Ints = std::vector<std::int64_t>;

  DType activations = DType::kU8;
  bool per_channel = true;
  GraphBuilder b = {};
  int made = 0;

  std::string name(std::string_view what) { return fmt::format("{}_{}", what, made++); }

  Tensor zero(std::int32_t value, DType type) const {
    if (type == DType::kI8) {
      return tensor_of<std::int8_t>({static_cast<std::int8_t>(value - 128)}, {});
    }
    return tensor_of<std::uint8_t>({static_cast<std::uint8_t>(value)}, {});
  }

  /// A value between QuantizeLinear and DequantizeLinear. `zero_point` is meant for u8.
  ValueId qdq(ValueId x, float scale, std::int32_t zero_point) {
    const ValueId s = b.constant(name("scale"), tensor_of<float>({scale}, {}));
    const ValueId z = b.constant(name("zero"), zero(zero_point, activations));
    const ValueId q = b.node(name("q"), "QuantizeLinear", {x, s, z});
    return b.node(name("dq"), "DequantizeLinear", {q, s, z});
  }

  /// s8 weights behind a DequantizeLinear, and their bias in units of x_scale times their scales.
  std::vector<ValueId> weights(Shape shape, float x_scale) {
    const std::int64_t channels = shape[0];
    const Tensor floats = random_tensor(shape, static_cast<std::uint64_t>(made), -127, 127);
    Tensor bytes(DType::kI8, shape);
    for (std::size_t i = 0; i < floats.as<float>().size(); ++i) {
      bytes.mutable_view().as<std::int8_t>()[i] =
          static_cast<std::int8_t>(std::nearbyint(floats.as<float>()[i]));
    }
    const std::int64_t scales = per_channel ? channels : 1;
    Tensor scale(DType::kF32, per_channel ? Shape{scales} : Shape{});
    Tensor bias_scale = Tensor(DType::kF32, scale.shape());
    for (std::int64_t c = 0; c < scales; ++c) {
      const auto at = static_cast<std::size_t>(c);
      scale.mutable_view().as<float>()[at] = 0.002F + 0.0005F * static_cast<float>(c % 5);
      bias_scale.mutable_view().as<float>()[at] = x_scale * scale.as<float>()[at];
    }
    Tensor bias(DType::kI32, Shape{channels});
    for (std::int64_t c = 0; c < channels; ++c) {
      bias.mutable_view().as<std::int32_t>()[static_cast<std::size_t>(c)] =
          static_cast<std::int32_t>(c * 37 % 101 - 50);
    }
    const std::map<std::string, Attribute, std::less<>> axis = {{"axis", std::int64_t{0}}};
    const ValueId w = b.node(
        name("w"), "DequantizeLinear",
        {b.constant(name("w8"), std::move(bytes)), b.constant(name("ws"), std::move(scale))}, axis);
    const ValueId c = b.node(
        name("b"), "DequantizeLinear",
        {b.constant(name("b32"), std::move(bias)), b.constant(name("bs"), std::move(bias_scale))},
        axis);
    return {w, c};
  }

  ValueId conv(ValueId x, Shape weight, float x_scale, Ints pads, Ints strides,
               std::int64_t group = 1) {
    const auto made_weights = weights(weight, x_scale);
    return b.node(name("conv"), "Conv", {x, made_weights[0], made_weights[1]},
                  {{"pads", std::move(pads)}, {"strides", std::move(strides)}, {"group", group}});
  }
};

/// [batch, 3, 12, 12] in, [batch, 5] out, in float. batch -1 is symbolic.
inline Graph quantized_net(DType activations, bool per_channel, std::int64_t batch = -1) {
  QuantizedNet net{.activations = activations, .per_channel = per_channel};
  GraphBuilder& b = net.b;
  const ValueId image = b.input("x", {batch, 3, 12, 12});
  if (batch < 0) b.editor.declare(image, DType::kF32, Shape{-1, 3, 12, 12}, {"n", "", "", ""});
  const ValueId x = net.qdq(image, 0.02F, 128);
  const ValueId stem = net.qdq(
      b.node("relu", "Relu", {net.conv(x, {16, 3, 3, 3}, 0.02F, {1, 1, 1, 1}, {2, 2})}), 0.03F, 0);
  const ValueId depthwise =
      net.qdq(net.conv(stem, {16, 1, 3, 3}, 0.03F, {1, 1, 1, 1}, {1, 1}, 16), 0.05F, 120);
  const ValueId linear =
      net.qdq(net.conv(depthwise, {16, 16, 1, 1}, 0.05F, {0, 0, 0, 0}, {1, 1}), 0.06F, 130);
  const ValueId sum = net.qdq(b.node("sum", "Add", {stem, linear}), 0.07F, 110);
  const ValueId left =
      net.qdq(net.conv(sum, {8, 16, 1, 1}, 0.07F, {0, 0, 0, 0}, {1, 1}), 0.05F, 128);
  const ValueId right =
      net.qdq(net.conv(sum, {8, 16, 3, 3}, 0.07F, {1, 1, 1, 1}, {1, 1}), 0.09F, 128);
  const ValueId joined =
      net.qdq(b.node("joined", "Concat", {left, right}, {{"axis", std::int64_t{1}}}), 0.05F, 128);
  const ValueId pooled = net.qdq(
      b.node("pooled", "MaxPool", {joined},
             {{"kernel_shape", QuantizedNet::Ints{2, 2}}, {"strides", QuantizedNet::Ints{2, 2}}}),
      0.05F, 128);
  const ValueId mean = net.qdq(b.node("mean", "GlobalAveragePool", {pooled}), 0.04F, 128);
  const ValueId flat = b.node("flat", "Flatten", {mean});
  const auto fc = net.weights({5, 16}, 0.04F);
  const ValueId logits =
      b.node("logits", "Gemm", {flat, fc[0], fc[1]}, {{"transB", std::int64_t{1}}});
  b.output(net.qdq(logits, 0.02F, 128));
  return std::move(b.graph);
}

}  // namespace lode::engine
