// Fuzzes every kernel of every float family against its reference: the bytes choose family,
// variant, shape and data. A difference beyond the family's tolerance, and a write outside the
// output, is a fault; the sanitizers see reads outside the inputs.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/kernels/dwconv/dwconv.h"
#include "engine/kernels/eltwise/copy.h"
#include "engine/kernels/gemm/gemm.h"
#include "engine/kernels/reduce/reduce.h"
#include "fuzz/kernel_choices.h"

namespace lode::engine {
namespace {

// ---- convolutions

struct ConvData {
  std::vector<float> x;
  std::vector<float> weights;
  std::vector<float> bias;
  std::vector<float> residual;
  std::vector<float> scale;
  std::vector<float> shift;

  ConvArguments arguments(float* y, const Activation& activation) const {
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

Output conv_reference_of(const ConvShape& shape, const ConvData& data, const Activation& activation,
                         std::int64_t floats) {
  Output y = output_of(floats);
  conv_reference(shape, {data.weights.data(), data.bias.data()},
                 data.arguments(y.data(), activation));
  return y;
}

void fuzz_conv(Bytes& bytes, bool is_depthwise) {
  const ConvShape shape = conv_shape(bytes, is_depthwise);
  if (shape.out_h == 0 || shape.out_w == 0) return;
  const ConvKernel* kernel = choose(bytes, is_depthwise ? dwconv_kernels() : conv_kernels(), shape);
  if (kernel == nullptr) return;
  const Activation activation = bytes.activation();
  ConvData data;
  data.x = bytes.floats(shape.batch * shape.in_h * shape.in_w * shape.x_step());
  data.weights = bytes.floats(shape.out_c * shape.depth());
  data.bias = bytes.floats(shape.out_c);
  data.residual = bytes.floats(shape.batch * shape.out_pixels() * shape.residual_step());
  data.scale = bytes.floats(shape.batch * shape.in_c);
  data.shift = bytes.floats(shape.in_c);
  AlignedFloats packed(kernel->packed_floats(shape));
  kernel->pack(shape, {data.weights.data(), data.bias.data()}, packed.data());
  const std::int64_t floats = shape.batch * shape.out_pixels() * shape.y_step();
  Output y = output_of(floats);
  ConvArguments arguments = data.arguments(y.data(), activation);
  arguments.packed = packed.data();
  run_all_tasks(*kernel, shape, arguments);
  ConvData positive = data;
  for (auto* values : {&positive.x, &positive.weights, &positive.bias, &positive.residual,
                       &positive.scale, &positive.shift}) {
    *values = magnitudes(*values);
  }
  Output scale = conv_reference_of(shape, positive, Activation{}, floats);
  if (kernel->error_growth > 1.0) {
    // A transform spreads the errors of large inputs over the whole of its tile.
    float greatest = 0.0F;
    for (const float value : scale) greatest = std::fmax(greatest, value);
    std::fill(scale.begin(), scale.end(), greatest);
  }
  check(y, conv_reference_of(shape, data, activation, floats), scale,
        1.5 * kernel->error_growth * gemm_tolerance(shape.depth()) + 0x1p-20);
}

// ---- products

void fuzz_gemm(Bytes& bytes) {
  GemmShape shape;
  shape.m = bytes.between(1, 40);
  shape.n = bytes.between(1, 140);
  shape.k = bytes.between(1, 200);
  shape.half_weights = bytes.flag();
  shape.workers = bytes.between(0, 4);
  const GemmKernel* kernel = choose(bytes, gemm_kernels(), shape);
  if (kernel == nullptr) return;
  const Activation activation = bytes.activation();
  const auto x = bytes.floats(shape.m * shape.k);
  const auto w = bytes.floats(shape.k * shape.n);
  const auto bias = bytes.floats(shape.n);
  const bool is_transposed = bytes.flag();
  GemmWeights weights{w.data(), is_transposed ? 1 : shape.n, is_transposed ? shape.k : 1,
                      bias.data()};
  AlignedFloats packed(kernel->packed_floats(shape));
  kernel->pack(shape, weights, packed.data());
  Output y = output_of(shape.m * shape.n);
  GemmArguments arguments;
  arguments.x = x.data();
  arguments.packed = packed.data();
  arguments.y = y.data();
  arguments.activation = activation;
  run_all_tasks(*kernel, shape, arguments);
  Output want = output_of(shape.m * shape.n);
  gemm_reference(shape, weights, x.data(), activation, want.data());
  const auto positive_x = magnitudes(x);
  const auto positive_w = magnitudes(w);
  const auto positive_bias = magnitudes(bias);
  weights.data = positive_w.data();
  weights.bias = positive_bias.data();
  Output scale = output_of(shape.m * shape.n);
  gemm_reference(shape, weights, positive_x.data(), Activation{}, scale.data());
  check(y, want, scale, 1.5 * gemm_tolerance(shape.k) + 0x1p-20);
}

// ---- the rest

void fuzz_pool(Bytes& bytes) {
  const PoolShape shape = pool_shape(bytes);
  const PoolKernel* kernel = choose(bytes, pool_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x = bytes.floats(shape.batch * shape.in_h * shape.in_w * shape.channels);
  const std::int64_t count = shape.batch * shape.out_h * shape.out_w * shape.channels;
  Output y = output_of(count);
  run_all_tasks(*kernel, shape, PoolArguments{x.data(), y.data()});
  Output want = output_of(count);
  pool_reference(shape, x.data(), want.data());
  check(y, want, Output(want.size(), 8.0F), gemm_tolerance(shape.kernel_h * shape.kernel_w));
}

void fuzz_unary(Bytes& bytes) {
  const UnaryShape shape{bytes.between(1, 200)};
  const UnaryKernel* kernel = choose(bytes, unary_kernels(), shape);
  if (kernel == nullptr) return;
  const Activation activation = bytes.activation();
  const auto x = bytes.floats(shape.count);
  Output y = output_of(shape.count);
  run_all_tasks(*kernel, shape, UnaryArguments{x.data(), y.data(), activation});
  Output want = x;
  for (float& value : want) value = apply_activation(activation, value);
  check(y, want, magnitudes(want, 1.0F), 0x1p-20);
}

void fuzz_binary(Bytes& bytes) {
  Shape extents;
  std::int64_t count = 1;
  for (std::int64_t axis = bytes.between(1, 4); axis-- > 0;) {
    extents.push_back(bytes.between(1, 20));
    count *= extents[extents.rank() - 1];
  }
  const auto op = static_cast<BinaryOp>(bytes.between(0, 3));
  const BinaryShape shape = binary_shape(op, extents, some_strides(bytes, extents),
                                         some_strides(bytes, extents), extents.strides());
  const BinaryKernel* kernel = choose(bytes, binary_kernels(), shape);
  if (kernel == nullptr) return;
  const auto a = bytes.floats(count);
  const auto b = magnitudes(bytes.floats(count), 0.5F);
  const Activation activation = bytes.activation();
  Output y = output_of(count);
  run_all_tasks(*kernel, shape, BinaryArguments{a.data(), b.data(), y.data(), activation});
  Output want = output_of(count);
  binary_reference(shape, {a.data(), b.data(), want.data(), activation});
  check(y, want, magnitudes(want, 1.0F), 0x1p-20);
}

void fuzz_affine(Bytes& bytes) {
  const AffineShape shape{bytes.between(1, 20), bytes.between(1, 40),
                          bytes.flag() ? 1 : bytes.between(1, 40)};
  const AffineKernel* kernel = choose(bytes, affine_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x = bytes.floats(shape.outer * shape.channels * shape.inner);
  const auto scale = bytes.floats(shape.channels);
  const auto shift = bytes.floats(shape.channels);
  Output y = output_of(static_cast<std::int64_t>(x.size()));
  AffineArguments arguments{x.data(), scale.data(), shift.data(), y.data(), bytes.activation()};
  run_all_tasks(*kernel, shape, arguments);
  Output want = output_of(static_cast<std::int64_t>(x.size()));
  arguments.y = want.data();
  affine_reference(shape, arguments);
  check(y, want, magnitudes(want, 64.0F), 0x1p-20);
}

void fuzz_copy(Bytes& bytes) {
  Shape extents;
  for (int axis = 0; axis < 3; ++axis) extents.push_back(bytes.between(1, 40));
  // The target's axes in another order, a little further apart than they need to stand.
  std::size_t order[3] = {0, 1, 2};
  std::swap(order[0], order[static_cast<std::size_t>(bytes.between(0, 2))]);
  std::swap(order[1], order[static_cast<std::size_t>(bytes.between(1, 2))]);
  Shape to{0, 0, 0};
  std::int64_t count = 1;
  for (const std::size_t axis : {order[2], order[1], order[0]}) {
    to[axis] = count;
    count *= extents[axis];
    if (axis == order[2]) count += bytes.between(0, 3);
  }
  const std::size_t widths[] = {1, 2, 4, 8};
  const std::size_t width = widths[static_cast<std::size_t>(bytes.between(0, 3))];
  const CopyShape shape = copy_shape(width, extents, extents.strides(), to);
  const CopyKernel* kernel = choose(bytes, copy_kernels(), shape);
  if (kernel == nullptr) return;
  const auto elements = static_cast<std::size_t>(extents.element_count());
  std::vector<std::byte> from(elements * width);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 7 + i / 251);
  std::vector<std::byte> got(static_cast<std::size_t>(count) * width);
  std::vector<std::byte> want(got.size());
  run_all_tasks(*kernel, shape, CopyArguments{from.data(), got.data()});
  copy_reference(shape, {from.data(), want.data()});
  LODE_ASSERT(got == want);
}

void fuzz_reduce(Bytes& bytes) {
  const ReduceShape shape{bytes.between(1, 3), bytes.between(1, 100),
                          bytes.flag() ? 1 : bytes.between(1, 255) * bytes.between(1, 2)};
  const bool is_mean = bytes.flag();
  const ReduceKernel* kernel = choose(bytes, is_mean ? mean_kernels() : softmax_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x = bytes.floats(shape.outer * shape.count * shape.inner);
  const std::int64_t count = shape.outer * shape.inner * (is_mean ? 1 : shape.count);
  Output y = output_of(count);
  run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
  Output want = output_of(count);
  (is_mean ? mean_reference : softmax_reference)(shape, {x.data(), want.data()});
  check(y, want, is_mean ? Output(want.size(), 8.0F) : want, gemm_tolerance(shape.count) + 0x1p-19);
}

void fuzz_lrn(Bytes& bytes) {
  LrnShape shape;
  shape.pixels = bytes.between(1, 70);
  shape.channels = bytes.between(1, 70);
  shape.size = bytes.between(1, 9);
  shape.beta = bytes.flag() ? 0.75F : 0.5F;
  const LrnKernel* kernel = choose(bytes, lrn_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x = bytes.floats(shape.pixels * shape.channels);
  Output y = output_of(shape.pixels * shape.channels);
  run_all_tasks(*kernel, shape, ReduceArguments{x.data(), y.data()});
  Output want = output_of(shape.pixels * shape.channels);
  lrn_reference(shape, {x.data(), want.data()});
  check(y, want, want, gemm_tolerance(shape.size) + 0x1p-20);
}

void fuzz(Bytes& bytes) {
  switch (bytes.between(0, 9)) {
    case 0:
    case 1:
      return fuzz_conv(bytes, false);
    case 2:
      return fuzz_conv(bytes, true);
    case 3:
      return fuzz_gemm(bytes);
    case 4:
      return fuzz_pool(bytes);
    case 5:
      return bytes.flag() ? fuzz_unary(bytes) : fuzz_affine(bytes);
    case 6:
      return fuzz_binary(bytes);
    case 7:
      return fuzz_copy(bytes);
    case 8:
      return fuzz_reduce(bytes);
    default:
      return fuzz_lrn(bytes);
  }
}

}  // namespace
}  // namespace lode::engine

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lode::engine::Bytes bytes(data, size);
  lode::engine::fuzz(bytes);
  return 0;
}
