// Integer depthwise convolution with vpdpbusd: four rows of taps at once.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qdwconv/qdwconv_simd.h"

namespace lode::engine {

namespace {

struct DotQuads {
  using Sums = I32x16;
  static constexpr int kUnit = 4;

  template <typename V>
  [[gnu::always_inline]] static void half_unit(const typename V::Register (&rows)[4], bool is_high,
                                               typename V::Register (&made)[2]) {
    const auto a = is_high ? V::high_bytes(rows[0], rows[1]) : V::low_bytes(rows[0], rows[1]);
    const auto b = is_high ? V::high_bytes(rows[2], rows[3]) : V::low_bytes(rows[2], rows[3]);
    made[0] = V::low_words(a, b);
    made[1] = V::high_words(a, b);
  }

  template <typename V>
  [[nodiscard, gnu::always_inline]] static typename V::Register add(typename V::Register sums,
                                                                    typename V::Register x,
                                                                    typename V::Register w) {
    if constexpr (V::kBytes == 64) {
      return _mm512_dpbusd_epi32(sums, x, w);
    } else if constexpr (V::kBytes == 32) {
      return _mm256_dpbusd_epi32(sums, x, w);
    } else {
      return _mm_dpbusd_epi32(sums, x, w);
    }
  }
};

template <int kKernel, int kStride>
void run_taps(const QConvShape& shape, const QConvArguments& arguments, std::int64_t index) {
  run_qdw<DotQuads, 64>(
      shape, arguments, index,
      [](const QDwTask& task, const QDwRows& rows, std::int64_t width)
          __attribute__((always_inline)) {
            if (width == 64) return run_rows<U8x64, DotQuads, kKernel, kStride, 3>(task, rows);
            if (width == 32) return run_rows<U8x32, DotQuads, kKernel, kStride, 3>(task, rows);
            run_rows<U8x16, DotQuads, kKernel, kStride, 3>(task, rows);
          });
}

void run(const QConvShape& shape, const QConvArguments& arguments, std::int64_t task) {
  if (shape.kernel_h == 3) {
    return shape.stride_h == 1 ? run_taps<3, 1>(shape, arguments, task)
                               : run_taps<3, 2>(shape, arguments, task);
  }
  return shape.stride_h == 1 ? run_taps<5, 1>(shape, arguments, task)
                             : run_taps<5, 2>(shape, arguments, task);
}

}  // namespace

constinit const QDwConvKernel avx512vnni_u8_dwconv(
    {.name = "avx512vnni_u8_dwconv",
     .isa = Isa::kAvx512Vnni,
     .strength = "four rows of taps at once, tiles of 2x3 pixels",
     .refuse = refuse_unless_qdw_taps,
     .task_count = qdw_task_count,
     .run = run},
    qdw_packed_floats<4, 64>, pack_qdw<4, 64>);

}  // namespace lode::engine

#endif
