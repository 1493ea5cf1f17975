// Windows of two spatial axes as the kernels' shapes.
#pragma once

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/pool/pool.h"
#include "engine/ops/window.h"

namespace lode::engine {

/// A convolution of `input` [N,C,H,W] with `weight` [M,C/groups,kernel...], dense.
[[nodiscard]] ConvShape conv_shape(const Window& window, const Shape& input, const Shape& weight,
                                   std::int64_t groups);

/// A pool over `input` [N,C,H,W].
[[nodiscard]] PoolShape pool_shape(const Window& window, const Shape& input, PoolKind kind);

}  // namespace lode::engine
