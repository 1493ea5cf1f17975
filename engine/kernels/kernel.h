// What every kernel family shares: the shape of a kernel descriptor and the selection rule.
//
// A family is a folder: the contract header (shapes, layouts, tolerance, FLOPs), reference.cc, the
// variants in one file an ISA, and kernels.inc, which names each variant in one line, best first.
// That line declares the variant and puts it before selection, test and benchmark; lines of one
// architecture stand inside its #if.
//
// This header and the contracts are what a file with -m flags may include. Such a file must not
// emit a copy of an inline function, since the linker could pick that copy for the whole binary:
// it uses descriptors, intrinsics, and the functions here that are inlined by force.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/kernels/cpu_features.h"

namespace lode::engine {

/// How a product is cut for several workers: into ranges of rows times ranges of panels of columns.
/// 0 rows: not decided yet.
struct TaskGrid {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// A kernel that works on its arguments alone. Its work is cut into tasks that may run at once, on
/// any thread, in any order; the cut depends on the shape alone, which may say how many workers
/// will share it, and results do not depend on the cut. run() neither allocates nor blocks.
template <typename Shape, typename Arguments>
struct Kernel {
  std::string_view name;      ///< in logs, benchmarks and records: "eigen_f32_conv_im2col"
  Isa isa = Isa::kGeneric;    ///< what it needs
  std::string_view strength;  ///< why it is taken where it is, one clause
  /// Rounding errors relative to those of a plain sum of products: the family's tolerance times
  /// this bounds them.
  double error_growth = 1.0;
  /// Of images: an output row has the same bits whatever rows are computed beside it, so that a
  /// band of rows can be computed by itself.
  bool takes_bands = false;
  /// Why it cannot take the shape, one clause; "" if it can. Null: takes every shape.
  std::string_view (*refuse)(const Shape&) = nullptr;
  /// Puts into the shape what the others would else find anew in each task. Null: nothing.
  void (*prepare)(Shape&) = nullptr;
  std::int64_t (*task_count)(const Shape&) = nullptr;
  /// Scratch of one's own per running task, 64-byte aligned. Null: none.
  std::size_t (*scratch_bytes)(const Shape&) = nullptr;
  void (*run)(const Shape&, const Arguments&, std::int64_t task) = nullptr;
};

/// A kernel whose weights are brought into its own order once, at load. The order depends on the
/// kernel and on the weights' extents, never on the batch or the image size.
template <typename Shape, typename Weights, typename Arguments>
struct PackingKernel : Kernel<Shape, Arguments> {
  constexpr PackingKernel(Kernel<Shape, Arguments> base, std::size_t (*floats)(const Shape&),
                          void (*packer)(const Shape&, const Weights&, float*))
      : Kernel<Shape, Arguments>(base), packed_floats(floats), pack(packer) {}

  std::size_t (*packed_floats)(const Shape&);
  /// Fills packed_floats() floats, 64-byte aligned.
  void (*pack)(const Shape&, const Weights&, float* packed);
};

/// The kernel chosen and why, one clause, with the refusals of those before it.
template <typename AnyKernel>
struct Selection {
  const AnyKernel* kernel = nullptr;
  std::string reason;
};

/// Tasks of one worker that even out what disturbs some of them.
inline constexpr std::int64_t kTasksPerWorker = 3;

/// How many tasks a kernel should cut for `workers` (0: not known) that share them: `each` a
/// worker, at most `most`, and one for a single worker, who gains nothing from more.
[[nodiscard, gnu::always_inline]] constexpr std::int64_t wanted_tasks(std::int64_t workers,
                                                                      std::int64_t each,
                                                                      std::int64_t most) {
  constexpr std::int64_t kUsualWorkers = 8;
  if (workers == 1 || most <= 1) return 1;
  const std::int64_t wanted = (workers > 0 ? workers : kUsualWorkers) * each;
  return wanted < most ? wanted : most;
}

/// ceil(a / b) for a >= 0, b > 0.
[[nodiscard, gnu::always_inline]] constexpr std::int64_t ceil_divide(std::int64_t a,
                                                                     std::int64_t b) {
  return (a + b - 1) / b;
}

/// The smallest multiple of b that is at least a.
[[nodiscard, gnu::always_inline]] constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_divide(a, b) * b;
}

}  // namespace lode::engine
