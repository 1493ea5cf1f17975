// Elementwise kernels and copies against their references.
#include "engine/kernels/eltwise/eltwise.h"

#include <gtest/gtest.h>

#include "engine/kernels/eltwise/copy.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {
namespace {

TEST(Unary, EveryVariantMatchesTheFormula) {
  for (const UnaryKernel* kernel : unary_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const std::int64_t count : {1, 3, 4, 5, 31, 16384, 16385, 50001}) {
      const auto x = random_floats(count, "x", -9.0F, 9.0F);
      for (const Activation& activation : all_activations()) {
        SCOPED_TRACE(fmt::format("{} {} elements, activation {}", kernel->name, count,
                                 static_cast<int>(activation.kind)));
        GuardedOutput y(count);
        run_all_tasks(*kernel, UnaryShape{count}, UnaryArguments{x.data(), y.data(), activation});
        EXPECT_TRUE(y.guards_intact());
        std::vector<float> want;
        std::vector<float> scale;
        for (const float value : x) {
          want.push_back(
              static_cast<float>(apply_activation<double>(activation, static_cast<double>(value))));
          scale.push_back(std::max(1e-30F, std::fabs(want.back())));
          // Cancellation in x * alpha + beta is the formula's own.
          if (activation.kind != ActivationKind::kSigmoid) scale.back() += 1.0F;
        }
        EXPECT_EQ(first_difference(y.values(), want, scale, 0x1p-20), "");
      }
    }
  }
}

TEST(Unary, ExponentialsAreWithinAFewUnitsOverTheirWholeRange) {
  std::vector<float> x;
  for (float value = -100.0F; value < 100.0F; value += 0.00371F) x.push_back(value);
  const auto count = static_cast<std::int64_t>(x.size());
  for (const UnaryKernel* kernel : unary_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const ActivationKind kind : {ActivationKind::kSigmoid, ActivationKind::kSilu}) {
      const Activation activation{kind, 0.0F, 0.0F};
      GuardedOutput y(count);
      run_all_tasks(*kernel, UnaryShape{count}, UnaryArguments{x.data(), y.data(), activation});
      const auto got = y.values();
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto want = apply_activation<double>(activation, static_cast<double>(x[i]));
        // Below the normal range only the magnitude counts.
        const double bound = std::max(0x1p-21 * std::fabs(want), 0x1p-118);
        ASSERT_LE(std::fabs(static_cast<double>(got[i]) - want), bound)
            << kernel->name << " of " << x[i];
      }
    }
  }
}

TEST(Unary, InPlaceAndUnalignedGiveTheSameBits) {
  const auto x = random_floats(1003, "x", -9.0F, 9.0F);
  for (const UnaryKernel* kernel : unary_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const Activation& activation : all_activations()) {
      GuardedOutput y(1002);
      run_all_tasks(*kernel, UnaryShape{1002}, UnaryArguments{x.data() + 1, y.data(), activation});
      std::vector<float> place = x;
      run_all_tasks(*kernel, UnaryShape{1002},
                    UnaryArguments{place.data() + 1, place.data() + 1, activation});
      place.erase(place.begin());
      EXPECT_TRUE(same_bits(y.values(), place)) << kernel->name;
    }
  }
}

TEST(Unary, NanStaysNanAndInfinitiesSaturate) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {std::nanf(""), -kInfinity, kInfinity, std::nanf(""), std::nanf(""),
                                -kInfinity,    kInfinity,  -200.0F,   200.0F};
  for (const UnaryKernel* kernel : unary_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const Activation& activation : all_activations()) {
      SCOPED_TRACE(
          fmt::format("{} activation {}", kernel->name, static_cast<int>(activation.kind)));
      GuardedOutput y(static_cast<std::int64_t>(x.size()));
      run_all_tasks(*kernel, UnaryShape{static_cast<std::int64_t>(x.size())},
                    UnaryArguments{x.data(), y.data(), activation});
      const auto got = y.values();
      for (const std::size_t nan : {0U, 3U, 4U}) EXPECT_TRUE(std::isnan(got[nan])) << nan;
      if (activation.kind == ActivationKind::kRelu) {
        EXPECT_EQ(got[1], 0.0F);
        EXPECT_EQ(got[2], kInfinity);
      }
      if (activation.kind == ActivationKind::kSigmoid) {
        EXPECT_NEAR(got[1], 0.0F, 1e-30F);
        EXPECT_EQ(got[2], 1.0F);
      }
    }
  }
}

