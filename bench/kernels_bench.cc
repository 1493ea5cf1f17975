// GFLOP/s, GOP/s and GB/s of every kernel variant on the layers of known networks, one thread. The
// lists of the kernel families make the benchmarks: a new variant appears here by itself.
//
//   kernels_bench --benchmark_filter=conv/.*7x7
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <vector>

#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/conv/conv.h"
#include "engine/kernels/dwconv/dwconv.h"
#include "engine/kernels/eltwise/copy.h"
#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/gemm/gemm.h"
#include "engine/kernels/peak/peak.h"
#include "engine/kernels/pool/pool.h"
#include "engine/kernels/qconv/qconv.h"
#include "engine/kernels/qdwconv/qdwconv.h"
#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/kernels/qpool/qpool.h"
#include "engine/kernels/quantize/quantize.h"
#include "engine/kernels/reduce/reduce.h"

namespace lode::engine {
namespace {

/// Values of ordinary size: denormals or infinities would be measured instead.
AlignedFloats ordinary_floats(std::int64_t count) {
  AlignedFloats floats(static_cast<std::size_t>(count) + 1);
  for (std::size_t i = 0; i < floats.size(); ++i) {
    floats.data()[i] = 0.01F * static_cast<float>(i % 101) - 0.5F;
  }
  return floats;
}

template <typename AnyShape, typename Arguments>
void run_all_tasks(const Kernel<AnyShape, Arguments>& kernel, const AnyShape& shape,
                   const Arguments& arguments) {
  const std::int64_t count = kernel.task_count(shape);
  for (std::int64_t task = 0; task < count; ++task) kernel.run(shape, arguments, task);
  benchmark::ClobberMemory();
}

/// What one thread reaches at best, whatever the variant may use: the figure to come near to.
double peak_flops() {
  static const double kPeak = measure_flops(select_peak(best_isa()), 0.1);
  return kPeak;
}

/// The same for products of bytes in an instruction set, whose kernels are held against it.
double peak_byte_ops(Isa isa) {
  static const std::vector<double> kPeaks = [] {
    std::vector<double> peaks;
    for (const Isa each : kAllIsas) {
      peaks.push_back(each > best_isa() ? 1.0 : measure_products(select_byte_peak(each), 0.1));
    }
    return peaks;
  }();
  return kPeaks[static_cast<std::size_t>(isa)];
}

/// The same for floats that are multiplied as pairs of bfloat16, in the best instruction set.
double peak_pair_flops() {
  static const double kPeak = measure_products(*select_pair_peak(best_isa()), 0.1);
  return kPeak;
}

void set_rates(benchmark::State& state, double flops, double bytes, double peak = peak_flops()) {
  using benchmark::Counter;
  const auto runs = static_cast<double>(state.iterations());
  if (flops > 0) {
    state.counters["FLOPS"] = Counter(flops * runs, Counter::kIsRate);
    state.counters["of_peak"] = Counter(flops * runs / peak, Counter::kIsRate);
  }
  if (bytes > 0) state.counters["bytes"] = Counter(bytes * runs, Counter::kIsRate);
}

template <typename AnyKernel, typename AnyShape>
bool can_run(const AnyKernel& kernel, const AnyShape& shape) {
  return kernel.isa <= best_isa() && (kernel.refuse == nullptr || kernel.refuse(shape).empty());
}

/// Registers `run(state)` as "family/kernel/case" if the kernel takes the shape here.
template <typename AnyKernel, typename AnyShape, typename Run>
void add(std::string_view family, const AnyKernel& kernel, std::string_view what,
         const AnyShape& shape, Run run) {
  if (!can_run(kernel, shape)) return;
  benchmark::RegisterBenchmark(
      fmt::format("{}/{}/{}", family, kernel.name, what).c_str(),
      [&kernel, shape, run](benchmark::State& state) { run(state, kernel, shape); });
}

// ---- the limits themselves

void bench_peak(benchmark::State& state, const PeakKernel& kernel) {
  constexpr std::int64_t kRounds = 20'000;
  for (auto _ : state) benchmark::DoNotOptimize(kernel.multiply_add(kRounds));
  set_rates(state, static_cast<double>(kernel.flops_per_round * kRounds), 0);
}

/// 64 MB: beyond the caches of a core.
void bench_read(benchmark::State& state, const PeakKernel& kernel) {
  const std::int64_t count = std::int64_t{16} << 20U;
  const AlignedFloats from = ordinary_floats(count);
  for (auto _ : state) benchmark::DoNotOptimize(kernel.read(from.data(), count));
  set_rates(state, 0, 4.0 * static_cast<double>(count));
}

void bench_product_peak(benchmark::State& state, const ProductPeakKernel& kernel) {
  constexpr std::int64_t kRounds = 20'000;
  for (auto _ : state) benchmark::DoNotOptimize(kernel.multiply_add(kRounds));
  set_rates(state, static_cast<double>(kernel.ops_per_round * kRounds), 0,
            multiplies_bytes(kernel.name) ? peak_byte_ops(kernel.isa) : peak_pair_flops());
}

void add_product_peaks(std::span<const ProductPeakKernel* const> kernels) {
  for (const ProductPeakKernel* kernel : kernels) {
    if (kernel->isa > best_isa()) continue;
    benchmark::RegisterBenchmark(
        fmt::format("peak/{}/multiply_add", kernel->name).c_str(),
        [kernel](benchmark::State& state) { bench_product_peak(state, *kernel); });
  }
}

void add_peaks() {
  add_product_peaks(byte_peak_kernels());
  add_product_peaks(pair_peak_kernels());
  for (const PeakKernel* kernel : peak_kernels()) {
    if (kernel->isa > best_isa()) continue;
    benchmark::RegisterBenchmark(fmt::format("peak/{}/multiply_add", kernel->name).c_str(),
                                 [kernel](benchmark::State& state) { bench_peak(state, *kernel); });
    benchmark::RegisterBenchmark(fmt::format("peak/{}/read_64MB", kernel->name).c_str(),
                                 [kernel](benchmark::State& state) { bench_read(state, *kernel); });
  }
}

// ---- conv and dwconv

struct NamedConv {
  const char* name;
  ConvShape shape;
};

ConvShape conv(std::int64_t size, std::int64_t in_c, std::int64_t out_c, std::int64_t kernel,
               std::int64_t stride, std::int64_t groups = 1) {
  ConvShape shape;
  shape.in_h = shape.in_w = size;
  shape.in_c = in_c;
  shape.out_c = out_c;
  shape.kernel_h = shape.kernel_w = kernel;
  shape.stride_h = shape.stride_w = stride;
  shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = kernel / 2;
  shape.out_h = shape.out_w = (size + kernel / 2 * 2 - kernel) / stride + 1;
  shape.groups = groups;
  return shape;
}

/// The same on an NCHW input.
ConvShape plain(ConvShape shape) {
  shape.x_is_plain = true;
  return shape;
}

const std::vector<NamedConv>& conv_cases() {
  static const std::vector<NamedConv> kCases = {
      {"mobilenetv2_stem_224_3_32_3x3s2", conv(224, 3, 32, 3, 2)},
      {"mobilenetv2_stem_plain", plain(conv(224, 3, 32, 3, 2))},
      {"resnet50_stem_plain", plain(conv(224, 3, 64, 7, 2))},
      {"vgg19_stem_plain", plain(conv(224, 3, 64, 3, 1))},
      {"mobilenetv2_112_16_96_1x1", conv(112, 16, 96, 1, 1)},
      {"mobilenetv2_56_144_24_1x1", conv(56, 144, 24, 1, 1)},
      {"mobilenetv2_14_384_64_1x1", conv(14, 384, 64, 1, 1)},
      {"mobilenetv2_7_320_1280_1x1", conv(7, 320, 1280, 1, 1)},
      {"resnet50_stem_224_3_64_7x7s2", conv(224, 3, 64, 7, 2)},
      {"resnet50_56_64_64_3x3", conv(56, 64, 64, 3, 1)},
      {"resnet50_14_256_256_3x3", conv(14, 256, 256, 3, 1)},
      {"resnet50_7_512_512_3x3", conv(7, 512, 512, 3, 1)},
      {"resnet50_14_1024_256_1x1", conv(14, 1024, 256, 1, 1)},
      {"densenet121_28_128_32_3x3", conv(28, 128, 32, 3, 1)},
      {"vgg19_224_64_64_3x3", conv(224, 64, 64, 3, 1)},
      {"squeezenet_55_16_64_3x3", conv(55, 16, 64, 3, 1)},
  };
  return kCases;
}

const std::vector<NamedConv>& dwconv_cases() {
  static const std::vector<NamedConv> kCases = {
      {"mobilenetv2_112_32_3x3", conv(112, 32, 32, 3, 1, 32)},
      {"mobilenetv2_112_96_3x3s2", conv(112, 96, 96, 3, 2, 96)},
      {"mobilenetv2_56_144_3x3", conv(56, 144, 144, 3, 1, 144)},
      {"mobilenetv2_56_144_3x3s2", conv(56, 144, 144, 3, 2, 144)},
      {"mobilenetv2_28_192_3x3", conv(28, 192, 192, 3, 1, 192)},
      {"mobilenetv2_28_192_3x3s2", conv(28, 192, 192, 3, 2, 192)},
      {"mobilenetv2_14_384_3x3", conv(14, 384, 384, 3, 1, 384)},
      {"mobilenetv2_14_576_3x3", conv(14, 576, 576, 3, 1, 576)},
      {"mobilenetv2_14_576_3x3s2", conv(14, 576, 576, 3, 2, 576)},
      {"mobilenetv2_7_960_3x3", conv(7, 960, 960, 3, 1, 960)},
      {"mobilenetv3_56_72_3x3", conv(56, 72, 72, 3, 1, 72)},
      {"mobilenetv3_56_72_5x5s2", conv(56, 72, 72, 5, 2, 72)},
      {"mobilenetv3_28_120_5x5", conv(28, 120, 120, 5, 1, 120)},
      {"mobilenetv3_14_480_5x5", conv(14, 480, 480, 5, 1, 480)},
      {"mobilenetv3_7_960_5x5", conv(7, 960, 960, 5, 1, 960)},
      {"efficientnet_14_672_5x5s2", conv(14, 672, 672, 5, 2, 672)},
      {"efficientnet_7_1152_5x5", conv(7, 1152, 1152, 5, 1, 1152)},
  };
  return kCases;
}

/// The shape as a session of one thread has it.
template <typename AnyKernel, typename Shape>
Shape for_one_worker(const AnyKernel& kernel, Shape shape) {
  shape.workers = 1;
  if (kernel.prepare != nullptr) kernel.prepare(shape);
  return shape;
}

void bench_conv(benchmark::State& state, const ConvKernel& kernel, const ConvShape& layer) {
  const ConvShape shape = for_one_worker(kernel, layer);
  const auto inputs = shape.batch * shape.in_h * shape.in_w * shape.in_c;
  const auto outputs = shape.batch * shape.out_pixels() * shape.out_c;
  const AlignedFloats x = ordinary_floats(inputs);
  const AlignedFloats weights = ordinary_floats(shape.out_c * shape.depth());
  AlignedFloats packed(kernel.packed_floats(shape));
  kernel.pack(shape, {weights.data(), nullptr}, packed.data());
  AlignedFloats y(static_cast<std::size_t>(outputs));
  const std::size_t scratch_bytes =
      kernel.scratch_bytes != nullptr ? kernel.scratch_bytes(shape) : 0;
  AlignedFloats scratch(scratch_bytes / sizeof(float) + 1);
  ConvArguments arguments;
  arguments.x = x.data();
  arguments.packed = packed.data();
  arguments.y = y.data();
  arguments.scratch = reinterpret_cast<std::byte*>(scratch.data());
  arguments.activation.kind = ActivationKind::kRelu;
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, conv_flops(shape),
            4.0 * static_cast<double>(inputs + outputs + shape.out_c * shape.depth()),
            multiplies_pairs(kernel.name) ? peak_pair_flops() : peak_flops());
}

// ---- gemm

void bench_gemm(benchmark::State& state, const GemmKernel& kernel, const GemmShape& product) {
  const GemmShape shape = for_one_worker(kernel, product);
  const AlignedFloats x = ordinary_floats(shape.m * shape.k);
  const AlignedFloats w = ordinary_floats(shape.k * shape.n);
  AlignedFloats packed(kernel.packed_floats(shape));
  kernel.pack(shape, {w.data(), shape.n, 1, nullptr}, packed.data());
  AlignedFloats y(static_cast<std::size_t>(shape.m * shape.n));
  GemmArguments arguments;
  arguments.x = x.data();
  arguments.packed = packed.data();
  arguments.y = y.data();
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, gemm_flops(shape),
            4.0 * static_cast<double>(shape.m * shape.k + shape.k * shape.n + shape.m * shape.n));
}

