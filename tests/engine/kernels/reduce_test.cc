// Mean, softmax and local response normalisation against their references.
#include "engine/kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include "engine/kernels/gemm/gemm.h"
#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {
namespace {

const std::vector<ReduceShape>& shapes() {
  static const std::vector<ReduceShape> kShapes = [] {
    std::vector<ReduceShape> all = {{1, 1, 1},   {2, 49, 19},  {3, 49, 1}, {1, 1000, 1}, {2, 3, 4},
                                    {1, 7, 257}, {2, 49, 513}, {4, 1, 6},  {1, 49, 1280}};
    for (std::int64_t i = 1; i <= 70; ++i) {
      all.push_back({2, i, 1});
      all.push_back({2, 5, i});
    }
    return all;
  }();
  return kShapes;
}

template <typename AnyShape>
bool takes(const Kernel<AnyShape, ReduceArguments>& kernel, const AnyShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

TEST(Mean, EveryVariantMatchesTheReference) {
  for (const ReduceKernel* kernel : mean_kernels()) {
    for (const ReduceShape& shape : shapes()) {
      if (!takes(*kernel, shape)) continue;
      SCOPED_TRACE(fmt::format("{} {}x{}x{}", kernel->name, shape.outer, shape.count, shape.inner));
      const auto x = random_floats(shape.outer * shape.count * shape.inner, "x");
      std::vector<float> want(static_cast<std::size_t>(shape.outer * shape.inner));
      mean_reference(shape, {x.data(), want.data()});
      GuardedOutput y(shape.outer * shape.inner);
      run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
      EXPECT_TRUE(y.guards_intact());
      EXPECT_EQ(first_difference(y.values(), want, std::vector<float>(want.size(), 1.0F),
                                 gemm_tolerance(shape.count)),
                "");
    }
  }
}

TEST(Softmax, EveryVariantMatchesTheReference) {
  for (const ReduceKernel* kernel : softmax_kernels()) {
    for (const ReduceShape& shape : shapes()) {
      if (!takes(*kernel, shape)) continue;
      SCOPED_TRACE(fmt::format("{} {}x{}x{}", kernel->name, shape.outer, shape.count, shape.inner));
      const std::int64_t count = shape.outer * shape.count * shape.inner;
      const auto x = random_floats(count, "x", -12.0F, 12.0F);
      std::vector<float> want(x.size());
      softmax_reference(shape, {x.data(), want.data()});
      GuardedOutput y(count);
      run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
      EXPECT_TRUE(y.guards_intact());
      EXPECT_EQ(first_difference(y.values(), want, want, gemm_tolerance(shape.count) + 0x1p-20),
                "");
    }
  }
}

TEST(Softmax, MinusInfinityIsNothingAndNanIsNan) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const ReduceKernel* kernel : softmax_kernels()) {
    for (const std::int64_t inner : {1, 3}) {
      const ReduceShape shape{1, 20, inner};
      if (!takes(*kernel, shape)) continue;
      auto x = random_floats(20 * inner, "x");
      x[static_cast<std::size_t>(7 * inner)] = -infinity;
      std::vector<float> y(x.size());
      run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
      EXPECT_EQ(y[static_cast<std::size_t>(7 * inner)], 0.0F) << kernel->name;
      x[static_cast<std::size_t>(3 * inner)] = std::nanf("");
      run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
      for (std::int64_t k = 0; k < 20; ++k) {
        EXPECT_TRUE(std::isnan(y[static_cast<std::size_t>(k * inner)])) << kernel->name;
      }
    }
  }
}

TEST(Softmax, LargeInputsDoNotOverflow) {
  const std::vector<float> x = {1000.0F, 1000.0F, -1000.0F};
  for (const ReduceKernel* kernel : softmax_kernels()) {
    if (!takes(*kernel, {1, 3, 1})) continue;
    std::vector<float> y(3);
    run_all_tasks(*kernel, ReduceShape{1, 3, 1}, ReduceArguments{x.data(), y.data()});
    EXPECT_EQ(y, (std::vector<float>{0.5F, 0.5F, 0.0F}));
  }
}

TEST(Lrn, EveryVariantMatchesTheReference) {
  std::vector<LrnShape> lrn_shapes;
  for (const std::int64_t size : {1, 2, 3, 5, 40}) {
    for (const float beta : {0.75F, 0.5F}) {
      lrn_shapes.push_back({37, 9, size, 0.3F, beta, 1.5F});
    }
  }
  lrn_shapes.push_back({1, 1, 5, 1e-4F, 0.75F, 1.0F});
  for (const LrnKernel* kernel : lrn_kernels()) {
    for (const LrnShape& shape : lrn_shapes) {
      if (!takes(*kernel, shape)) continue;
      SCOPED_TRACE(fmt::format("{} size {} beta {}", kernel->name, shape.size, shape.beta));
      const auto x = random_floats(shape.pixels * shape.channels, "x", -4.0F, 4.0F);
      std::vector<float> want(x.size());
      lrn_reference(shape, {x.data(), want.data()});
      GuardedOutput y(shape.pixels * shape.channels);
      run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
      EXPECT_TRUE(y.guards_intact());
      EXPECT_EQ(first_difference(y.values(), want, want, gemm_tolerance(shape.size) + 0x1p-20), "");
    }
  }
}

}  // namespace
}  // namespace lode::engine
