// How the reductions of every instruction set are cut into tasks. Inlined by force: files with -m
// flags use it.
#pragma once

#include "engine/kernels/reduce/reduce.h"

namespace lode::engine {

/// A task is one outer slice, cut along the inner axis where that is long. Whole vectors of every
/// instruction set, so that the cut never separates one.
inline constexpr std::int64_t kInnerPiece = 256;

struct ReduceTask {
  std::int64_t outer;
  std::int64_t begin;  ///< inner elements [begin, end)
  std::int64_t end;
};

[[nodiscard, gnu::always_inline]] inline std::int64_t inner_pieces(const ReduceShape& shape) {
  return shape.inner > kInnerPiece ? ceil_divide(shape.inner, kInnerPiece) : 1;
}

[[nodiscard, gnu::always_inline]] inline ReduceTask reduce_task(const ReduceShape& shape,
                                                                std::int64_t task) {
  ReduceTask share{};
  share.outer = task / inner_pieces(shape);
  share.begin = task % inner_pieces(shape) * kInnerPiece;
  share.end = share.begin + kInnerPiece;
  if (share.end > shape.inner) share.end = shape.inner;
  return share;
}

[[nodiscard]] std::int64_t reduce_task_count(const ReduceShape& shape);

}  // namespace lode::engine