/// Row-major strides of `shape` aligned to `rank` axes at the end, 0 along axes of extent 1.
Shape broadcast_strides_of(const Shape& shape, const Shape& target) {
  Shape strides;
  const Shape own = shape.strides();
  for (std::size_t axis = 0; axis < target.rank(); ++axis) {
    const std::size_t offset = target.rank() - shape.rank();
    const bool is_repeated = axis < offset || shape[axis - offset] == 1;
    strides.push_back(is_repeated ? 0 : own[axis - offset]);
  }
  return strides;
}

void check_binary(const BinaryShape& shape, std::int64_t count) {
  const auto a = random_floats(20000, "a", 0.5F, 2.0F);
  const auto b = random_floats(20000, "b", 0.5F, 2.0F);
  for (const BinaryKernel* kernel : binary_kernels()) {
    if (kernel->isa > best_isa()) continue;
    if (kernel->refuse != nullptr && !kernel->refuse(shape).empty()) continue;
    for (const ActivationKind kind : {ActivationKind::kNone, ActivationKind::kRelu}) {
      const Activation activation{kind, 0.0F, 0.0F};
      std::vector<float> want(static_cast<std::size_t>(count));
      binary_reference(shape, {a.data(), b.data(), want.data(), activation});
      GuardedOutput y(count);
      run_all_tasks(*kernel, shape, BinaryArguments{a.data(), b.data(), y.data(), activation});
      EXPECT_TRUE(y.guards_intact()) << kernel->name;
      EXPECT_TRUE(same_bits(y.values(), want)) << kernel->name;
    }
  }
}

TEST(Binary, EveryVariantMatchesTheReferenceUnderBroadcasting) {
  const Shape target{2, 3, 5, 7};
  const std::vector<Shape> operands = {{2, 3, 5, 7}, {3, 1, 1},    {1, 3, 1, 1}, {7},         {1},
                                       {},           {2, 1, 5, 1}, {5, 7},       {2, 3, 1, 1}};
  for (const BinaryOp op :
       {BinaryOp::kAdd, BinaryOp::kSubtract, BinaryOp::kMultiply, BinaryOp::kDivide}) {
    for (const Shape& other : operands) {
      SCOPED_TRACE(other.to_string());
      const Shape strides = broadcast_strides_of(other, target);
      check_binary(binary_shape(op, target, target.strides(), strides, target.strides()), 210);
      check_binary(binary_shape(op, target, strides, target.strides(), target.strides()), 210);
      // The output channels-last: its channel axis has stride 1.
      const Shape last{105, 1, 21, 3};
      check_binary(binary_shape(op, target, last, strides, last), 210);
    }
  }
}

TEST(Binary, EveryTailOfARowAndEveryActivation) {
  const auto a = random_floats(4000, "a", -4.0F, 4.0F);
  const auto b = random_floats(4000, "b", 0.5F, 2.0F);
  for (std::int64_t inner = 1; inner <= 35; ++inner) {
    const Shape target{3, inner};
    for (const Shape& strides : {Shape{inner, 1}, Shape{0, 1}, Shape{1, 0}, Shape{0, 0}}) {
      const BinaryShape shape =
          binary_shape(BinaryOp::kMultiply, target, target.strides(), strides, target.strides());
      for (const Activation& activation : all_activations()) {
        std::vector<float> want(static_cast<std::size_t>(3 * inner));
        binary_reference(shape, {a.data(), b.data(), want.data(), activation});
        std::vector<float> scale = magnitudes(want);
        for (float& value : scale) value += 1.0F;
        for (const BinaryKernel* kernel : binary_kernels()) {
          if (kernel->isa > best_isa()) continue;
          if (kernel->refuse != nullptr && !kernel->refuse(shape).empty()) continue;
          GuardedOutput y(3 * inner);
          run_all_tasks(*kernel, shape, BinaryArguments{a.data(), b.data(), y.data(), activation});
          EXPECT_TRUE(y.guards_intact()) << kernel->name;
          EXPECT_EQ(first_difference(y.values(), want, scale, 0x1p-20), "") << kernel->name;
        }
      }
    }
  }
}