// ---- eight bits

/// The layers that make up ResNet-50, MobileNetV2, VGG-19 and DenseNet-121, with the weights of a
/// fully connected one at batch 1 and 32.
const std::vector<NamedConv>& qconv_cases() {
  static const std::vector<NamedConv> kCases = {
      {"resnet50_224_3_64_7x7s2", conv(224, 3, 64, 7, 2)},
      {"resnet50_56_64_64_1x1", conv(56, 64, 64, 1, 1)},
      {"resnet50_56_64_64_3x3", conv(56, 64, 64, 3, 1)},
      {"resnet50_56_64_256_1x1", conv(56, 64, 256, 1, 1)},
      {"resnet50_56_256_64_1x1", conv(56, 256, 64, 1, 1)},
      {"resnet50_56_256_512_1x1s2", conv(56, 256, 512, 1, 2)},
      {"resnet50_56_128_128_3x3s2", conv(56, 128, 128, 3, 2)},
      {"resnet50_28_128_128_3x3", conv(28, 128, 128, 3, 1)},
      {"resnet50_28_128_512_1x1", conv(28, 128, 512, 1, 1)},
      {"resnet50_28_512_128_1x1", conv(28, 512, 128, 1, 1)},
      {"resnet50_14_256_256_3x3", conv(14, 256, 256, 3, 1)},
      {"resnet50_14_256_1024_1x1", conv(14, 256, 1024, 1, 1)},
      {"resnet50_14_1024_256_1x1", conv(14, 1024, 256, 1, 1)},
      {"resnet50_7_512_512_3x3", conv(7, 512, 512, 3, 1)},
      {"resnet50_7_512_2048_1x1", conv(7, 512, 2048, 1, 1)},
      {"resnet50_7_2048_512_1x1", conv(7, 2048, 512, 1, 1)},
      {"resnet50_fc_2048_1000", conv(1, 2048, 1000, 1, 1)},
      {"mobilenetv2_224_3_32_3x3s2", conv(224, 3, 32, 3, 2)},
      {"mobilenetv2_112_32_16_1x1", conv(112, 32, 16, 1, 1)},
      {"mobilenetv2_112_16_96_1x1", conv(112, 16, 96, 1, 1)},
      {"mobilenetv2_56_96_24_1x1", conv(56, 96, 24, 1, 1)},
      {"mobilenetv2_56_24_144_1x1", conv(56, 24, 144, 1, 1)},
      {"mobilenetv2_28_144_32_1x1", conv(28, 144, 32, 1, 1)},
      {"mobilenetv2_28_32_192_1x1", conv(28, 32, 192, 1, 1)},
      {"mobilenetv2_14_384_64_1x1", conv(14, 384, 64, 1, 1)},
      {"mobilenetv2_14_64_384_1x1", conv(14, 64, 384, 1, 1)},
      {"mobilenetv2_14_96_576_1x1", conv(14, 96, 576, 1, 1)},
      {"mobilenetv2_7_960_160_1x1", conv(7, 960, 160, 1, 1)},
      {"mobilenetv2_7_320_1280_1x1", conv(7, 320, 1280, 1, 1)},
      {"vgg19_224_3_64_3x3", conv(224, 3, 64, 3, 1)},
      {"vgg19_224_64_64_3x3", conv(224, 64, 64, 3, 1)},
      {"vgg19_112_128_128_3x3", conv(112, 128, 128, 3, 1)},
      {"vgg19_56_256_256_3x3", conv(56, 256, 256, 3, 1)},
      {"vgg19_28_512_512_3x3", conv(28, 512, 512, 3, 1)},
      {"vgg19_14_512_512_3x3", conv(14, 512, 512, 3, 1)},
      {"vgg19_fc_25088_4096", conv(1, 25088, 4096, 1, 1)},
      {"densenet121_56_128_32_3x3", conv(56, 128, 32, 3, 1)},
      {"densenet121_28_128_32_3x3", conv(28, 128, 32, 3, 1)},
      {"densenet121_28_256_128_1x1", conv(28, 256, 128, 1, 1)},
      {"densenet121_14_512_128_1x1", conv(14, 512, 128, 1, 1)},
      {"densenet121_14_128_32_3x3", conv(14, 128, 32, 3, 1)},
      {"squeezenet_55_16_64_3x3", conv(55, 16, 64, 3, 1)},
  };
  return kCases;
}

