// Every matrix product variant against the reference, on both sides of every tile and block edge.
#include "engine/kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include "tests/engine/kernels/kernel_runner.h"

namespace lode::engine {
namespace {

struct Case {
  std::vector<float> x;
  std::vector<float> w;
  std::vector<float> bias;

  explicit Case(const GemmShape& shape)
      : x(random_floats(shape.m * shape.k, "x")),
        w(random_floats(shape.k * shape.n, "w")),
        bias(random_floats(shape.n, "bias")) {}
  [[nodiscard]] GemmWeights plain(const GemmShape& shape) const {
    return {w.data(), shape.n, 1, bias.data()};
  }
};

std::vector<float> reference(const GemmShape& shape, const Case& data, const GemmWeights& weights) {
  std::vector<float> y(static_cast<std::size_t>(shape.m * shape.n));
  gemm_reference(shape, weights, data.x.data(), Activation{}, y.data());
  return y;
}

std::vector<float> scale_of(const GemmShape& shape, Case data) {
  data.x = magnitudes(data.x);
  data.w = magnitudes(data.w);
  data.bias = magnitudes(data.bias);
  return reference(shape, data, data.plain(shape));
}

std::vector<float> run_kernel(const GemmKernel& kernel, const GemmShape& shape, const float* x,
                              const GemmWeights& weights) {
  const AlignedFloats packed = pack_weights(kernel, shape, weights);
  GuardedOutput y(shape.m * shape.n);
  GemmArguments arguments;
  arguments.x = x;
  arguments.packed = packed.data();
  arguments.y = y.data();
  run_all_tasks(kernel, shape, arguments);
  EXPECT_TRUE(y.guards_intact());
  return y.values();
}

bool takes(const GemmKernel& kernel, const GemmShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

TEST(Gemm, EveryVariantMatchesTheReference) {
  std::vector<GemmShape> shapes = {{1, 1000, 1280}, {3, 10, 513}, {49, 40, 512},
                                   {100, 7, 1025},  {1, 1, 1},    {5, 16, 0}};
  for (const std::int64_t n : {23, 24, 48, 63, 65, 130}) {
    shapes.push_back({7, n, 520});
    shapes.push_back({.m = 50, .n = n, .k = 33, .half_weights = true});
  }
  for (std::int64_t edge = 1; edge <= 17; ++edge) {
    shapes.push_back({edge, 18 - edge, 5});
    shapes.push_back({4, edge, edge});
  }
  for (const GemmKernel* kernel : gemm_kernels()) {
    for (const GemmShape& shape : shapes) {
      if (!takes(*kernel, shape)) continue;
      SCOPED_TRACE(fmt::format("{} {}x{}x{}", kernel->name, shape.m, shape.n, shape.k));
      const Case data(shape);
      const auto got = run_kernel(*kernel, shape, data.x.data(), data.plain(shape));
      EXPECT_EQ(first_difference(got, reference(shape, data, data.plain(shape)),
                                 scale_of(shape, data), gemm_tolerance(shape.k)),
                "");
    }
  }
}

TEST(Gemm, TransposedWeightsAndNoBias) {
  const GemmShape shape{3, 13, 21};
  const Case data(shape);
  std::vector<float> transposed(data.w.size());
  for (std::int64_t i = 0; i < shape.k; ++i) {
    for (std::int64_t j = 0; j < shape.n; ++j) {
      transposed[static_cast<std::size_t>(j * shape.k + i)] =
          data.w[static_cast<std::size_t>(i * shape.n + j)];
    }
  }
  for (const GemmKernel* kernel : gemm_kernels()) {
    if (!takes(*kernel, shape)) continue;
    const GemmWeights plain{data.w.data(), shape.n, 1, nullptr};
    const GemmWeights columns{transposed.data(), 1, shape.k, nullptr};
    EXPECT_TRUE(same_bits(run_kernel(*kernel, shape, data.x.data(), plain),
                          run_kernel(*kernel, shape, data.x.data(), columns)))
        << kernel->name;
  }
}

TEST(Gemm, ARowDoesNotDependOnItsBatch) {
  const GemmShape shape{50, 37, 700};
  const Case data(shape);
  for (const GemmKernel* kernel : gemm_kernels()) {
    if (!takes(*kernel, shape)) continue;
    const auto together = run_kernel(*kernel, shape, data.x.data(), data.plain(shape));
    for (const std::int64_t rows : {1, 2, 3, 5}) {
      std::vector<float> pieces;
      for (std::int64_t row = 0; row < shape.m; row += rows) {
        const GemmShape piece{std::min(rows, shape.m - row), shape.n, shape.k};
        const auto y = run_kernel(*kernel, piece, data.x.data() + row * shape.k, data.plain(shape));
        pieces.insert(pieces.end(), y.begin(), y.end());
      }
      EXPECT_TRUE(same_bits(together, pieces)) << kernel->name << " in batches of " << rows;
    }
  }
}

TEST(Gemm, TheReferenceComputesAKnownProduct) {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6};
  const std::vector<float> w = {1, -1, 0, 2, 3, 1};
  const std::vector<float> bias = {0.5F, -100.0F};
  std::vector<float> y(4);
  gemm_reference({2, 2, 3}, {w.data(), 2, 1, bias.data()}, x.data(),
                 {ActivationKind::kRelu, 0.0F, 0.0F}, y.data());
  EXPECT_EQ(y, (std::vector<float>{10.5F, 0.0F, 22.5F, 0.0F}));
}

}  // namespace
}  // namespace lode::engine
