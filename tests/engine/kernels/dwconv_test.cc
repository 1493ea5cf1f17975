// Depthwise kernels around their tiles: every width, height and channel tail near a block, strides,
// paddings that leave windows half or wholly outside, slices of wider buffers, residuals, halves,
// and NaN. conv_test.cc has what holds for every convolution.
#include "engine/kernels/dwconv/dwconv.h"

#include <gtest/gtest.h>

#include "engine/kernels/gemm/gemm.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {
namespace {

struct Window {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t pad_begin = 1;
  std::int64_t pad_end = 1;
};

ConvShape depthwise(std::int64_t height, std::int64_t width, std::int64_t channels,
                    const Window& window) {
  ConvShape shape;
  shape.in_h = height;
  shape.in_w = width;
  shape.in_c = shape.out_c = shape.groups = channels;
  shape.kernel_h = shape.kernel_w = window.kernel;
  shape.stride_h = shape.stride_w = window.stride;
  shape.pad_top = shape.pad_left = window.pad_begin;
  shape.pad_bottom = shape.pad_right = window.pad_end;
  const std::int64_t pads = window.pad_begin + window.pad_end;
  shape.out_h = (height + pads - window.kernel) / window.stride + 1;
  shape.out_w = (width + pads - window.kernel) / window.stride + 1;
  return shape;
}

struct Data {
  std::vector<float> x;
  std::vector<float> weights;
  std::vector<float> bias;
  std::vector<float> residual;