std::vector<std::uint8_t> ordinary_bytes(std::int64_t count) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37U);
  return bytes;
}

void bench_qconv(benchmark::State& state, const QConvKernel& kernel, const QConvShape& shape) {
  const auto inputs = shape.batch * shape.in_h * shape.in_w * shape.in_c;
  const auto outputs = shape.batch * shape.out_pixels() * shape.out_c;
  const auto x = ordinary_bytes(inputs);
  std::vector<std::int8_t> weights(static_cast<std::size_t>(shape.out_c * shape.depth()));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<std::int8_t>(static_cast<int>(i % 127) - 63);
  }
  const std::vector<float> scales(static_cast<std::size_t>(shape.out_c), 0.01F);
  QConvWeights constants;
  constants.oihw = weights.data();
  constants.scales = scales.data();
  constants.x_scale = 0.02F;
  constants.x_zero = 128;
  constants.y_scale = 0.05F;
  constants.y_zero = 3;
  AlignedFloats packed(kernel.packed_floats(shape));
  kernel.pack(shape, constants, packed.data());
  std::vector<std::uint8_t> y(static_cast<std::size_t>(outputs) * sizeof(float));
  const std::size_t scratch_bytes =
      kernel.scratch_bytes != nullptr ? kernel.scratch_bytes(shape) : 0;
  AlignedFloats scratch(scratch_bytes / sizeof(float) + 1);
  QConvArguments arguments;
  arguments.x = x.data();
  arguments.packed = packed.data();
  arguments.y = y.data();
  arguments.scratch = reinterpret_cast<std::byte*>(scratch.data());
  arguments.activation.kind = ActivationKind::kRelu;
  QConvShape prepared = shape;
  if (kernel.prepare != nullptr) kernel.prepare(prepared);
  for (auto _ : state) run_all_tasks(kernel, prepared, arguments);
  set_rates(state, conv_flops(shape),
            static_cast<double>(inputs + outputs + shape.out_c * shape.depth()),
            peak_byte_ops(kernel.isa));
}

