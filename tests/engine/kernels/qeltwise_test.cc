// Elementwise kernels and pooling on bytes: hand-computed cases, then every variant to the last
// bit.
#include "engine/kernels/qeltwise/qeltwise.h"

#include <gtest/gtest.h>

#include "engine/kernels/qpool/qpool.h"
#include "tests/engine/kernels/bytes_runner.h"

namespace lode::engine {
namespace {

template <typename AnyKernel, typename AnyShape>
bool can_run(const AnyKernel& kernel, const AnyShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

const std::vector<Activation>& activations_on_bytes() {
  static const std::vector<Activation> kAll = [] {
    std::vector<Activation> all;
    for (const Activation& each : all_activations()) {
      if (each.kind != ActivationKind::kSigmoid && each.kind != ActivationKind::kSilu) {
        all.push_back(each);
      }
    }
    return all;
  }();
  return kAll;
}

// ---- binary

TEST(QBinaryReference, ByHand) {
  const std::vector<std::uint8_t> a = {10, 20, 255};
  const std::vector<std::uint8_t> b = {5, 7, 255};
  std::vector<std::uint8_t> y(3);
  QBinaryArguments arguments;
  arguments.a = a.data();
  arguments.b = b.data();
  arguments.y = y.data();
  arguments.a_scale = {0.5F, 10};
  arguments.b_scale = {1.0F, 4};
  arguments.y_scale = {2.0F, 3};
  const Shape three{3};
  const auto shape = [&](BinaryOp op) {
    return binary_shape(op, three, three.strides(), three.strides(), three.strides());
  };
  qbinary_reference(shape(BinaryOp::kAdd), arguments);
  // (0 + 1) / 2 = 0.5 to 0; (5 + 3) / 2 = 4; (122.5 + 251) / 2 = 186.75.
  EXPECT_EQ(y, (std::vector<std::uint8_t>{3, 7, 190}));
  qbinary_reference(shape(BinaryOp::kMultiply), arguments);
  // 0; 5 * 3 / 2 = 7.5 to 8; beyond 255.
  EXPECT_EQ(y, (std::vector<std::uint8_t>{3, 11, 255}));
}

void check_binary(const BinaryShape& shape, std::int64_t count, const Activation& activation) {
  const auto a = random_bytes(count, "a");
  const auto b = random_bytes(count, "b");
  QBinaryArguments arguments;
  arguments.a = a.data();
  arguments.b = b.data();
  arguments.a_scale = {0.02F, 120};
  arguments.b_scale = {0.013F, 9};
  arguments.y_scale = {0.027F, 77};
  arguments.activation = activation;
  GuardedBytes want(count);
  arguments.y = want.data();
  qbinary_reference(shape, arguments);
  for (const QBinaryKernel* kernel : qbinary_kernels()) {
    if (!can_run(*kernel, shape)) continue;
    GuardedBytes got(count);
    arguments.y = got.data();
    run_all_tasks(*kernel, shape, arguments);
    ASSERT_EQ(first_unequal(got.values(), want.values()), "") << kernel->name;
    ASSERT_TRUE(got.guards_intact());
  }
}

TEST(QBinary, DenseAndBroadcast) {
  for (const BinaryOp op : {BinaryOp::kAdd, BinaryOp::kMultiply}) {
    for (std::int64_t channels = 1; channels <= 150; channels += channels < 70 ? 1 : 9) {
      const Shape extents{2, 6, channels};
      const Shape dense = extents.strides();
      const std::int64_t count = extents.element_count();
      check_binary(binary_shape(op, extents, dense, dense, dense), count, {});
      check_binary(binary_shape(op, extents, dense, {channels, 0, 1}, dense), count, {});
      check_binary(binary_shape(op, extents, {channels, 0, 1}, dense, dense), count, {});
      check_binary(binary_shape(op, extents, dense, {6, 1, 0}, dense), count, {});
      check_binary(binary_shape(op, extents, dense, {0, 0, 0}, dense), count, {});
      check_binary(binary_shape(op, extents, {0, 1, 6}, dense, dense), count, {});
    }
    for (const Activation& activation : activations_on_bytes()) {
      const Shape extents{3, 50};
      const Shape dense = extents.strides();
      check_binary(binary_shape(op, extents, dense, dense, dense), 150, activation);
    }
    const Shape large{70, 1000};
    check_binary(binary_shape(op, large, large.strides(), large.strides(), large.strides()), 70000,
                 {});
  }
}

// ---- copies

struct Copied {
  QCopyShape shape;
  std::vector<std::uint8_t> x;
  std::int64_t bytes;

  Copied(std::int64_t rows, std::int64_t columns, std::int64_t x_more, std::int64_t y_more)
      : x(random_bytes((rows - 1) * (columns + x_more) + columns, "x")),
        bytes(rows * (columns + y_more)) {
    shape.rows = rows;
    shape.columns = columns;
    if (x_more > 0) shape.x_stride = columns + x_more;
    if (y_more > 0) shape.y_stride = columns + y_more;
  }
};

std::vector<Copied> copies() {
  std::vector<Copied> all;
  for (std::int64_t columns = 1; columns <= 150; columns += columns < 70 ? 1 : 9) {
    all.emplace_back(3, columns, 0, 0);
    all.emplace_back(3, columns, 7, 0);
    all.emplace_back(3, columns, 0, 9);
  }
  all.emplace_back(40, 1000, 0, 0);
  all.emplace_back(3, 20000, 1, 2);
  return all;
}

TEST(Requantise, EveryVariant) {
  const std::vector<std::uint8_t> three = {10, 14, 200};
  std::vector<std::uint8_t> by_hand(3);
  QCopyShape small;
  small.columns = 3;
  requantise_reference(small, {three.data(), by_hand.data(), {1.0F, 10}, {8.0F, 2}, {}});
  EXPECT_EQ(by_hand, (std::vector<std::uint8_t>{2, 2, 26}));  // 0, 0.5, 23.75
  for (const Activation& activation : activations_on_bytes()) {
    for (const Copied& each : copies()) {
      RequantiseArguments arguments{each.x.data(), nullptr, {0.02F, 120}, {0.031F, 88}, activation};
      GuardedBytes want(each.bytes);
      arguments.y = want.data();
      requantise_reference(each.shape, arguments);
      for (const RequantiseKernel* kernel : requantise_kernels()) {
        if (!can_run(*kernel, each.shape)) continue;
        GuardedBytes got(each.bytes);
        arguments.y = got.data();
        run_all_tasks(*kernel, each.shape, arguments);
        ASSERT_EQ(first_unequal(got.values(), want.values()), "") << kernel->name;
        ASSERT_TRUE(got.guards_intact());
      }
    }
  }
}

TEST(QTable, EveryVariant) {
  const auto table = random_bytes(256, "table");
  for (const Copied& each : copies()) {
    GuardedBytes want(each.bytes);
    qtable_reference(each.shape, {each.x.data(), want.data(), table.data()});
    EXPECT_EQ(want.data()[0], table[each.x[0]]);
    for (const QTableKernel* kernel : qtable_kernels()) {
      if (!can_run(*kernel, each.shape)) continue;
      GuardedBytes got(each.bytes);
      run_all_tasks(*kernel, each.shape, QTableArguments{each.x.data(), got.data(), table.data()});
      ASSERT_EQ(first_unequal(got.values(), want.values()), "") << kernel->name;
      ASSERT_TRUE(got.guards_intact());
    }
  }
}

// ---- pooling

PoolShape pool_shape(PoolKind kind, std::int64_t size, std::int64_t channels, std::int64_t kernel,
                     std::int64_t stride, std::int64_t pad) {
  PoolShape shape;
  shape.kind = kind;
  shape.batch = 2;
  shape.in_h = shape.in_w = size;
  shape.channels = channels;
  shape.kernel_h = shape.kernel_w = kernel;
  shape.stride_h = shape.stride_w = stride;
  shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = pad;
  shape.out_h = shape.out_w = (size + 2 * pad - kernel) / stride + 1;
  return shape;
}

TEST(QPoolReference, ByHand) {
  const std::vector<std::uint8_t> x = {10, 20, 30, 41};
  PoolShape shape = pool_shape(PoolKind::kAverage, 2, 1, 2, 1, 0);
  shape.batch = 1;
  std::uint8_t y = 0;
  qpool_reference(shape, {x.data(), &y, {2.0F, 10}, {4.0F, 1}});
  EXPECT_EQ(y, 9);  // (0 + 10 + 20 + 31) / 4 * 2 / 4 = 7.625
  shape.kind = PoolKind::kMax;
  qpool_reference(shape, {x.data(), &y, {}, {}});
  EXPECT_EQ(y, 41);
}

void check_pool(const PoolShape& shape) {
  const auto x = random_bytes(shape.batch * shape.in_h * shape.in_w * shape.channels, "pool");
  const std::int64_t bytes = shape.batch * shape.out_h * shape.out_w * shape.channels;
  QPoolArguments arguments{x.data(), nullptr, {0.03F, 101}, {0.0197F, 87}};
  GuardedBytes want(bytes);
  arguments.y = want.data();
  qpool_reference(shape, arguments);
  for (const QPoolKernel* kernel : qpool_kernels()) {
    if (!can_run(*kernel, shape)) continue;
    GuardedBytes got(bytes);
    arguments.y = got.data();
    run_all_tasks(*kernel, shape, arguments);
    ASSERT_EQ(first_unequal(got.values(), want.values()), "")
        << kernel->name << " " << shape.channels;
    ASSERT_TRUE(got.guards_intact());
  }
}

TEST(QPool, WindowsAndChannels) {
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage, PoolKind::kAveragePadded}) {
    for (std::int64_t channels = 1; channels <= 150; channels += channels < 70 ? 1 : 9) {
      check_pool(pool_shape(kind, 7, channels, 3, 2, 1));
      check_pool(pool_shape(kind, 6, channels, 2, 2, 0));
      check_pool(pool_shape(kind, 7, channels, 7, 1, 0));
    }
    PoolShape shape = pool_shape(kind, 9, 40, 3, 1, 2);
    shape.dilation_h = shape.dilation_w = 2;
    shape.out_h = shape.out_w = 9;
    check_pool(shape);
    check_pool(pool_shape(kind, 5, 20, 3, 1, 3));  // windows wholly in the padding
    check_pool(pool_shape(kind, 40, 24, 40, 1, 0));
  }
}

}  // namespace
}  // namespace lode::engine
