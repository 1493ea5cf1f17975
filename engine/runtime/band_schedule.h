// Convolutions that follow each other, called on bands of rows: each band of the last one's output
// is computed, through all of them, before the next, so that what is between them stays in the
// cache of the worker. Rows that the next band needs as well are kept, not computed again.
//
// All calls are laid down here, once; a run goes through the list. A list serves every image.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/kernels/conv/conv.h"
#include "engine/ops/conv_call.h"

namespace lode::engine {

/// One kernel on some rows of one image.
struct BandCall {
  std::size_t stage = 0;  ///< position of the convolution in the chain
  ConvShape shape;        ///< of those rows, padding where they touch the image's border alone
  std::int64_t tasks = 1;
  /// Floats from the image's first element or, between convolutions, from that of the buffer.
  std::int64_t x_offset = 0;
  std::int64_t y_offset = 0;
  std::int64_t residual_offset = 0;
  /// First, so many floats of the buffer that the call writes to move to its front.
  std::int64_t kept_offset = 0;
  std::int64_t kept_floats = 0;
};

/// A range of the chain's output rows, from top to bottom.
using BandList = std::vector<BandCall>;

struct BandSchedule {
  std::vector<BandList> ranges;             ///< a task each, for each image
  std::vector<std::int64_t> buffer_floats;  ///< behind each convolution but the last
  std::size_t kernel_scratch_bytes = 0;     ///< the most that a call wants
  std::int64_t band_rows = 0;               ///< of the output, at most
  /// Multiply-adds of all ranges over those of the whole: what they compute twice.
  double repeated = 1.0;
};

/// Floats of a worker's cache that `rows` output rows at once take: the rows that they need in
/// front of each convolution, the output, and all weights.
[[nodiscard]] std::int64_t band_floats(std::span<const ConvCall* const> chain, std::int64_t rows);

/// The schedule for at least one call in `chain`; each one's input is the output of the one before,
/// dense and channels-last. The bands have the most rows whose band_floats() are at most
/// `cache_floats`, but at least one.
[[nodiscard]] BandSchedule schedule_bands(std::span<const ConvCall* const> chain,
                                          std::int64_t ranges, std::int64_t cache_floats);

}  // namespace lode::engine
