// What the depthwise kernels of every instruction set share and what needs no -m flags: the cut
// into tasks, the order of packed weights, and which shapes the specialised kernels take.
#pragma once

#include "engine/kernels/dwconv/dwconv.h"

namespace lode::engine {

inline constexpr std::int64_t kDwRunChannels = 16;

/// A task is a band of output rows of one image and a run of its channels. It depends on the
/// image's extents and the number of workers.
struct DwConvCut {
  std::int64_t rows = 1;  ///< of a band
  std::int64_t bands = 1;
  std::int64_t channels = 1;  ///< of a run: all, or a multiple of what cut_dwconv is given
  std::int64_t runs = 1;
};

/// A task's share: rows [row_begin, row_end), channels [c_begin, c_end).
struct DwConvTask {
  std::int64_t image;
  std::int64_t row_begin;
  std::int64_t row_end;
  std::int64_t c_begin;
  std::int64_t c_end;
};

[[nodiscard]] DwConvTask dwconv_task(const ConvShape& shape, std::int64_t task);
[[nodiscard]] DwConvTask dwconv_task(const ConvShape& shape, const DwConvCut& cut,
                                     std::int64_t task);
[[nodiscard]] DwConvCut cut_dwconv(const ConvShape& shape,
                                   std::int64_t run_channels = kDwRunChannels);
[[nodiscard]] std::int64_t dwconv_task_count(const ConvShape& shape);
[[nodiscard]] std::int64_t dwconv_task_count(const ConvShape& shape, const DwConvCut& cut);

/// Rounded to half where the shape wants that.
[[nodiscard]] float dwconv_weight(const ConvShape& shape, float weight);

/// Weights in blocks of `kLanes` channels, the last one filled up with zeros; in a block the bias,
/// then the taps in ascending order, `kLanes` floats each.
template <int kLanes>
[[nodiscard]] std::size_t dwconv_packed_floats(const ConvShape& shape);
template <int kLanes>
void pack_dwconv(const ConvShape& shape, const ConvWeights& weights, float* packed);

/// Why a kernel for kKernel x kKernel taps at stride 1 or 2 (the same along both axes, undilated)
/// cannot take the shape; "" if it can.
template <int kKernel>
[[nodiscard]] std::string_view refuse_unless_taps(const ConvShape& shape);
[[nodiscard]] std::string_view refuse_unless_depthwise(const ConvShape& shape);

}  // namespace lode::engine