  explicit Data(const ConvShape& shape)
      : x(random_floats(shape.batch * shape.in_h * shape.in_w * shape.x_step() + 1, "x")),
        weights(random_floats(shape.out_c * shape.depth(), "weights")),
        bias(random_floats(shape.out_c, "bias")),
        residual(random_floats(shape.batch * shape.out_pixels() * shape.residual_step(), "r")) {}
  [[nodiscard]] ConvArguments arguments(float* y, const Activation& activation = {}) const {
    ConvArguments result;
    result.x = x.data();
    result.y = y;
    result.activation = activation;
    result.residual = residual.data();
    return result;
  }
};

std::int64_t output_floats(const ConvShape& shape) {
  return shape.batch * shape.out_pixels() * shape.y_step();
}

std::vector<float> reference(const ConvShape& shape, const Data& data,
                             const Activation& activation = {}) {
  std::vector<float> y(static_cast<std::size_t>(output_floats(shape)),
                       std::numeric_limits<float>::quiet_NaN());
  conv_reference(shape, {data.weights.data(), data.bias.data()},
                 data.arguments(y.data(), activation));
  return y;
}

std::vector<float> scale_of(const ConvShape& shape, const Data& data) {
  Data positive = data;
  for (auto* values : {&positive.x, &positive.weights, &positive.bias, &positive.residual}) {
    *values = magnitudes(*values);
  }
  return reference(shape, positive);
}

std::vector<float> run_kernel(const DwConvKernel& kernel, const ConvShape& shape, const Data& data,
                              const Activation& activation = {}) {
  const AlignedFloats packed =
      pack_weights(kernel, shape, ConvWeights{data.weights.data(), data.bias.data()});
  GuardedOutput y(output_floats(shape));
  ConvArguments arguments = data.arguments(y.data(), activation);
  arguments.packed = packed.data();
  run_all_tasks(kernel, shape, arguments);
  EXPECT_TRUE(y.guards_intact());
  return y.values();
}

bool takes(const DwConvKernel& kernel, const ConvShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

/// NaN, which the reference leaves between the slices, must stand in the same places.
void check(const ConvShape& shape, const Activation& activation = {}) {
  const Data data(shape);
  const auto want = reference(shape, data, activation);
  const auto scale = scale_of(shape, data);
  for (const DwConvKernel* kernel : dwconv_kernels()) {
    if (!takes(*kernel, shape)) continue;
    SCOPED_TRACE(fmt::format("{} {}x{}x{} kernel {} stride {} pad {} {}", kernel->name, shape.in_h,
                             shape.in_w, shape.in_c, shape.kernel_h, shape.stride_h, shape.pad_top,
                             shape.pad_bottom));
    const auto got = run_kernel(*kernel, shape, data, activation);
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (std::isnan(want[i])) {
        ASSERT_TRUE(std::isnan(got[i])) << "element " << i;
        continue;
      }
      const double bound =
          (1.5 * gemm_tolerance(shape.depth()) + 0x1p-21) * static_cast<double>(scale[i]);
      ASSERT_LE(std::fabs(static_cast<double>(got[i]) - want[i]), bound) << "element " << i;
    }
  }
}

TEST(DwConvTiles, EveryWidthAndHeightAroundATile) {
  for (const Window& window : {Window{3, 1, 1, 1}, Window{3, 2, 1, 1}, Window{3, 2, 0, 1},
                               Window{5, 1, 2, 2}, Window{5, 2, 2, 2}, Window{5, 2, 1, 2},
                               Window{3, 1, 0, 0}, Window{5, 1, 4, 4}, Window{3, 2, 3, 3}}) {
    for (std::int64_t size = 1; size <= 31; ++size) {
      if (size + window.pad_begin + window.pad_end < window.kernel) continue;
      check(depthwise(std::max(window.kernel, 32 - size), size, 9, window));
    }
  }
}

TEST(DwConvTiles, EveryChannelTail) {
  for (std::int64_t channels = 1; channels <= 67; ++channels) {
    check(depthwise(5, 9, channels, {3, 1, 1, 1}));
    check(depthwise(5, 9, channels, {5, 2, 2, 2}));
  }
  for (const std::int64_t channels : {24, 40, 72, 120, 144}) {
    check(depthwise(14, 14, channels, {3, 1, 1, 1}));
    check(depthwise(15, 14, channels, {3, 2, 1, 1}));
    check(depthwise(14, 15, channels, {5, 1, 2, 2}));
  }
}

TEST(DwConvTiles, ManyBandsOfManyImages) {
  ConvShape shape = depthwise(57, 33, 40, {3, 1, 1, 1});
  shape.batch = 3;
  check(shape);
  shape = depthwise(57, 33, 40, {5, 2, 2, 2});
  shape.batch = 2;
  check(shape);
}

TEST(DwConvTiles, SlicesResidualsHalvesAndEveryActivation) {
  for (const Window& window : {Window{3, 1, 1, 1}, Window{5, 2, 2, 2}, Window{4, 1, 1, 2}}) {
    ConvShape shape = depthwise(9, 17, 21, window);
    shape.batch = 2;
    for (const Activation& activation : all_activations()) check(shape, activation);
    for (const bool half : {false, true}) {
      shape.half_weights = half;
      shape.x_stride = 24;
      shape.y_stride = 37;
      shape.has_residual = false;
      check(shape);
      shape.has_residual = true;
      shape.residual_stride = 29;
      check(shape);
      shape.x_stride = shape.y_stride = shape.residual_stride = 0;
      for (const Activation& activation : all_activations()) check(shape, activation);
    }
  }
}

TEST(DwConvTiles, APixelsPlaceInMemoryDoesNotMatter) {
  const ConvShape shape = depthwise(9, 15, 24, {3, 1, 1, 1});
  const Data data(shape);
  Data moved = data;
  std::rotate(moved.x.rbegin(), moved.x.rbegin() + 1, moved.x.rend());
  for (const DwConvKernel* kernel : dwconv_kernels()) {
    if (!takes(*kernel, shape)) continue;
    const AlignedFloats packed =
        pack_weights(*kernel, shape, ConvWeights{data.weights.data(), data.bias.data()});
    GuardedOutput y(output_floats(shape) + 1);
    ConvArguments arguments = moved.arguments(y.data() + 1);
    arguments.x = moved.x.data() + 1;
    arguments.packed = packed.data();
    run_all_tasks(*kernel, shape, arguments);
    auto got = y.values();
    EXPECT_TRUE(std::isnan(got.front())) << kernel->name;
    got.erase(got.begin());
    EXPECT_TRUE(same_bits(got, run_kernel(*kernel, shape, data))) << kernel->name;
  }
}

TEST(DwConvTiles, NanReachesItsWindowsAndNothingElse) {
  for (const Window& window : {Window{3, 1, 1, 1}, Window{3, 2, 1, 1}, Window{5, 1, 2, 2}}) {
    const ConvShape shape = depthwise(11, 19, 18, window);
    Data data(shape);
    data.x[static_cast<std::size_t>((5 * 19 + 8) * 18 + 17)] = std::nanf("");
    for (const Activation& activation : all_activations()) {
      const auto want = reference(shape, data, activation);
      for (const DwConvKernel* kernel : dwconv_kernels()) {
        if (!takes(*kernel, shape)) continue;
        const auto got = run_kernel(*kernel, shape, data, activation);
        for (std::size_t i = 0; i < want.size(); ++i) {
          ASSERT_EQ(std::isnan(got[i]), std::isnan(want[i]))
              << kernel->name << " element " << i << " activation "
              << static_cast<int>(activation.kind);
        }
      }
    }
  }
}

TEST(DwConvTiles, SelectionPrefersTheTapsOfTheShape) {
  const auto name = [](const Window& window, Isa isa) {
    return std::string(select_dwconv(depthwise(14, 14, 32, window), isa).kernel->name);
  };
  EXPECT_EQ(name({3, 1, 1, 1}, Isa::kGeneric), "eigen_f32_dwconv");
#if defined(__x86_64__)
  EXPECT_EQ(name({3, 1, 1, 1}, Isa::kAvx512), "avx512_f32_dwconv_3x3");
  EXPECT_EQ(name({5, 2, 2, 2}, Isa::kAvx512Vnni), "avx512_f32_dwconv_5x5");
  EXPECT_EQ(name({7, 1, 3, 3}, Isa::kAvx512), "avx512_f32_dwconv");
  EXPECT_EQ(name({3, 3, 1, 1}, Isa::kAvx2), "avx2_f32_dwconv");
  EXPECT_EQ(name({5, 1, 2, 2}, Isa::kAvx2), "avx2_f32_dwconv_5x5");
#endif
}

}  // namespace
}  // namespace lode::engine