/// One worker, weights of seven bits where a kernel wants that.
QConvShape in_bytes(const ConvShape& shape, int weight_bits) {
  QConvShape result;
  static_cast<ConvShape&>(result) = shape;
  result.workers = 1;
  result.weight_bits = weight_bits;
  return result;
}

void bench_qpool(benchmark::State& state, const QPoolKernel& kernel, const PoolShape& shape) {
  const auto inputs = shape.batch * shape.in_h * shape.in_w * shape.channels;
  const auto outputs = shape.batch * shape.out_h * shape.out_w * shape.channels;
  const auto x = ordinary_bytes(inputs);
  auto y = ordinary_bytes(outputs);
  const QPoolArguments arguments{x.data(), y.data(), {0.02F, 3}, {0.02F, 3}};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, static_cast<double>(inputs + outputs));
}

void bench_qbinary(benchmark::State& state, const QBinaryKernel& kernel, const BinaryShape& shape) {
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < shape.rank; ++axis) count *= shape.extent[axis];
  const auto a = ordinary_bytes(count);
  const auto b = ordinary_bytes(count);
  auto y = ordinary_bytes(count);
  QBinaryArguments arguments;
  arguments.a = a.data();
  arguments.b = b.data();
  arguments.y = y.data();
  arguments.a_scale = arguments.b_scale = arguments.y_scale = {0.02F, 7};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 3.0 * static_cast<double>(count));
}