TEST(Binary, LongRowsAreCutAndStayWhole) {
  const Shape target{17000};
  check_binary(binary_shape(BinaryOp::kAdd, target, {1}, {1}, {1}), 17000);
  check_binary(binary_shape(BinaryOp::kSubtract, target, {1}, {0}, {1}), 17000);
}

TEST(Binary, ShapesMergeNeighbouringAxes) {
  const Shape target{2, 3, 5, 7};
  const auto dense =
      binary_shape(BinaryOp::kAdd, target, target.strides(), target.strides(), target.strides());
  EXPECT_EQ(dense.rank, 1U);
  EXPECT_EQ(dense.extent[0], 210);
  const auto per_channel =
      binary_shape(BinaryOp::kAdd, target, target.strides(), {0, 1, 0, 0}, target.strides());
  EXPECT_EQ(per_channel.rank, 3U);
  EXPECT_EQ(per_channel.extent[2], 35);
  const auto scalar = binary_shape(BinaryOp::kAdd, {}, {}, {}, {});
  EXPECT_EQ(scalar.rank, 1U);
  EXPECT_EQ(scalar.extent[0], 1);
}

TEST(Affine, EveryVariantMatchesTheReference) {
  for (const AffineKernel* kernel : affine_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const AffineShape& shape :
         {AffineShape{3, 5, 7}, AffineShape{10, 19, 1}, AffineShape{1, 2, 20000},
          AffineShape{2, 1, 1}, AffineShape{40000, 3, 1}, AffineShape{7, 33, 1},
          AffineShape{2, 5, 31}, AffineShape{1, 1, 16}}) {
      const std::int64_t count = shape.outer * shape.channels * shape.inner;
      const auto x = random_floats(count, "x");
      const auto scale = random_floats(shape.channels, "scale");
      const auto shift = random_floats(shape.channels, "shift");
      AffineArguments arguments{x.data(), scale.data(), shift.data(), nullptr, {}};
      for (const Activation& activation : all_activations()) {
        arguments.activation = activation;
        std::vector<float> want(static_cast<std::size_t>(count));
        arguments.y = want.data();
        affine_reference(shape, arguments);
        GuardedOutput y(count);
        arguments.y = y.data();
        run_all_tasks(*kernel, shape, arguments);
        EXPECT_TRUE(y.guards_intact());
        EXPECT_EQ(
            first_difference(y.values(), want, std::vector<float>(want.size(), 1.0F), 0x1p-21), "")
            << kernel->name << " activation " << static_cast<int>(activation.kind);
      }
    }
  }
}

std::vector<std::byte> counting_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  return bytes;
}

TEST(Copy, EveryVariantMovesEveryElementSize) {
  const Shape extents{2, 3, 4, 5};
  const Shape plain = extents.strides();
  const Shape channels_last{60, 1, 15, 3};
  const Shape slice{240, 20, 5, 1};  // into a target twice as wide
  for (const CopyKernel* kernel : copy_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const std::size_t bytes : {1U, 2U, 4U, 8U}) {
      for (const auto& [from, to] : {std::pair{plain, channels_last},
                                     {channels_last, plain},
                                     {plain, plain},
                                     {plain, slice},
                                     {channels_last, slice}}) {
        const CopyShape shape = copy_shape(bytes, extents, from, to);
        if (kernel->refuse != nullptr && !kernel->refuse(shape).empty()) continue;
        const auto source = counting_bytes(120 * bytes);
        std::vector<std::byte> want(480 * bytes);
        std::vector<std::byte> got(480 * bytes);
        copy_reference(shape, {source.data(), want.data()});
        run_all_tasks(*kernel, shape, CopyArguments{source.data(), got.data()});
        EXPECT_EQ(got, want) << kernel->name << " " << bytes;
      }
    }
  }
}

