#include "engine/kernels/dwconv/plan.h"

#include <algorithm>

#include "base/dtype.h"

namespace lode::engine {

namespace {

/// Multiply-adds of a task: large enough to hide the hand-out.
constexpr std::int64_t kTaskWork = 1 << 17;
/// And of one that is made for the sake of another worker.
constexpr std::int64_t kSharedWork = 1 << 15;
/// Tasks of an image at most: few threads end about together.
constexpr std::int64_t kMostTasks = 16;
/// Input that stays in the second cache: such images are cut by channels, which costs nothing. In a
/// larger one a band of rows is what stays there.
constexpr std::int64_t kCachedFloats = 1 << 17;

}  // namespace

DwConvCut cut_dwconv(const ConvShape& shape, std::int64_t run_channels) {
  const std::int64_t rows = std::max<std::int64_t>(1, shape.out_h);
  const std::int64_t work = shape.out_pixels() * shape.out_c * shape.kernel_h * shape.kernel_w;
  std::int64_t tasks = std::clamp<std::int64_t>(work / kTaskWork, 1, kMostTasks);
  DwConvCut cut;
  cut.channels = shape.out_c;
  const std::int64_t sharing = wanted_tasks(shape.workers, 1, work / kSharedWork);
  const bool share_rows = sharing > 1 && sharing * 2 <= rows;
  if (share_rows) {
    // Rows, as the convolutions before and behind cut them: what a worker reads is in its own
    // cache.
    tasks = round_up(std::max(tasks, sharing), sharing);
  } else if (shape.in_h * shape.in_w * shape.in_c <= kCachedFloats) {
    tasks = std::max(tasks, sharing);
    cut.channels = round_up(ceil_divide(shape.out_c, tasks), run_channels);
    cut.runs = ceil_divide(shape.out_c, cut.channels);
  }
  // Even, since two rows are computed at once.
  cut.rows = round_up(ceil_divide(rows, ceil_divide(tasks, cut.runs)), 2);
  cut.bands = ceil_divide(rows, cut.rows);
  return cut;
}

std::int64_t dwconv_task_count(const ConvShape& shape, const DwConvCut& cut) {
  return shape.batch * cut.bands * cut.runs;
}

std::int64_t dwconv_task_count(const ConvShape& shape) {
  return dwconv_task_count(shape, cut_dwconv(shape));
}

DwConvTask dwconv_task(const ConvShape& shape, std::int64_t task) {
  return dwconv_task(shape, cut_dwconv(shape), task);
}

DwConvTask dwconv_task(const ConvShape& shape, const DwConvCut& cut, std::int64_t task) {
  DwConvTask share{};
  share.image = task / (cut.bands * cut.runs);
  share.row_begin = task / cut.runs % cut.bands * cut.rows;
  share.row_end = std::min(shape.out_h, share.row_begin + cut.rows);
  share.c_begin = task % cut.runs * cut.channels;
  share.c_end = std::min(shape.out_c, share.c_begin + cut.channels);
  return share;
}

float dwconv_weight(const ConvShape& shape, float weight) {
  return shape.half_weights ? f16_to_f32(f32_to_f16(weight)) : weight;
}

template <int kLanes>
std::size_t dwconv_packed_floats(const ConvShape& shape) {
  return static_cast<std::size_t>(round_up(shape.out_c, kLanes) *
                                  (shape.kernel_h * shape.kernel_w + 1));
}

template <int kLanes>
void pack_dwconv(const ConvShape& shape, const ConvWeights& weights, float* packed) {
  const std::int64_t taps = shape.kernel_h * shape.kernel_w;
  for (std::int64_t c = 0; c < round_up(shape.out_c, kLanes); ++c) {
    float* block = packed + c / kLanes * kLanes * (taps + 1) + c % kLanes;
    const bool exists = c < shape.out_c;
    block[0] = exists && weights.bias != nullptr ? weights.bias[c] : 0.0F;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      block[(tap + 1) * kLanes] =
          exists ? dwconv_weight(shape, weights.oihw[c * taps + tap]) : 0.0F;
    }
  }
}

template <int kKernel>
std::string_view refuse_unless_taps(const ConvShape& shape) {
  if (!is_depthwise(shape)) return refuse_unless_depthwise(shape);
  if (shape.kernel_h != kKernel || shape.kernel_w != kKernel) return "made for other taps";
  if (shape.dilation_h != 1 || shape.dilation_w != 1) return "the taps are dilated";
  if (shape.stride_h != shape.stride_w) return "the strides differ";
  return shape.stride_h <= 2 ? "" : "the stride is above 2";
}

std::string_view refuse_unless_depthwise(const ConvShape& shape) {
  if (!is_depthwise(shape)) return "the channels are not each their own group";
  return shape.x_is_plain ? "the input is not channels-last" : "";
}

template std::size_t dwconv_packed_floats<8>(const ConvShape&);
template std::size_t dwconv_packed_floats<16>(const ConvShape&);
template void pack_dwconv<8>(const ConvShape&, const ConvWeights&, float*);
template void pack_dwconv<16>(const ConvShape&, const ConvWeights&, float*);
template std::string_view refuse_unless_taps<3>(const ConvShape&);
template std::string_view refuse_unless_taps<5>(const ConvShape&);

}  // namespace lode::engine
