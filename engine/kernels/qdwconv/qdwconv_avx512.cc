// Integer depthwise convolution without VNNI: two rows of taps at once.
#if defined(__x86_64__)

#include "engine/kernels/int_avx512.h"
//
#include "engine/kernels/qdwconv/qdwconv_simd.h"

namespace lode::engine {

namespace {

struct DotPairs {
  using Sums = I32x16;
  static constexpr int kUnit = 2;

  template <typename V>
  [[gnu::always_inline]] static void half_unit(const typename V::Register (&rows)[2], bool is_high,
                                               typename V::Register (&made)[2]) {
    const auto bytes = is_high ? V::high_bytes(rows[0], rows[1]) : V::low_bytes(rows[0], rows[1]);
    made[0] = V::low_bytes(bytes, V::splat(0));
    made[1] = V::high_bytes(bytes, V::splat(0));
  }

  template <typename V>
  [[nodiscard, gnu::always_inline]] static typename V::Register add(typename V::Register sums,
                                                                    typename V::Register x,
                                                                    typename V::Register w) {
    return V::add_pairs(sums, x, w);
  }
};

template <int kKernel, int kStride>
void run_taps(const QConvShape& shape, const QConvArguments& arguments, std::int64_t index) {
  run_qdw<DotPairs, 64>(
      shape, arguments, index,
      [](const QDwTask& task, const QDwRows& rows, std::int64_t width)
          __attribute__((always_inline)) {
            if (width == 64) return run_rows<U8x64, DotPairs, kKernel, kStride, 3>(task, rows);
            if (width == 32) return run_rows<U8x32, DotPairs, kKernel, kStride, 3>(task, rows);
            run_rows<U8x16, DotPairs, kKernel, kStride, 3>(task, rows);
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

constinit const QDwConvKernel avx512_u8_dwconv(
    {.name = "avx512_u8_dwconv",
     .isa = Isa::kAvx512,
     .strength = "two rows of taps at once, tiles of 2x3 pixels",
     .refuse = refuse_unless_qdw_taps,
     .task_count = qdw_task_count,
     .run = run},
    qdw_packed_floats<2, 64>, pack_qdw<2, 64>);

}  // namespace lode::engine

#endif
