// Rounding with feedback: each weight of a channel is rounded so as to make up for what rounding
// the others did to the channel's output, on the inputs that the layer really sees.
#pragma once

#include <functional>

#include "quant/encoding.h"

namespace lode::quant {

/// The input of a layer for sample `i`, as the quantized graph has it.
using LayerInput = std::function<engine::Tensor(std::size_t sample)>;

/// Chooses new codes for the weights of a Conv or Gemm, at the scales that they have, for a small
/// sum of (w - q)' H (w - q), where H is the second moment of the inputs at positions spread over
/// `samples`. From the last weight to the first, each is rounded behind the projection of the
/// errors so far (Babai's nearest plane, which is GPTQ's order reversed: E. Frantar et al. 2022).
///
/// Returns false and leaves the codes alone where H would be larger than 2048 x 2048, and where the
/// layer pads by itself (auto_pad) or is no 2-D convolution or product of rank 2.
[[nodiscard]] Result<bool> round_with_feedback(const engine::Graph& graph, const Layer& layer,
                                               const WeightScheme& scheme, std::size_t sample_count,
                                               const LayerInput& input, LayerEncoding& encoding);

}  // namespace lode::quant