void bench_requantise(benchmark::State& state, const RequantiseKernel& kernel,
                      const QCopyShape& shape) {
  const auto x = ordinary_bytes(shape.rows * shape.columns);
  auto y = ordinary_bytes(shape.rows * shape.y_stride);
  const RequantiseArguments arguments{x.data(), y.data(), {0.02F, 7}, {0.03F, 9}, {}};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 2.0 * static_cast<double>(x.size()));
}

void bench_qtable(benchmark::State& state, const QTableKernel& kernel, const QCopyShape& shape) {
  const auto x = ordinary_bytes(shape.rows * shape.columns);
  const auto table = ordinary_bytes(256);
  auto y = ordinary_bytes(shape.rows * shape.y_stride);
  const QTableArguments arguments{x.data(), y.data(), table.data()};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 2.0 * static_cast<double>(x.size()));
}

void bench_quantize(benchmark::State& state, const QuantizeKernel& kernel,
                    const QuantizeShape& shape) {
  const std::int64_t count = shape.samples * shape.pixels * shape.channels;
  const AlignedFloats x = ordinary_floats(count);
  auto y = ordinary_bytes(count);
  const QuantizeArguments arguments{.x = x.data(), .y = y.data(), .scale = 0.01F, .zero = 20};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 5.0 * static_cast<double>(count));
}

