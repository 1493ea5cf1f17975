#include "engine/ops/kernel_shapes.h"

namespace lode::engine {

ConvShape conv_shape(const Window& window, const Shape& input, const Shape& weight,
                     std::int64_t groups) {
  ConvShape shape;
  shape.batch = input[0];
  shape.in_h = window.height().input;
  shape.in_w = window.width().input;
  shape.in_c = input[1];
  shape.out_h = window.height().output;
  shape.out_w = window.width().output;
  shape.out_c = weight[0];
  shape.kernel_h = window.height().kernel;
  shape.kernel_w = window.width().kernel;
  shape.stride_h = window.height().stride;
  shape.stride_w = window.width().stride;
  shape.dilation_h = window.height().dilation;
  shape.dilation_w = window.width().dilation;
  shape.pad_top = window.height().pad_begin;
  shape.pad_left = window.width().pad_begin;
  shape.pad_bottom = window.height().pad_end;
  shape.pad_right = window.width().pad_end;
  shape.groups = groups;
  return shape;
}

PoolShape pool_shape(const Window& window, const Shape& input, PoolKind kind) {
  PoolShape shape;
  shape.kind = kind;
  shape.batch = input[0];
  shape.in_h = window.height().input;
  shape.in_w = window.width().input;
  shape.channels = input[1];
  shape.out_h = window.height().output;
  shape.out_w = window.width().output;
  shape.kernel_h = window.height().kernel;
  shape.kernel_w = window.width().kernel;
  shape.stride_h = window.height().stride;
  shape.stride_w = window.width().stride;
  shape.dilation_h = window.height().dilation;
  shape.dilation_w = window.width().dilation;
  shape.pad_top = window.height().pad_begin;
  shape.pad_left = window.width().pad_begin;
  shape.pad_bottom = window.height().pad_end;
  shape.pad_right = window.width().pad_end;
  return shape;
}

}  // namespace lode::engine
