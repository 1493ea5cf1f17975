// Convolutions against their reference: shapes, data and checks that the tests of all their
// kernels share.
#pragma once

#include <gtest/gtest.h>

#include "engine/kernels/conv/conv.h"
#include "engine/kernels/gemm/gemm.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {

/// Square images, kernels and strides.
inline ConvShape square(std::int64_t size, std::int64_t in_c, std::int64_t out_c,
                        std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                        std::int64_t groups = 1, std::int64_t dilation = 1,
                        std::int64_t batch = 1) {
  ConvShape shape;
  shape.batch = batch;
  shape.in_h = shape.in_w = size;
  shape.in_c = in_c;
  shape.out_c = out_c;
  shape.kernel_h = shape.kernel_w = kernel;
  shape.stride_h = shape.stride_w = stride;
  shape.dilation_h = shape.dilation_w = dilation;
  shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = pad;
  shape.groups = groups;
  shape.out_h = shape.out_w = (size + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  return shape;
}

inline std::string describe(const ConvShape& s) {
  return fmt::format(
      "{}x{}x{}x{} -> {}x{}x{}, kernel {}x{}, groups {}, strides {} {} {}, prologue {}, residual "
      "{}, "
      "half {}",
      s.batch, s.in_h, s.in_w, s.in_c, s.out_h, s.out_w, s.out_c, s.kernel_h, s.kernel_w, s.groups,
      s.x_stride, s.y_stride, s.residual_stride, static_cast<int>(s.prologue), s.has_residual,
      s.half_weights);
}

struct Case {
  std::vector<float> x;
  std::vector<float> weights;
  std::vector<float> bias;
  std::vector<float> residual;
  std::vector<float> scale;
  std::vector<float> shift;

  explicit Case(const ConvShape& shape)
      : x(random_floats(shape.batch * shape.in_h * shape.in_w * shape.x_step(), "x")),
        weights(random_floats(shape.out_c * shape.depth(), "weights")),
        bias(random_floats(shape.out_c, "bias")),
        residual(random_floats(shape.batch * shape.out_pixels() * shape.residual_step(), "r")),
        scale(random_floats(shape.batch * shape.in_c, "scale")),
        shift(random_floats(shape.in_c, "shift")) {}
  [[nodiscard]] ConvWeights view(bool with_bias = true) const {
    return {weights.data(), with_bias ? bias.data() : nullptr};
  }
  [[nodiscard]] ConvArguments arguments(float* y, const Activation& activation) const {
    ConvArguments result;
    result.x = x.data();
    result.y = y;
    result.activation = activation;
    result.residual = residual.data();
    result.prologue_scale = scale.data();
    result.prologue_shift = shift.data();
    return result;
  }
};

inline std::int64_t output_floats(const ConvShape& shape) {
  return shape.batch * shape.out_pixels() * shape.y_step();
}

/// NaN between the slices that the convolution writes.
inline std::vector<float> reference(const ConvShape& shape, const Case& data,
                                    const ConvWeights& weights, const Activation& activation) {
  std::vector<float> y(static_cast<std::size_t>(output_floats(shape)),
                       std::numeric_limits<float>::quiet_NaN());
  conv_reference(shape, weights, data.arguments(y.data(), activation));
  return y;
}

/// sum |x||w| + |bias| + |residual| of each output: what the tolerance is relative to.
inline std::vector<float> scale_of(const ConvShape& shape, const Case& data) {
  Case positive = data;
  for (auto* values : {&positive.x, &positive.weights, &positive.bias, &positive.residual,
                       &positive.scale, &positive.shift}) {
    *values = magnitudes(*values);
  }
  return reference(shape, positive, positive.view(), Activation{});
}

inline std::vector<float> run_kernel(const ConvKernel& kernel, const ConvShape& shape,
                                     const Case& data, const ConvWeights& weights,
                                     const Activation& activation) {
  const AlignedFloats packed = pack_weights(kernel, shape, weights);
  GuardedOutput y(output_floats(shape));
  ConvArguments arguments = data.arguments(y.data(), activation);
  arguments.packed = packed.data();
  run_all_tasks(kernel, shape, arguments);
  EXPECT_TRUE(y.guards_intact());
  return y.values();
}

inline bool takes(const ConvKernel& kernel, const ConvShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

inline bool is_winograd(const ConvKernel& kernel) {
  return kernel.name.find("winograd") != std::string_view::npos;
}

inline bool reads_plain(const ConvKernel& kernel) {
  ConvShape shape = square(7, 3, 8, 3, 2, 1);
  shape.x_is_plain = true;
  return kernel.refuse == nullptr || kernel.refuse(shape).empty();
}

/// All shapes by all kernels that read what stands in memory as the first shape says.
inline void check_family(std::span<const ConvKernel* const> kernels,
                         const std::vector<ConvShape>& shapes) {
  for (const ConvKernel* kernel : kernels) {
    if (reads_plain(*kernel) != shapes.front().x_is_plain) continue;
    // Small shapes are never worth it; these kernels are asked for by name in a test of their own.
    if (is_winograd(*kernel) && shapes.front().winograd_outputs == 0) continue;
    int taken = 0;
    for (const ConvShape& shape : shapes) {
      if (!takes(*kernel, shape)) continue;
      ++taken;
      SCOPED_TRACE(std::string(kernel->name) + " " + describe(shape));
      const Case data(shape);
      const auto got = run_kernel(*kernel, shape, data, data.view(), Activation{});
      const auto want = reference(shape, data, data.view(), Activation{});
      EXPECT_EQ(first_difference(got, want, scale_of(shape, data),
                                 kernel->error_growth * gemm_tolerance(shape.depth())),
                "");
    }
    EXPECT_TRUE(taken > 0 || kernel->isa > best_isa()) << kernel->name << " was never tested";
  }
}

inline void check_activations(std::span<const ConvKernel* const> kernels, const ConvShape& shape) {
  const Case data(shape);
  for (const ConvKernel* kernel : kernels) {
    if (!takes(*kernel, shape)) continue;
    for (const Activation& activation : all_activations()) {
      for (const bool with_bias : {true, false}) {
        SCOPED_TRACE(fmt::format("{} activation {} bias {}", kernel->name,
                                 static_cast<int>(activation.kind), with_bias));
        const auto got = run_kernel(*kernel, shape, data, data.view(with_bias), activation);
        const auto want = reference(shape, data, data.view(with_bias), activation);
        // No activation here is steeper than 1.5; a few rounding errors of its own.
        EXPECT_EQ(
            first_difference(got, want, scale_of(shape, data),
                             1.5 * kernel->error_growth * gemm_tolerance(shape.depth()) + 0x1p-21),
            "");
      }
    }
  }
}

inline void check_images_are_independent(std::span<const ConvKernel* const> kernels,
                                         ConvShape shape) {
  constexpr std::int64_t kBatch = 3;
  ConvShape batched = shape;
  batched.batch = kBatch;
  const Case data(batched);
  for (const ConvKernel* kernel : kernels) {
    if (!takes(*kernel, shape)) continue;
    SCOPED_TRACE(kernel->name);
    const auto together = run_kernel(*kernel, batched, data, data.view(), Activation{});
    std::vector<float> alone;
    const std::int64_t image = shape.in_h * shape.in_w * shape.in_c;
    for (std::int64_t i = 0; i < kBatch; ++i) {
      Case one = data;
      one.x = {data.x.begin() + i * image, data.x.begin() + (i + 1) * image};
      if (shape.prologue == ConvPrologue::kScale) {
        one.scale = {data.scale.begin() + i * shape.in_c,
                     data.scale.begin() + (i + 1) * shape.in_c};
      }
      const auto y = run_kernel(*kernel, shape, one, one.view(), Activation{});
      alone.insert(alone.end(), y.begin(), y.end());
    }
    EXPECT_TRUE(same_bits(together, alone));
  }
}

}  // namespace lode::engine