void bench_range(benchmark::State& state, const RangeKernel& kernel, const RangeShape& shape) {
  const std::int64_t count = shape.samples * shape.rows * shape.columns;
  const AlignedFloats x = ordinary_floats(count);
  AlignedFloats ranges(static_cast<std::size_t>(2 * shape.samples * range_pieces(shape)));
  for (auto _ : state) run_all_tasks(kernel, shape, RangeArguments{x.data(), ranges.data()});
  set_rates(state, 0, 4.0 * static_cast<double>(count));
}

void bench_dequantize(benchmark::State& state, const DequantizeKernel& kernel,
                      const DequantizeShape& shape) {
  const std::int64_t count = shape.rows * shape.columns;
  const auto x = ordinary_bytes(count);
  AlignedFloats y(static_cast<std::size_t>(count));
  const DequantizeArguments arguments{x.data(), y.data(), 0.01F, 20};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 5.0 * static_cast<double>(count));
}

// ---- the rest is bound by memory

void bench_pool(benchmark::State& state, const PoolKernel& kernel, const PoolShape& shape) {
  const auto inputs = shape.batch * shape.in_h * shape.in_w * shape.channels;
  const auto outputs = shape.batch * shape.out_h * shape.out_w * shape.channels;
  const AlignedFloats x = ordinary_floats(inputs);
  AlignedFloats y(static_cast<std::size_t>(outputs));
  for (auto _ : state) run_all_tasks(kernel, shape, PoolArguments{x.data(), y.data()});
  set_rates(state, 0, 4.0 * static_cast<double>(inputs + outputs));
}

void bench_unary(benchmark::State& state, const UnaryKernel& kernel, const UnaryShape& shape,
                 ActivationKind kind) {
  const AlignedFloats x = ordinary_floats(shape.count);
  AlignedFloats y(static_cast<std::size_t>(shape.count));
  const UnaryArguments arguments{x.data(), y.data(), {kind, 0.0F, 6.0F}};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 8.0 * static_cast<double>(shape.count));
}

void bench_binary(benchmark::State& state, const BinaryKernel& kernel, const BinaryShape& shape) {
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < shape.rank; ++axis) count *= shape.extent[axis];
  const AlignedFloats a = ordinary_floats(count);
  const AlignedFloats b = ordinary_floats(count);
  AlignedFloats y(static_cast<std::size_t>(count));
  const BinaryArguments arguments{a.data(), b.data(), y.data(), {}};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 12.0 * static_cast<double>(count));
}

void bench_affine(benchmark::State& state, const AffineKernel& kernel, const AffineShape& shape) {
  const std::int64_t count = shape.outer * shape.channels * shape.inner;
  const AlignedFloats x = ordinary_floats(count);
  const AlignedFloats parameters = ordinary_floats(shape.channels);
  AlignedFloats y(static_cast<std::size_t>(count));
  const AffineArguments arguments{x.data(), parameters.data(), parameters.data(), y.data(), {}};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 8.0 * static_cast<double>(count));
}

void bench_copy(benchmark::State& state, const CopyKernel& kernel, const CopyShape& shape) {
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < shape.rank; ++axis) count *= shape.extent[axis];
  const AlignedFloats from = ordinary_floats(count);
  AlignedFloats to(static_cast<std::size_t>(count));
  const CopyArguments arguments{reinterpret_cast<const std::byte*>(from.data()),
                                reinterpret_cast<std::byte*>(to.data())};
  for (auto _ : state) run_all_tasks(kernel, shape, arguments);
  set_rates(state, 0, 8.0 * static_cast<double>(count));
}

