#include "engine/runtime/band_schedule.h"

#include <algorithm>

#include "base/assert.h"

namespace lode::engine {

namespace {

using Chain = std::span<const ConvCall* const>;

/// Rows [begin, end).
struct Rows {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t count() const { return end - begin; }
};

std::int64_t tap_extent(const ConvShape& shape) {
  return (shape.kernel_h - 1) * shape.dilation_h + 1;
}

/// Input rows inside the image that these output rows read.
Rows rows_read(const ConvShape& shape, const Rows& out) {
  const std::int64_t first = out.begin * shape.stride_h - shape.pad_top;
  const std::int64_t last = (out.end - 1) * shape.stride_h - shape.pad_top + tap_extent(shape);
  Rows rows;
  rows.begin = std::clamp<std::int64_t>(first, 0, shape.in_h);
  rows.end = std::clamp<std::int64_t>(last, rows.begin, shape.in_h);
  return rows;
}

std::int64_t input_row_floats(const ConvShape& shape) {
  return shape.in_w * (shape.x_is_plain ? 1 : shape.x_step());
}

std::int64_t output_row_floats(const ConvShape& shape) {
  return shape.out_w * shape.y_step();
}

/// Lays down the calls of one range.
class Range {
 public:
  Range(Chain chain, const Rows& rows, BandSchedule& schedule)
      : chain_(chain), schedule_(schedule), held_(chain.size()) {
    // Nothing is held yet: the first band begins with what it reads.
    Rows needed = rows;
    for (std::size_t stage = chain.size(); stage-- > 0;) {
      held_[stage] = {needed.begin, needed.begin};
      needed = rows_read(chain[stage]->shape, needed);
    }
  }

  void add_band(const Rows& rows) {
    // Backwards what each has to compute, then forwards the calls.
    std::vector<Rows> fresh(chain_.size());
    std::vector<Rows> needed(chain_.size());
    needed.back() = rows;
    for (std::size_t stage = chain_.size(); stage-- > 0;) {
      fresh[stage] = {std::max(held_[stage].end, needed[stage].begin), needed[stage].end};
      if (stage == 0) break;
      const bool has_work = fresh[stage].count() > 0;
      needed[stage - 1] =
          has_work ? rows_read(chain_[stage]->shape, fresh[stage]) : Rows{held_[stage - 1]};
    }
    for (std::size_t stage = 0; stage < chain_.size(); ++stage) {
      if (fresh[stage].count() > 0) add_call(stage, fresh[stage], needed[stage].begin);
    }
  }

  BandList take() { return std::move(calls_); }

 private:
  /// Computes `fresh` behind the rows held; those in front of `first` are no longer needed.
  void add_call(std::size_t stage, const Rows& fresh, std::int64_t first) {
    const ConvCall& conv = *chain_[stage];
    const Rows read = rows_read(conv.shape, fresh);
    const bool is_last = stage + 1 == chain_.size();
    const std::int64_t y_row = output_row_floats(conv.shape);
    BandCall call;
    call.stage = stage;
    call.shape = shape_of(conv.shape, fresh, read);
    if (conv.kernel->prepare != nullptr) conv.kernel->prepare(call.shape);
    call.tasks = conv.kernel->task_count(call.shape);
    call.x_offset =
        (read.begin - (stage == 0 ? 0 : held_[stage - 1].begin)) * input_row_floats(conv.shape);
    call.residual_offset = fresh.begin * conv.shape.out_w * conv.shape.residual_step();
    if (is_last) {
      call.y_offset = fresh.begin * y_row;
    } else {
      Rows& held = held_[stage];
      call.kept_offset = (first - held.begin) * y_row;
      call.kept_floats = std::max<std::int64_t>(0, held.end - first) * y_row;
      held.begin = first;
      call.y_offset = (fresh.begin - first) * y_row;
      std::int64_t& most = schedule_.buffer_floats[stage];
      most = std::max(most, (fresh.end - first) * y_row);
    }
    held_[stage].end = fresh.end;
    if (conv.kernel->scratch_bytes != nullptr) {
      schedule_.kernel_scratch_bytes =
          std::max(schedule_.kernel_scratch_bytes, conv.kernel->scratch_bytes(call.shape));
    }
    calls_.push_back(call);
  }

  static ConvShape shape_of(const ConvShape& whole, const Rows& out, const Rows& in) {
    ConvShape shape = whole;
    shape.batch = 1;
    shape.workers = 1;
    shape.grid = {};
    shape.out_h = out.count();
    shape.in_h = in.count();
    shape.x_plane = whole.x_is_plain ? whole.x_plane_step() : 0;
    shape.pad_top = in.begin - (out.begin * whole.stride_h - whole.pad_top);
    shape.pad_bottom = std::max<std::int64_t>(
        0, (out.count() - 1) * whole.stride_h + tap_extent(whole) - shape.pad_top - in.count());
    return shape;
  }

  Chain chain_;
  BandSchedule& schedule_;
  std::vector<Rows> held_;  ///< by stage: what its buffer holds, or how far the output is
  BandList calls_;
};

double flops_of(const BandSchedule& schedule) {
  double flops = 0.0;
  for (const BandList& range : schedule.ranges) {
    for (const BandCall& call : range) flops += conv_flops(call.shape);
  }
  return flops;
}

std::int64_t most_band_rows(Chain chain, std::int64_t range_rows, std::int64_t cache_floats) {
  std::int64_t rows = 1;
  while (rows < range_rows && band_floats(chain, rows + 1) <= cache_floats) ++rows;
  return rows;
}

}  // namespace

std::int64_t band_floats(Chain chain, std::int64_t rows) {
  std::int64_t floats = rows * output_row_floats(chain.back()->shape);
  for (std::size_t stage = chain.size(); stage-- > 0;) {
    const ConvShape& shape = chain[stage]->shape;
    floats += static_cast<std::int64_t>(chain[stage]->kernel->packed_floats(shape));
    rows = std::min(shape.in_h, (rows - 1) * shape.stride_h + tap_extent(shape));
    floats += rows * shape.in_w * shape.in_c;
  }
  return floats;
}

BandSchedule schedule_bands(Chain chain, std::int64_t ranges, std::int64_t cache_floats) {
  LODE_ASSERT(!chain.empty() && ranges > 0);
  BandSchedule schedule;
  schedule.buffer_floats.resize(chain.size() - 1);
  const std::int64_t out_h = chain.back()->shape.out_h;
  double whole = 0.0;
  for (const ConvCall* conv : chain) {
    ConvShape image = conv->shape;
    image.batch = 1;
    whole += conv_flops(image);
  }
  for (std::int64_t i = 0; i < ranges; ++i) {
    const Rows rows{out_h * i / ranges, out_h * (i + 1) / ranges};
    const std::int64_t most = most_band_rows(chain, rows.count(), cache_floats);
    // Even bands, of which the last is not a small rest.
    const std::int64_t each = ceil_divide(rows.count(), ceil_divide(rows.count(), most));
    schedule.band_rows = std::max(schedule.band_rows, each);
    Range range(chain, rows, schedule);
    for (std::int64_t y = rows.begin; y < rows.end; y += each) {
      range.add_band({y, std::min(rows.end, y + each)});
    }
    schedule.ranges.push_back(range.take());
  }
  schedule.repeated = flops_of(schedule) / whole;
  return schedule;
}

}  // namespace lode::engine
