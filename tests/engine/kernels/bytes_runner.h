// What the tests of the integer kernels share: bytes with sentinels around them, and convolutions
// in eight bits beside their reference.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/kernels/qconv/qconv.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {

/// Integers in [low, high], with both of them among the first.
template <typename Integer>
std::vector<Integer> random_integers(std::int64_t count, std::string_view stream, int low,
                                     int high) {
  Rng rng = make_rng(13, stream);
  std::vector<Integer> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto drawn = static_cast<int>(
        uniform_between(rng, static_cast<float>(low), static_cast<float>(high) + 0.999F));
    values[i] = static_cast<Integer>(i % 7 == 1 ? low : i % 11 == 2 ? high : std::min(drawn, high));
  }
  return values;
}

inline std::vector<std::uint8_t> random_bytes(std::int64_t count, std::string_view stream) {
  return random_integers<std::uint8_t>(count, stream, 0, 255);
}

/// `count` bytes with sentinels on both sides; kUntouched until written.
class GuardedBytes {
 public:
  static constexpr std::uint8_t kUntouched = 0xA5;

  explicit GuardedBytes(std::int64_t count)
      : bytes_(static_cast<std::size_t>(count) + 2 * kGuard, kSentinel) {
    std::fill_n(data(), count, kUntouched);
  }
  [[nodiscard]] std::uint8_t* data() { return bytes_.data() + kGuard; }
  [[nodiscard]] std::vector<std::uint8_t> values() const {
    return {bytes_.begin() + kGuard, bytes_.end() - kGuard};
  }
  [[nodiscard]] bool guards_intact() const {
    const auto is_sentinel = [](std::uint8_t value) { return value == kSentinel; };
    return std::all_of(bytes_.begin(), bytes_.begin() + kGuard, is_sentinel) &&
           std::all_of(bytes_.end() - kGuard, bytes_.end(), is_sentinel);
  }

 private:
  static constexpr std::ptrdiff_t kGuard = 256;
  static constexpr std::uint8_t kSentinel = 0x5C;
  std::vector<std::uint8_t> bytes_;
};

/// "" if the same, else the first that is not, as elements of `width` bytes.
inline std::string first_unequal(const std::vector<std::uint8_t>& got,
                                 const std::vector<std::uint8_t>& want, std::size_t width = 1) {
  if (got.size() != want.size()) return "sizes differ";
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;
    if (width != sizeof(float)) return fmt::format("element {}: {} != {}", i, got[i], want[i]);
    float pair[2];
    std::memcpy(&pair[0], got.data() + i / width * width, width);
    std::memcpy(&pair[1], want.data() + i / width * width, width);
    return fmt::format("element {}: {} != {}", i / width, pair[0], pair[1]);
  }
  return "";
}

inline std::int64_t output_bytes(const QConvShape& shape) {
  const std::int64_t width = shape.output == QOutput::kFloat ? 4 : 1;
  return shape.batch * shape.out_pixels() * shape.y_step() * width;
}

/// Tensors and constants for a shape. Sums of ordinary size meet most of the output's range.
struct QConvData {
  std::vector<std::uint8_t> x;
  std::vector<std::int8_t> w;
  std::vector<std::int32_t> zeros;
  std::vector<float> scales;
  std::vector<std::int32_t> bias;
  std::vector<float> float_bias;
  std::vector<std::uint8_t> residual;
  std::vector<float> x_scales;
  std::vector<std::uint8_t> x_zeros;
  QConvWeights weights;