template <typename AnyShape>
void bench_reduce(benchmark::State& state, const Kernel<AnyShape, ReduceArguments>& kernel,
                  const AnyShape& shape, std::int64_t count) {
  const AlignedFloats x = ordinary_floats(count);
  AlignedFloats y(static_cast<std::size_t>(count));
  for (auto _ : state) run_all_tasks(kernel, shape, ReduceArguments{x.data(), y.data()});
  set_rates(state, 0, 8.0 * static_cast<double>(count));
}

// ---- registration

void add_products() {
  for (const ConvKernel* kernel : conv_kernels()) {
    for (const NamedConv& each : conv_cases()) {
      add("conv", *kernel, each.name, each.shape, bench_conv);
    }
  }
  for (const DwConvKernel* kernel : dwconv_kernels()) {
    for (const NamedConv& each : dwconv_cases()) {
      add("dwconv", *kernel, each.name, each.shape, bench_conv);
    }
  }
  for (const GemmKernel* kernel : gemm_kernels()) {
    for (const GemmShape& shape :
         {GemmShape{1, 1000, 1280}, GemmShape{32, 1000, 1280}, GemmShape{1, 4096, 25088}}) {
      add("gemm", *kernel, fmt::format("{}x{}x{}", shape.m, shape.n, shape.k), shape, bench_gemm);
    }
  }
}

void add_byte_products() {
  for (const QConvKernel* kernel : qconv_kernels()) {
    for (const NamedConv& each : qconv_cases()) {
      add("qconv", *kernel, each.name, in_bytes(each.shape, 7), bench_qconv);
    }
  }
  for (const QDwConvKernel* kernel : qdwconv_kernels()) {
    for (const NamedConv& each : dwconv_cases()) {
      add("qdwconv", *kernel, each.name, in_bytes(each.shape, 8), bench_qconv);
    }
  }
}

void add_bytes() {
  const Shape image{1, 64, 56, 56};
  const Shape last{64 * 56 * 56, 1, 56 * 64, 64};
  const QCopyShape slice{.rows = 56 * 56, .columns = 64, .x_stride = 64, .y_stride = 256};
  for (const QBinaryKernel* kernel : qbinary_kernels()) {
    add("qbinary", *kernel, "add", binary_shape(BinaryOp::kAdd, image, last, last, last),
        bench_qbinary);
    add("qbinary", *kernel, "gate",
        binary_shape(BinaryOp::kMultiply, image, last, {0, 1, 0, 0}, last), bench_qbinary);
  }
  for (const RequantiseKernel* kernel : requantise_kernels()) {
    add("requantise", *kernel, "slice", slice, bench_requantise);
  }
  for (const QTableKernel* kernel : qtable_kernels()) {
    add("qtable", *kernel, "slice", slice, bench_qtable);
  }
  const QuantizeShape pixels{.samples = 1, .pixels = 56 * 56, .channels = 64};
  QuantizeShape picture{.samples = 1, .pixels = 224 * 224, .channels = 3};
  picture.x_is_plain = true;
  for (const QuantizeKernel* kernel : quantize_kernels()) {
    add("quantize", *kernel, "56x56x64", pixels, bench_quantize);
    add("quantize", *kernel, "picture_to_channels_last", picture, bench_quantize);
  }
  for (const RangeKernel* kernel : range_kernels()) {
    add("range", *kernel, "56x56x64", RangeShape{.rows = 56 * 56, .columns = 64}, bench_range);
  }
  for (const DequantizeKernel* kernel : dequantize_kernels()) {
    add("dequantize", *kernel, "56x56x64", DequantizeShape{.rows = 56 * 56, .columns = 64},
        bench_dequantize);
  }
}

/// A window over a square image.
PoolShape pool_shape(PoolKind kind, std::int64_t size, std::int64_t channels, std::int64_t kernel,
                     std::int64_t stride) {
  const ConvShape window = conv(size, channels, channels, kernel, stride);
  PoolShape shape;
  shape.kind = kind;
  shape.in_h = shape.in_w = window.in_h;
  shape.channels = window.in_c;
  shape.out_h = shape.out_w = window.out_h;
  shape.kernel_h = shape.kernel_w = kernel;
  shape.stride_h = shape.stride_w = stride;
  shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = kernel / 2;
  return shape;
}

