// What passes fuse into a Conv beside its activation. A fused Conv keeps its operator and reads
// further inputs behind its bias (omitted ones keep their places):
//
//   lode_residual = 1             y = activation(conv(x) + bias + input 3)
//   lode_prologue = "AffineRelu"  x stands for max(0, x * input 4 + input 5), both [C]
//   lode_prologue = "Scale"       x stands for x * input 4, which is [N,C,1,1]
#pragma once

#include "engine/graph/graph.h"
#include "engine/kernels/conv/conv.h"

namespace lode::engine {

inline constexpr std::size_t kConvBias = 2;
inline constexpr std::size_t kConvResidual = 3;
inline constexpr std::size_t kConvScale = 4;
inline constexpr std::size_t kConvShift = 5;

struct ConvFusion {
  bool has_residual = false;
  ConvPrologue prologue = ConvPrologue::kNone;
};

/// What the attributes of a Conv say. Errors name a bad attribute, and an input that is missing or
/// that nothing asks for.
[[nodiscard]] Result<ConvFusion> conv_fusion(const Node& node);

/// The value of `lode_prologue` for a kind that is not kNone.
[[nodiscard]] std::string_view prologue_name(ConvPrologue prologue);

}  // namespace lode::engine
