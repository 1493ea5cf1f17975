// Fuzzes every integer kernel of every family against its reference: the bytes choose family,
// variant, shape and data. They are exact: a byte that differs, and a write outside the output, is
// a fault; the sanitizers see reads outside the inputs.
#include <cstdint>
#include <vector>

#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/qdwconv/qdwconv.h"
#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/kernels/qpool/qpool.h"
#include "engine/kernels/quantize/quantize.h"
#include "fuzz/kernel_choices.h"

namespace lode::engine {
namespace {

/// Bytes on the heap that end where they must, all alike until written.
std::vector<std::uint8_t> untouched(std::int64_t count) {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(count), 0xA5);
}

/// An activation that kernels on bytes take.
Activation byte_activation(Bytes& bytes) {
  const Activation activation = bytes.activation();
  const bool needs_table =
      activation.kind == ActivationKind::kSigmoid || activation.kind == ActivationKind::kSilu;
  return needs_table ? Activation{} : activation;
}

QConvShape qconv_shape(Bytes& bytes, bool is_depthwise) {
  QConvShape shape;
  static_cast<ConvShape&>(shape) = conv_shape(bytes, is_depthwise);
  shape.x_is_plain = false;
  shape.prologue = ConvPrologue::kNone;
  shape.output = bytes.flag() ? QOutput::kUint8 : QOutput::kFloat;
  shape.adds_bytes = shape.output == QOutput::kUint8 && shape.has_residual && bytes.flag();
  shape.is_dynamic = shape.output == QOutput::kFloat && bytes.flag();
  shape.has_weight_zeros = bytes.flag();
  shape.weight_bits = bytes.flag() ? 8 : 7;
  return shape;
}

void fuzz_qconv(Bytes& bytes, bool is_depthwise) {
  const QConvShape shape = qconv_shape(bytes, is_depthwise);
  if (shape.out_h == 0 || shape.out_w == 0) return;
  const QConvKernel* kernel =
      choose(bytes, is_depthwise ? qdwconv_kernels() : qconv_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x =
      bytes.octets((shape.batch * shape.in_h * shape.in_w - 1) * shape.x_step() + shape.in_c);
  const auto drawn = bytes.octets(shape.out_c * shape.depth());
  std::vector<std::int8_t> w(drawn.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<std::int8_t>(static_cast<int>(drawn[i] % (1U << shape.weight_bits)) -
                                    (1 << (shape.weight_bits - 1)));
  }
  std::vector<float> scales = magnitudes(bytes.floats(shape.out_c), 0.001F);
  std::vector<std::int32_t> zeros;
  std::vector<std::int32_t> bias;
  for (const std::uint8_t octet : bytes.octets(shape.out_c)) {
    zeros.push_back(octet - 128);
    bias.push_back((octet - 128) * 1000);
  }
  const auto float_bias = bytes.floats(shape.out_c);
  const std::int64_t width = shape.output == QOutput::kFloat ? 4 : 1;
  const std::int64_t residuals = shape.batch * shape.out_pixels() * shape.residual_step();
  const auto residual_bytes = bytes.octets(residuals);
  const auto residual_floats = bytes.floats(residuals);
  QConvWeights weights;
  weights.oihw = w.data();
  weights.zeros = shape.has_weight_zeros ? zeros.data() : nullptr;
  weights.scales = scales.data();
  weights.bias = bytes.flag() ? bias.data() : nullptr;
  weights.float_bias = shape.output == QOutput::kFloat ? float_bias.data() : nullptr;
  weights.x_scale = bytes.scale();
  weights.x_zero = bytes.byte();
  weights.y_scale = bytes.scale();
  weights.y_zero = bytes.byte();
  weights.residual_scale = bytes.scale();
  weights.residual_zero = bytes.byte();
  weights.sum_scale = bytes.scale();
  weights.sum_zero = bytes.byte();
  const auto x_scales = magnitudes(bytes.floats(shape.batch), 0.001F);
  const auto x_zeros = bytes.octets(shape.batch);
  QConvArguments arguments;
  arguments.x = x.data();
  arguments.activation = byte_activation(bytes);
  arguments.residual =
      width == 4 ? static_cast<const void*>(residual_floats.data()) : residual_bytes.data();
  arguments.x_scales = x_scales.data();
  arguments.x_zeros = x_zeros.data();
  AlignedFloats packed(kernel->packed_floats(shape));
  kernel->pack(shape, weights, packed.data());
  arguments.packed = packed.data();
  const std::int64_t outputs = shape.batch * shape.out_pixels() * shape.y_step() * width;
  auto got = untouched(outputs);
  auto want = untouched(outputs);
  arguments.y = got.data();
  std::vector<float> ranges(static_cast<std::size_t>(2 * shape.batch * kernel->task_count(shape)));
  if (width == 4 && bytes.flag()) arguments.ranges = ranges.data();
  run_all_tasks(*kernel, shape, arguments);
  arguments.y = want.data();
  qconv_reference(shape, weights, arguments);
  LODE_ASSERT(got == want);
}

void fuzz_quantize(Bytes& bytes) {
  QuantizeShape shape;
  shape.samples = bytes.between(1, 3);
  shape.pixels = bytes.between(1, 70);
  shape.channels = bytes.between(1, 70);
  shape.x_is_plain = bytes.flag();
  if (!shape.x_is_plain && bytes.flag()) shape.x_stride = shape.channels + bytes.between(0, 9);
  if (bytes.flag()) shape.y_stride = shape.channels + bytes.between(0, 9);
  shape.ranges = bytes.flag() ? 0 : bytes.flag() ? 1 : shape.samples;
  shape.pieces = shape.ranges == 0 ? 0 : bytes.between(1, 3);
  shape.is_signed = shape.ranges == 0 && bytes.flag();
  const QuantizeKernel* kernel = choose(bytes, quantize_kernels(), shape);
  if (kernel == nullptr) return;
  const std::int64_t rows = shape.samples * shape.pixels;
  const auto x = bytes.floats(rows * shape.x_step());
  const auto ranges = bytes.floats(2 * shape.ranges * shape.pieces);
  std::vector<float> scales(static_cast<std::size_t>(shape.ranges));
  std::vector<std::uint8_t> zeros(scales.size());
  auto got = untouched(rows * shape.y_step());
  auto want = got;
  QuantizeArguments arguments{.x = x.data(), .y = got.data(), .scale = bytes.scale(), .zero = 0};
  arguments.zero = bytes.byte() - (shape.is_signed ? 128 : 0);
  arguments.ranges = ranges.data();
  arguments.scales = scales.data();
  arguments.zeros = zeros.data();
  run_all_tasks(*kernel, shape, arguments);
  const auto own_scales = scales;
  const auto own_zeros = zeros;
  arguments.y = want.data();
  quantize_reference(shape, arguments);
  LODE_ASSERT(got == want && own_scales == scales && own_zeros == zeros);
}

void fuzz_dequantize(Bytes& bytes) {
  DequantizeShape shape;
  shape.rows = bytes.between(1, 9);
  shape.columns = bytes.between(1, 90);
  if (bytes.flag()) shape.x_stride = shape.columns + bytes.between(0, 9);
  if (bytes.flag()) shape.y_stride = shape.columns + bytes.between(0, 9);
  shape.is_signed = bytes.flag();
  const DequantizeKernel* kernel = choose(bytes, dequantize_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x = bytes.octets(shape.rows * std::max(shape.columns, shape.x_stride));
  const std::int64_t count = shape.rows * std::max(shape.columns, shape.y_stride);
  Output got = output_of(count);
  Output want = output_of(count);
  DequantizeArguments arguments{x.data(), got.data(), bytes.scale(), bytes.byte()};
  run_all_tasks(*kernel, shape, arguments);
  arguments.y = want.data();
  dequantize_reference(shape, arguments);
  check(got, want, want, 0.0);
}

void fuzz_qbinary(Bytes& bytes) {
  Shape extents;
  std::int64_t count = 1;
  for (std::int64_t axis = bytes.between(1, 4); axis-- > 0;) {
    extents.push_back(bytes.between(1, 20));
    count *= extents[extents.rank() - 1];
  }
  const BinaryOp op = bytes.flag() ? BinaryOp::kAdd : BinaryOp::kMultiply;
  const BinaryShape shape = binary_shape(op, extents, some_strides(bytes, extents),
                                         some_strides(bytes, extents), extents.strides());
  const QBinaryKernel* kernel = choose(bytes, qbinary_kernels(), shape);
  if (kernel == nullptr) return;
  const auto a = bytes.octets(count);
  const auto b = bytes.octets(count);
  auto got = untouched(count);
  auto want = untouched(count);
  QBinaryArguments arguments;
  arguments.a = a.data();
  arguments.b = b.data();
  arguments.y = got.data();
  arguments.a_scale = {bytes.scale(), bytes.byte()};
  arguments.b_scale = {bytes.scale(), bytes.byte()};
  arguments.y_scale = {bytes.scale(), bytes.byte()};
  arguments.activation = byte_activation(bytes);
  run_all_tasks(*kernel, shape, arguments);
  arguments.y = want.data();
  qbinary_reference(shape, arguments);
  LODE_ASSERT(got == want);
}

void fuzz_qcopy(Bytes& bytes) {
  QCopyShape shape;
  shape.rows = bytes.between(1, 9);
  shape.columns = bytes.between(1, 200);
  if (bytes.flag()) shape.x_stride = shape.columns + bytes.between(0, 9);
  if (bytes.flag()) shape.y_stride = shape.columns + bytes.between(0, 9);
  const auto x =
      bytes.octets((shape.rows - 1) * std::max(shape.columns, shape.x_stride) + shape.columns);
  const auto table = bytes.octets(256);
  auto got = untouched(shape.rows * std::max(shape.columns, shape.y_stride));
  auto want = got;
  if (bytes.flag()) {
    const QTableKernel* kernel = choose(bytes, qtable_kernels(), shape);
    if (kernel == nullptr) return;
    run_all_tasks(*kernel, shape, QTableArguments{x.data(), got.data(), table.data()});
    qtable_reference(shape, {x.data(), want.data(), table.data()});
  } else {
    const RequantiseKernel* kernel = choose(bytes, requantise_kernels(), shape);
    if (kernel == nullptr) return;
    RequantiseArguments arguments{x.data(), got.data(), {}, {}, byte_activation(bytes)};
    arguments.x_scale = {bytes.scale(), bytes.byte()};
    arguments.y_scale = {bytes.scale(), bytes.byte()};
    run_all_tasks(*kernel, shape, arguments);
    arguments.y = want.data();
    requantise_reference(shape, arguments);
  }
  LODE_ASSERT(got == want);
}

void fuzz_qpool(Bytes& bytes) {
  const PoolShape shape = pool_shape(bytes);
  const QPoolKernel* kernel = choose(bytes, qpool_kernels(), shape);
  if (kernel == nullptr) return;
  const auto x = bytes.octets(shape.batch * shape.in_h * shape.in_w * shape.channels);
  auto got = untouched(shape.batch * shape.out_h * shape.out_w * shape.channels);
  auto want = got;
  QPoolArguments arguments{x.data(), got.data(), {}, {}};
  arguments.x_scale = {bytes.scale(), bytes.byte()};
  arguments.y_scale = {bytes.scale(), bytes.byte()};
  run_all_tasks(*kernel, shape, arguments);
  arguments.y = want.data();
  qpool_reference(shape, arguments);
  LODE_ASSERT(got == want);
}

void fuzz(Bytes& bytes) {
  switch (bytes.between(0, 6)) {
    case 0:
    case 1:
      return fuzz_qconv(bytes, false);
    case 2:
      return fuzz_qconv(bytes, true);
    case 3:
      return bytes.flag() ? fuzz_quantize(bytes) : fuzz_dequantize(bytes);
    case 4:
      return fuzz_qbinary(bytes);
    case 5:
      return fuzz_qcopy(bytes);
    default:
      return fuzz_qpool(bytes);
  }
}

}  // namespace
}  // namespace lode::engine

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lode::engine::Bytes bytes(data, size);
  lode::engine::fuzz(bytes);
  return 0;
}
