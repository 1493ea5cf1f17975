// Every pooling variant against the reference.
#include "engine/kernels/pool/pool.h"

#include <gtest/gtest.h>

#include "engine/kernels/gemm/gemm.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {
namespace {

PoolShape square(PoolKind kind, std::int64_t size, std::int64_t channels, std::int64_t kernel,
                 std::int64_t stride, std::int64_t pad, std::int64_t dilation = 1) {
  PoolShape shape;
  shape.kind = kind;
  shape.batch = 2;
  shape.in_h = shape.in_w = size;
  shape.channels = channels;
  shape.kernel_h = shape.kernel_w = kernel;
  shape.stride_h = shape.stride_w = stride;
  shape.dilation_h = shape.dilation_w = dilation;
  shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = pad;
  shape.out_h = shape.out_w = (size + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  return shape;
}

std::vector<PoolShape> shapes() {
  std::vector<PoolShape> all;
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage, PoolKind::kAveragePadded}) {
    for (const std::int64_t channels : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 33, 64}) {
      all.push_back(square(kind, 7, channels, 3, 2, 1));
      all.push_back(square(kind, 8, channels, 2, 2, 0));
      all.push_back(square(kind, 5, channels, 3, 1, 1));
      all.push_back(square(kind, 14, channels, 5, 3, 2));
    }
    all.push_back(square(kind, 9, 6, 3, 1, 2, 2));
    // ceil_mode: a last row and column whose windows reach behind input and padding.
    PoolShape ceil = square(kind, 8, 6, 3, 2, 1);
    ++ceil.out_h;
    ++ceil.out_w;
    all.push_back(ceil);
    PoolShape lopsided = square(kind, 6, 6, 3, 1, 0);
    lopsided.pad_top = 2;
    lopsided.pad_right = 1;
    lopsided.out_h += 2;
    lopsided.out_w += 1;
    all.push_back(lopsided);
  }
  return all;
}

TEST(Pool, EveryVariantMatchesTheReference) {
  for (const PoolKernel* kernel : pool_kernels()) {
    for (const PoolShape& shape : shapes()) {
      if (kernel->isa > best_isa()) continue;
      if (kernel->refuse != nullptr && !kernel->refuse(shape).empty()) continue;
      SCOPED_TRACE(fmt::format("{} kind {} size {} channels {} kernel {}", kernel->name,
                               static_cast<int>(shape.kind), shape.in_h, shape.channels,
                               shape.kernel_h));
      const auto x = random_floats(shape.batch * shape.in_h * shape.in_w * shape.channels, "x");
      const std::int64_t count = shape.batch * shape.out_h * shape.out_w * shape.channels;
      std::vector<float> want(static_cast<std::size_t>(count));
      pool_reference(shape, x.data(), want.data());
      GuardedOutput y(count);
      run_all_tasks(*kernel, shape, PoolArguments{x.data(), y.data()});
      EXPECT_TRUE(y.guards_intact());
      const std::vector<float> scale(want.size(), 1.0F);
      const double tolerance =
          shape.kind == PoolKind::kMax ? 0.0 : gemm_tolerance(shape.kernel_h * shape.kernel_w);
      EXPECT_EQ(first_difference(y.values(), want, scale, tolerance), "");
    }
  }
}

TEST(Pool, ANanInTheWindowIsTheMaximum) {
  for (const PoolKernel* kernel : pool_kernels()) {
    if (kernel->isa > best_isa()) continue;
    for (const std::int64_t channels : {1, 3, 4, 7, 16, 37}) {
      PoolShape shape = square(PoolKind::kMax, 3, channels, 3, 1, 0);
      shape.batch = 1;
      for (std::int64_t at = 0; at < 9; ++at) {
        SCOPED_TRACE(fmt::format("{} {} channels, NaN at {}", kernel->name, channels, at));
        auto x = random_floats(9 * channels, "x");
        for (std::int64_t c = 0; c < channels; c += 2) {
          x[static_cast<std::size_t>(at * channels + c)] = std::nanf("");
        }
        GuardedOutput y(channels);
        run_all_tasks(*kernel, shape, PoolArguments{x.data(), y.data()});
        std::vector<float> reference(static_cast<std::size_t>(channels));
        pool_reference(shape, x.data(), reference.data());
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto index = static_cast<std::size_t>(c);
          EXPECT_EQ(std::isnan(y.values()[index]), c % 2 == 0) << c;
          EXPECT_EQ(std::isnan(reference[index]), c % 2 == 0) << c;
        }
      }
    }
  }
}

TEST(Pool, TheReferenceCountsAsOnnxDoes) {
  // 2x2 input, 3x3 window in the corner: 4 cells inside, 9 with padding.
  const std::vector<float> x = {1, 2, 3, 6};
  PoolShape shape = square(PoolKind::kAverage, 2, 1, 3, 1, 1);
  shape.batch = 1;
  std::vector<float> y(4);
  pool_reference(shape, x.data(), y.data());
  EXPECT_EQ(y[0], 3.0F);
  shape.kind = PoolKind::kAveragePadded;
  pool_reference(shape, x.data(), y.data());
  EXPECT_NEAR(y[0], 12.0F / 9.0F, 1e-6F);
  shape.kind = PoolKind::kMax;
  pool_reference(shape, x.data(), y.data());
  EXPECT_EQ(y, (std::vector<float>{6, 6, 6, 6}));
}

}  // namespace
}  // namespace lode::engine