  explicit QConvData(const QConvShape& shape, bool is_unsigned = false) {
    const int low = shape.weight_bits == 7 ? -64 : -128;
    const std::int64_t pixels = shape.batch * shape.in_h * shape.in_w;
    // The last pixel ends the buffer: a kernel must not read behind its channels.
    x = random_bytes((pixels - 1) * shape.x_step() + shape.in_c, "x");
    w = random_integers<std::int8_t>(shape.out_c * shape.depth(), "w", low, -low - 1);
    zeros = random_integers<std::int32_t>(shape.out_c, "zeros", is_unsigned ? 100 : -20,
                                          is_unsigned ? 150 : 20);
    const float size = 0.02F / std::sqrt(static_cast<float>(shape.depth()));
    scales = random_floats(shape.out_c, "scales", 0.5F * size, size);
    bias = random_integers<std::int32_t>(shape.out_c, "bias", -3000, 3000);
    float_bias = random_floats(shape.out_c, "float_bias");
    const std::int64_t outputs = shape.batch * shape.out_pixels() * shape.residual_step();
    if (shape.output == QOutput::kFloat) {
      const auto values = random_floats(outputs, "residual");
      residual.resize(values.size() * sizeof(float));
      std::memcpy(residual.data(), values.data(), residual.size());
    } else {
      residual = random_bytes(outputs, "residual");
    }
    x_scales = random_floats(shape.batch, "x_scales", 0.01F, 0.05F);
    x_zeros = random_bytes(shape.batch, "x_zeros");
    weights = {.oihw = w.data(),
               .is_unsigned = is_unsigned,
               .zeros = shape.has_weight_zeros || is_unsigned ? zeros.data() : nullptr,
               .scales = scales.data(),
               .bias = bias.data(),
               .float_bias = shape.output == QOutput::kFloat ? float_bias.data() : nullptr,
               .x_scale = 0.03F,
               .x_zero = 117,
               .y_scale = 0.021F,
               .y_zero = 101,
               .residual_scale = 0.017F,
               .residual_zero = 77,
               .sum_scale = 0.029F,
               .sum_zero = 140};
  }
  QConvData(const QConvData&) = delete;
  QConvData& operator=(const QConvData&) = delete;

  [[nodiscard]] QConvArguments arguments(void* y, const Activation& activation) const {
    QConvArguments result;
    result.x = x.data();
    result.y = y;
    result.activation = activation;
    result.residual = residual.data();
    result.x_scales = x_scales.data();
    result.x_zeros = x_zeros.data();
    return result;
  }
};

inline std::vector<std::uint8_t> qconv_reference_of(const QConvShape& shape, const QConvData& data,
                                                    const Activation& activation = {}) {
  GuardedBytes y(output_bytes(shape));
  qconv_reference(shape, data.weights, data.arguments(y.data(), activation));
  return y.values();
}

inline std::vector<std::uint8_t> run_qconv(const QConvKernel& kernel, const QConvShape& shape,
                                           const QConvData& data,
                                           const Activation& activation = {}) {
  const AlignedFloats packed = pack_weights(kernel, shape, data.weights);
  GuardedBytes y(output_bytes(shape));
  QConvArguments arguments = data.arguments(y.data(), activation);
  arguments.packed = packed.data();
  run_all_tasks(kernel, shape, arguments);
  EXPECT_TRUE(y.guards_intact());
  return y.values();
}

inline bool takes(const QConvKernel& kernel, const QConvShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

inline std::string text_of(const QConvShape& shape) {
  return fmt::format("{} images {}x{}x{} to {}x{}x{} kernel {}x{} stride {} groups {}", shape.batch,
                     shape.in_h, shape.in_w, shape.in_c, shape.out_h, shape.out_w, shape.out_c,
                     shape.kernel_h, shape.kernel_w, shape.stride_h, shape.groups);
}

/// Every variant on the list that takes the shape gives the reference's bits.
inline void check_qconv_on(std::span<const QConvKernel* const> kernels, const QConvShape& shape,
                           const QConvData& data, const Activation& activation = {}) {
  const auto want = qconv_reference_of(shape, data, activation);
  for (const QConvKernel* kernel : kernels) {
    if (!takes(*kernel, shape)) continue;
    SCOPED_TRACE(fmt::format("{} {}", kernel->name, text_of(shape)));
    const auto got = run_qconv(*kernel, shape, data, activation);
    ASSERT_EQ(first_unequal(got, want, shape.output == QOutput::kFloat ? 4 : 1), "");
  }
}

/// The same on random data.
inline void check_qconv(std::span<const QConvKernel* const> kernels, const QConvShape& shape,
                        const Activation& activation = {}, bool is_unsigned = false) {
  check_qconv_on(kernels, shape, QConvData(shape, is_unsigned), activation);
}

/// Least and greatest of 0 and of each image's outputs in float, NaN left out.
inline std::vector<float> ranges_of_images(const QConvShape& shape,
                                           const std::vector<std::uint8_t>& y) {
  std::vector<float> ranges(static_cast<std::size_t>(2 * shape.batch), 0.0F);
  for (std::int64_t pixel = 0; pixel < shape.batch * shape.out_pixels(); ++pixel) {
    float* pair = ranges.data() + pixel / shape.out_pixels() * 2;
    for (std::int64_t c = 0; c < shape.out_c; ++c) {
      float value = 0.0F;
      const auto at = static_cast<std::size_t>(pixel * shape.y_step() + c) * sizeof(value);
      std::memcpy(&value, y.data() + at, sizeof(value));
      if (value < pair[0]) pair[0] = value;
      if (value > pair[1]) pair[1] = value;
    }
  }
  return ranges;
}

/// The pairs of each image, `pieces` of them, as one.
inline std::vector<float> merged_ranges(const std::vector<float>& pairs, std::int64_t pieces) {
  std::vector<float> ranges;
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    if (i % static_cast<std::size_t>(2 * pieces) == 0) ranges.insert(ranges.end(), 2, 0.0F);
    float* pair = ranges.data() + ranges.size() - 2;
    pair[0] = std::min(pair[0], pairs[i]);
    pair[1] = std::max(pair[1], pairs[i + 1]);
  }
  return ranges;
}