TEST(Copy, TranspositionsOfEverySizeAroundABlock) {
  for (const std::int64_t pixels : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 50, 1200}) {
    for (const std::int64_t channels : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40}) {
      // Two images; the target's pixels stand one element further apart than they need.
      const Shape extents{2, channels, pixels};
      const Shape plain = extents.strides();
      const Shape last{pixels * (channels + 1), 1, channels + 1};
      for (const bool to_last : {true, false}) {
        const CopyShape shape =
            copy_shape(4, extents, to_last ? plain : last, to_last ? last : plain);
        const auto source = random_floats(2 * pixels * (channels + 1), "x");
        const auto floats = static_cast<std::int64_t>(source.size());
        const auto* from = reinterpret_cast<const std::byte*>(source.data());
        GuardedOutput want(floats);
        copy_reference(shape, {from, reinterpret_cast<std::byte*>(want.data())});
        for (const CopyKernel* kernel : copy_kernels()) {
          if (kernel->isa > best_isa()) continue;
          if (kernel->refuse != nullptr && !kernel->refuse(shape).empty()) continue;
          GuardedOutput got(floats);
          run_all_tasks(*kernel, shape,
                        CopyArguments{from, reinterpret_cast<std::byte*>(got.data())});
          EXPECT_TRUE(got.guards_intact());
          EXPECT_TRUE(same_bits(got.values(), want.values()))
              << kernel->name << " " << pixels << "x" << channels << " " << to_last;
        }
      }
    }
  }
}

#if defined(__x86_64__)
TEST(Copy, LayoutConversionsAreTranspositions) {
  const Shape extents{2, 40, 7, 7};
  const Shape last{40 * 49, 1, 40 * 7, 40};
  for (const auto& [from, to] :
       {std::pair{extents.strides(), last}, std::pair{last, extents.strides()}}) {
    const CopyShape shape = copy_shape(4, extents, from, to);
    EXPECT_EQ(select_copy(shape, Isa::kAvx512).kernel->name, "avx512_copy_transpose");
    EXPECT_EQ(select_copy(shape, Isa::kAvx2).kernel->name, "avx2_copy_transpose");
  }
}
#endif

TEST(Copy, ADenseCopyIsOneRow) {
  const Shape extents{2, 3, 4, 5};
  const CopyShape shape = copy_shape(4, extents, extents.strides(), extents.strides());
  EXPECT_EQ(shape.rank, 1U);
  EXPECT_EQ(shape.extent[0], 120);
  EXPECT_EQ(select_copy(shape, Isa::kGeneric).kernel->name, "generic_copy_rows");
}

TEST(Pad, EveryVariantMatchesTheReferenceWithCropsToo) {
  for (const PadKernel* kernel : pad_kernels()) {
    for (const std::int64_t before : {-1, 0, 2}) {
      for (const std::int64_t after : {-2, 0, 1}) {
        PadShape shape;
        shape.element_bytes = 4;
        shape.rank = 3;
        shape.from_extent = {3, 4, 5};
        shape.before = {before, 1, before};
        for (std::size_t axis = 0; axis < 3; ++axis) {
          shape.to_extent[axis] = shape.from_extent[axis] + shape.before[axis] + after;
        }
        const float value = -7.5F;
        std::memcpy(shape.value.data(), &value, sizeof(value));
        if (kernel->refuse != nullptr && !kernel->refuse(shape).empty()) continue;
        const auto x = random_floats(60, "x");
        const std::int64_t count = shape.to_extent[0] * shape.to_extent[1] * shape.to_extent[2];
        std::vector<float> want(static_cast<std::size_t>(count));
        const auto* from = reinterpret_cast<const std::byte*>(x.data());
        pad_reference(shape, {from, reinterpret_cast<std::byte*>(want.data())});
        GuardedOutput y(count);
        run_all_tasks(*kernel, shape, PadArguments{from, reinterpret_cast<std::byte*>(y.data())});
        EXPECT_TRUE(y.guards_intact());
        EXPECT_TRUE(same_bits(y.values(), want)) << before << " " << after;
      }
    }
  }
}

}  // namespace
}  // namespace lode::engine
