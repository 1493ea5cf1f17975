// Quantisation and its inverse: hand-computed cases, then every variant to the last bit.
#include "engine/kernels/quantize/quantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <cmath>

#include "tests/engine/kernels/bytes_runner.h"

namespace lode::engine {
namespace {

template <typename AnyKernel>
bool can_run(const AnyKernel& kernel) {
  return kernel.isa <= best_isa();
}

// ---- quantize

TEST(QuantizeReference, RoundsHalfToEvenAndClamps) {
  const std::vector<float> x = {1.0F, 3.0F, -1.0F, 1000.0F, -1000.0F, std::nanf("")};
  std::vector<std::uint8_t> y(x.size());
  QuantizeShape shape;
  shape.channels = 6;
  quantize_reference(shape, {.x = x.data(), .y = y.data(), .scale = 2.0F, .zero = 10});
  EXPECT_EQ(y, (std::vector<std::uint8_t>{10, 12, 10, 255, 0, 0}));
  std::vector<std::int8_t> s(x.size());
  shape.is_signed = true;
  quantize_reference(shape, {.x = x.data(), .y = s.data(), .scale = 2.0F, .zero = -3});
  EXPECT_EQ(s, (std::vector<std::int8_t>{-3, -1, -3, 127, -128, -128}));
}

TEST(QuantizeReference, ARangeGivesScaleAndZeroPoint) {
  const std::vector<float> x = {-1.0F, 1.55F};
  const std::vector<float> ranges = {-1.0F, 0.0F, -0.5F, 1.55F};
  std::vector<std::uint8_t> y(2);
  float scale = 0.0F;
  std::uint8_t zero = 0;
  QuantizeShape shape;
  shape.channels = 2;
  shape.ranges = 1;
  shape.pieces = 2;
  QuantizeArguments arguments{.x = x.data(), .y = y.data()};
  arguments.ranges = ranges.data();
  arguments.scales = &scale;
  arguments.zeros = &zero;
  quantize_reference(shape, arguments);
  EXPECT_EQ(scale, 2.55F / 255.0F);
  EXPECT_EQ(zero, 100);
  EXPECT_EQ(y, (std::vector<std::uint8_t>{0, 255}));
}

std::vector<float> values_with_ties(std::int64_t count) {
  auto x = random_floats(count, "quantize", -9.0F, 9.0F);
  for (std::size_t i = 0; i < x.size(); i += 3)
    x[i] = 0.5F * std::nearbyint(x[i] * 20.0F) * 0.0625F;
  if (x.size() > 5) x[5] = std::nanf("");
  if (x.size() > 8) x[8] = -1e30F;
  return x;
}

void check_quantize(const QuantizeShape& shape) {
  const std::int64_t rows = shape.samples * shape.pixels;
  const auto x = values_with_ties((rows - 1) * shape.x_step() + shape.channels);
  const auto ranges =
      random_floats(2 * shape.ranges * std::max<std::int64_t>(1, shape.pieces), "r", -5.0F, 5.0F);
  const std::int64_t bytes = rows * shape.y_step();
  const auto run = [&](std::uint8_t* y, const auto& quantize) {
    std::vector<float> scales(static_cast<std::size_t>(shape.ranges), -1.0F);
    std::vector<std::uint8_t> zeros(scales.size(), 0xEE);
    QuantizeArguments arguments{
        .x = x.data(), .y = y, .scale = 0.0625F, .zero = shape.is_signed ? -7 : 131};
    arguments.ranges = ranges.data();
    arguments.scales = scales.data();
    arguments.zeros = zeros.data();
    quantize(arguments);
    return std::pair(scales, zeros);
  };
  GuardedBytes want(bytes);
  const auto parameters = run(want.data(), [&](const QuantizeArguments& arguments) {
    quantize_reference(shape, arguments);
  });
  for (const QuantizeKernel* kernel : quantize_kernels()) {
    if (!can_run(*kernel) || (kernel->refuse != nullptr && !kernel->refuse(shape).empty()))
      continue;
    SCOPED_TRACE(fmt::format("{} {}x{}x{} plain {} signed {} ranges {}", kernel->name,
                             shape.samples, shape.pixels, shape.channels, shape.x_is_plain,
                             shape.is_signed, shape.ranges));
    GuardedBytes got(bytes);
    const auto own = run(got.data(), [&](const QuantizeArguments& arguments) {
      run_all_tasks(*kernel, shape, arguments);
    });
    ASSERT_EQ(first_unequal(got.values(), want.values()), "");
    ASSERT_TRUE(got.guards_intact());
    ASSERT_EQ(own, parameters);
  }
}

TEST(Quantize, LayoutsStridesSignsAndRanges) {
  for (const bool is_signed : {false, true}) {
    for (std::int64_t channels = 1; channels <= 70; ++channels) {
      QuantizeShape shape{.samples = 2, .pixels = 5, .channels = channels, .is_signed = is_signed};
      check_quantize(shape);
      shape.x_stride = channels + 3;
      shape.y_stride = channels + 5;
      check_quantize(shape);
    }
    for (std::int64_t pixels = 1; pixels <= 70; ++pixels) {
      for (const std::int64_t channels : {1, 2, 3, 4, 17}) {
        QuantizeShape shape{
            .samples = 2, .pixels = pixels, .channels = channels, .is_signed = is_signed};
        shape.x_is_plain = true;
        check_quantize(shape);
        shape.y_stride = channels + 1;
        check_quantize(shape);
      }
    }
  }
  for (const std::int64_t ranges : {1, 3}) {
    QuantizeShape shape{.samples = 3, .pixels = 40, .channels = 21};
    shape.ranges = ranges;
    shape.pieces = 4;
    check_quantize(shape);
    shape.x_is_plain = true;
    check_quantize(shape);
  }
  check_quantize({.samples = 2, .pixels = 5000, .channels = 9});
  QuantizeShape picture{.samples = 1, .pixels = 224 * 56, .channels = 3};
  picture.x_is_plain = true;
  check_quantize(picture);
}

/// Around each half integer the floats next to where the quotient rounds to the other side.
std::vector<float> around_ties(float scale) {
  std::vector<float> x;
  for (int k = -256; k < 256; ++k) {
    float value = static_cast<float>((k + 0.5) * static_cast<double>(scale));
    for (int i = 0; i < 4; ++i) value = std::nextafter(value, -INFINITY);
    for (int i = 0; i < 8; ++i, value = std::nextafter(value, INFINITY)) x.push_back(value);
  }
  x.insert(x.end(), {0.0F, -0.0F, 1e-45F, -1e-38F, FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, NAN});
  return x;
}

void check_quotients(float scale) {
  const std::vector<float> x = around_ties(scale);
  QuantizeShape shape{.channels = static_cast<std::int64_t>(x.size())};
  for (const bool is_signed : {false, true}) {
    shape.is_signed = is_signed;
    for (const std::int32_t zero : {is_signed ? -128 : 0, is_signed ? -3 : 120}) {
      std::vector<std::uint8_t> want(x.size());
      std::vector<std::uint8_t> got(x.size());
      QuantizeArguments arguments{.x = x.data(), .y = want.data(), .scale = scale, .zero = zero};
      quantize_reference(shape, arguments);
      arguments.y = got.data();
      for (const QuantizeKernel* kernel : quantize_kernels()) {
        if (!can_run(*kernel)) continue;
        run_all_tasks(*kernel, shape, arguments);
        ASSERT_EQ(first_unequal(got, want), "") << kernel->name << " " << scale << " " << zero;
      }
    }
  }
}

TEST(Quantize, QuotientsAreThoseOfADivision) {
  for (const float scale : random_floats(300, "scale", 1e-3F, 1.0F)) check_quotients(scale);
  // Significands near multiples of 2^16, where two multiplications alone may round otherwise.
  for (std::uint32_t high = 0; high < 128; ++high) {
    for (std::int32_t low = -12; low <= 12; ++low) {
      const std::uint32_t bits = 0x3C000000U + (high << 16) + static_cast<std::uint32_t>(low);
      check_quotients(std::bit_cast<float>(bits));
    }
  }
  for (const float scale : {0x1p-149F, 0x1.3p-126F, 0x1.23456p-61F, 0x1.23456p-60F, 0x1.23456p60F,
                            0x1.23456p100F, 0x1.23456p120F, 1.0F / 3.0F}) {
    check_quotients(scale);
  }
}

// ---- range

TEST(Range, LeastAndGreatestOfEachSample) {
  for (const std::int64_t columns : {1, 3, 16, 37, 200, 40000}) {
    for (const std::int64_t stride : {columns, columns + 5}) {
      const RangeShape shape{.samples = 3, .rows = 4, .columns = columns, .stride = stride};
      auto x = random_floats(12 * stride, "range", -3.0F, 4.0F);
      x[static_cast<std::size_t>(stride * 5)] = std::nanf("");
      const std::int64_t pieces = range_pieces(shape);
      const auto merged = [&](const std::vector<float>& ranges) {
        std::vector<float> result;
        for (std::int64_t sample = 0; sample < 3; ++sample) {
          float low = 1.0F;
          float high = -1.0F;
          for (std::int64_t i = 0; i < pieces; ++i) {
            const auto at = static_cast<std::size_t>((sample * pieces + i) * 2);
            low = std::min(low, ranges[at]);
            high = std::max(high, ranges[at + 1]);
          }
          result.insert(result.end(), {low, high});
        }
        return result;
      };
      std::vector<float> want(static_cast<std::size_t>(6 * pieces));
      range_reference(shape, {x.data(), want.data()});
      EXPECT_LT(want[0], 0.5F);
      for (const RangeKernel* kernel : range_kernels()) {
        if (!can_run(*kernel)) continue;
        GuardedOutput got(6 * pieces);
        run_all_tasks(*kernel, shape, RangeArguments{x.data(), got.data()});
        EXPECT_EQ(merged(got.values()), merged(want)) << kernel->name << " " << columns;
        EXPECT_TRUE(got.guards_intact());
      }
    }
  }
}

TEST(Range, HoldsZero) {
  const std::vector<float> x = {3.0F, 4.0F};
  std::vector<float> ranges(2);
  range_reference({.columns = 2}, {x.data(), ranges.data()});
  EXPECT_EQ(ranges, (std::vector<float>{0.0F, 4.0F}));
}

// ---- dequantize

TEST(Dequantize, ByHandAndEveryVariant) {
  for (const bool is_signed : {false, true}) {
    for (std::int64_t columns = 1; columns <= 70; ++columns) {
      for (const std::int64_t more : {0, 3}) {
        DequantizeShape shape{.rows = 3, .columns = columns, .is_signed = is_signed};
        if (more > 0) shape.x_stride = columns + more;
        if (more > 0) shape.y_stride = columns + 2 * more;
        const auto x = random_bytes(2 * (columns + more) + columns, "dequantize");
        DequantizeArguments arguments{.x = x.data(), .scale = 0.3F, .zero = is_signed ? -9 : 77};
        GuardedOutput want(3 * (columns + 2 * more));
        arguments.y = want.data();
        dequantize_reference(shape, arguments);
        const std::int32_t first = is_signed ? static_cast<std::int8_t>(x[0]) : x[0];
        EXPECT_EQ(want.data()[0], static_cast<float>(first - arguments.zero) * 0.3F);
        for (const DequantizeKernel* kernel : dequantize_kernels()) {
          if (!can_run(*kernel)) continue;
          GuardedOutput got(3 * (columns + 2 * more));
          arguments.y = got.data();
          run_all_tasks(*kernel, shape, arguments);
          EXPECT_EQ(first_difference(got.values(), want.values(), want.values(), 0.0), "")
              << kernel->name;
          EXPECT_TRUE(got.guards_intact());
        }
      }
    }
  }
}

}  // namespace
}  // namespace lode::engine
