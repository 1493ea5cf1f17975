// One sum to one output element, in plain code: what the variants for every machine share.
#pragma once

#include "engine/kernels/qconv/byte_sum.h"
#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/qconv/requantise.h"

namespace lode::engine {

/// How the sums of a channel become outputs.
struct QFinish {
  QOutput output = QOutput::kUint8;
  Requantisation to;
  Activation activation;
  float factor = 1.0F;
  float bias = 0.0F;
  bool has_residual = false;
  ByteSum residual;  ///< u8 output
};

/// Writes element `at` of y from element `residual_at` of the residual.
[[gnu::always_inline]] inline void finish_sum(const QFinish& finish, std::int32_t sum,
                                              const void* residual, std::int64_t residual_at,
                                              void* y, std::int64_t at) {
  float v = static_cast<float>(sum) * finish.factor;
  if (finish.output == QOutput::kUint8) {
    if (finish.has_residual) {
      const std::int32_t r = static_cast<const std::uint8_t*>(residual)[residual_at];
      v = with_residual(finish.residual, v, r);
    }
    static_cast<std::uint8_t*>(y)[at] = requantised(finish.to, v);
    return;
  }
  v = v + finish.bias;
  if (finish.has_residual) v = v + static_cast<const float*>(residual)[residual_at];
  static_cast<float*>(y)[at] = apply_activation(finish.activation, v);
}

}  // namespace lode::engine