/// Every variant leaves the ranges of what it writes, and writes the reference's bits where the
/// activation is exact. The first image is NaN from end to end where there are several.
inline void check_ranges(std::span<const QConvKernel* const> kernels, bool has_image_tasks,
                         QConvShape shape, const Activation& activation = {}) {
  shape.output = QOutput::kFloat;
  shape.is_dynamic = true;
  QConvData data(shape);
  const bool has_nan = shape.batch > 1;
  if (has_nan) data.x_scales[0] = std::nanf("");
  const bool is_exact =
      activation.kind != ActivationKind::kSigmoid && activation.kind != ActivationKind::kSilu;
  const auto behind_nan = [&](const std::vector<std::uint8_t>& all) {
    const std::int64_t image = output_bytes(shape) / shape.batch;
    return std::vector<std::uint8_t>(all.begin() + (has_nan ? image : 0), all.end());
  };
  const auto want = behind_nan(qconv_reference_of(shape, data, activation));
  for (const QConvKernel* kernel : kernels) {
    if (!takes(*kernel, shape)) continue;
    SCOPED_TRACE(fmt::format("{} {} {} workers", kernel->name, text_of(shape), shape.workers));
    const AlignedFloats packed = pack_weights(*kernel, shape, data.weights);
    const std::int64_t tasks = kernel->task_count(shape);
    const std::int64_t pieces = has_image_tasks ? tasks / shape.batch : tasks;
    GuardedOutput pairs(2 * shape.batch * pieces);
    GuardedBytes y(output_bytes(shape));
    QConvArguments arguments = data.arguments(y.data(), activation);
    arguments.packed = packed.data();
    arguments.ranges = pairs.data();
    run_all_tasks(*kernel, shape, arguments);
    ASSERT_TRUE(y.guards_intact() && pairs.guards_intact());
    if (is_exact) {
      ASSERT_EQ(first_unequal(behind_nan(y.values()), want, sizeof(float)), "");
    }
    const auto ranges = merged_ranges(pairs.values(), pieces);
    ASSERT_EQ(ranges, ranges_of_images(shape, y.values()));
    if (has_nan && is_exact) {
      ASSERT_EQ(ranges[0] - ranges[1], 0.0F);
    }
  }
}

/// A square convolution padded by `pad` on every side.
inline QConvShape square_qconv(std::int64_t size, std::int64_t in_c, std::int64_t out_c,
                               std::int64_t kernel = 1, std::int64_t stride = 1,
                               std::int64_t pad = 0, std::int64_t groups = 1) {
  QConvShape shape;
  shape.in_h = shape.in_w = size;
  shape.in_c = in_c;
  shape.out_c = out_c;
  shape.kernel_h = shape.kernel_w = kernel;
  shape.stride_h = shape.stride_w = stride;
  shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = pad;
  shape.out_h = shape.out_w = (size + 2 * pad - kernel) / stride + 1;
  shape.groups = groups;
  return shape;
}

}  // namespace lode::engine
