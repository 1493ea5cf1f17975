// What every kernel family shares: the shape of a kernel descriptor and the selection rule.
//
// A family is a folder: the contract header (shapes, layouts, tolerance, FLOPs), reference.cc, the
// variants in one file an ISA, and kernels.inc, which names each variant in one line, best first.
// That line declares the variant and puts it before selection, test and benchmark.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "engine/kernels/cpu_features.h"

namespace lode::engine {

/// A kernel that works on its arguments alone. Its work is cut into tasks that may run at once, on
/// any thread, in any order; the cut depends on the shape alone, and run() neither allocates nor
/// blocks.
template <typename Shape, typename Arguments>
struct Kernel {
  std::string_view name;      ///< in logs, benchmarks and records: "eigen_f32_conv_im2col"
  Isa isa = Isa::kGeneric;    ///< what it needs
  std::string_view strength;  ///< why it is taken where it is, one clause
  /// Why it cannot take the shape, one clause; "" if it can. Null: takes every shape.
  std::string_view (*refuse)(const Shape&) = nullptr;
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

/// The first of `best_first` that takes the shape and needs no more than `cap`. A pure function;
/// every family ends its list with a kernel that takes all shapes on every machine.
template <typename AnyKernel, typename Shape>
[[nodiscard]] Selection<AnyKernel> select_kernel(std::span<const AnyKernel* const> best_first,
                                                 const Shape& shape, Isa cap) {
  std::string refusals;
  for (const AnyKernel* kernel : best_first) {
    std::string why;
    if (kernel->isa > cap) {
      why = "needs " + std::string(isa_name(kernel->isa));
    } else if (kernel->refuse != nullptr) {
      why = kernel->refuse(shape);
    }
    if (why.empty()) return {kernel, std::string(kernel->strength) + refusals};
    refusals += "; not " + std::string(kernel->name) + ": " + why;
  }
  LODE_ASSERT(false);
  return {};
}

/// Floats at the alignment that kernels may rely on, uninitialised.
class AlignedFloats {
 public:
  static constexpr std::size_t kAlignment = 64;

  explicit AlignedFloats(std::size_t count)
      : data_(static_cast<float*>(std::aligned_alloc(kAlignment, round_up(count * sizeof(float))))),
        count_(count) {
    LODE_ASSERT(data_ != nullptr);
  }

  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(float* pointer) const { std::free(pointer); }
  };
  static constexpr std::size_t round_up(std::size_t bytes) {
    return (bytes + kAlignment) / kAlignment * kAlignment;
  }

  std::unique_ptr<float, Free> data_;
  std::size_t count_;
};

/// ceil(a / b) for a >= 0, b > 0.
[[nodiscard]] constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// The smallest multiple of b that is at least a.
[[nodiscard]] constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_divide(a, b) * b;
}

}  // namespace lode::engine