void add_byte_pools() {
  PoolShape global = pool_shape(PoolKind::kAverage, 7, 1280, 7, 1);
  global.pad_top = global.pad_left = global.pad_bottom = global.pad_right = 0;
  global.out_h = global.out_w = 1;
  for (const QPoolKernel* kernel : qpool_kernels()) {
    add("qpool", *kernel, "max_112_64_3x3s2", pool_shape(PoolKind::kMax, 112, 64, 3, 2),
        bench_qpool);
    add("qpool", *kernel, "average_112_64_3x3s2", pool_shape(PoolKind::kAverage, 112, 64, 3, 2),
        bench_qpool);
    add("qpool", *kernel, "global_7_1280", global, bench_qpool);
  }
}

void add_elementwise() {
  const Shape image{1, 64, 56, 56};
  const Shape last{64 * 56 * 56, 1, 56 * 64, 64};
  for (const UnaryKernel* kernel : unary_kernels()) {
    for (const auto& [name, kind] : {std::pair{"relu", ActivationKind::kRelu},
                                     {"hard_swish", ActivationKind::kHardSwish},
                                     {"sigmoid", ActivationKind::kSigmoid}}) {
      add("unary", *kernel, name, UnaryShape{image.element_count()},
          [kind](auto& state, const auto& each, const auto& shape) {
            bench_unary(state, each, shape, kind);
          });
    }
  }
  for (const BinaryKernel* kernel : binary_kernels()) {
    add("binary", *kernel, "dense",
        binary_shape(BinaryOp::kAdd, image, image.strides(), image.strides(), image.strides()),
        bench_binary);
    add("binary", *kernel, "per_channel",
        binary_shape(BinaryOp::kMultiply, image, last, {0, 1, 0, 0}, last), bench_binary);
    add("binary", *kernel, "mixed_layouts",
        binary_shape(BinaryOp::kAdd, image, last, image.strides(), last), bench_binary);
  }
  for (const AffineKernel* kernel : affine_kernels()) {
    add("affine", *kernel, "channels_last", AffineShape{56 * 56, 64, 1}, bench_affine);
    add("affine", *kernel, "plain", AffineShape{1, 64, 56 * 56}, bench_affine);
  }
  for (const CopyKernel* kernel : copy_kernels()) {
    const Shape picture{1, 3, 224, 224};
    add("copy", *kernel, "dense", copy_shape(4, image, last, last), bench_copy);
    add("copy", *kernel, "to_channels_last", copy_shape(4, image, image.strides(), last),
        bench_copy);
    add("copy", *kernel, "to_plain", copy_shape(4, image, last, image.strides()), bench_copy);
    add("copy", *kernel, "picture_to_channels_last",
        copy_shape(4, picture, picture.strides(), {3 * 224 * 224, 1, 3 * 224, 3}), bench_copy);
  }
}

void add_reductions() {
  for (const PoolKernel* kernel : pool_kernels()) {
    for (const auto& [name, kind] : {std::pair{"max_112_64_3x3s2", PoolKind::kMax},
                                     {"average_112_64_3x3s2", PoolKind::kAverage}}) {
      add("pool", *kernel, name, pool_shape(kind, 112, 64, 3, 2), bench_pool);
    }
  }
  const auto whole = [](auto& state, const auto& kernel, const ReduceShape& shape) {
    bench_reduce(state, kernel, shape, shape.outer * shape.count * shape.inner);
  };
  for (const ReduceKernel* kernel : mean_kernels()) {
    add("mean", *kernel, "49x1280", ReduceShape{1, 49, 1280}, whole);
  }
  for (const ReduceKernel* kernel : softmax_kernels()) {
    add("softmax", *kernel, "1000", ReduceShape{1, 1000, 1}, whole);
  }
  for (const LrnKernel* kernel : lrn_kernels()) {
    add("lrn", *kernel, "56x56x64", LrnShape{56 * 56, 64, 5, 1e-4F, 0.75F, 1.0F},
        [](auto& state, const auto& each, const LrnShape& shape) {
          bench_reduce(state, each, shape, shape.pixels * shape.channels);
        });
  }
}

}  // namespace
}  // namespace lode::engine

int main(int argc, char** argv) {
  lode::engine::add_peaks();
  lode::engine::add_products();
  lode::engine::add_elementwise();
  lode::engine::add_reductions();
  lode::engine::add_byte_products();
  lode::engine::add_bytes();
  lode::engine::add_byte_pools();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
