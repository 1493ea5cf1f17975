// Operators without a kernel inside a plan: their reference as a step of one task.
#pragma once

#include <memory>
#include <optional>

#include "engine/ops/operator.h"

namespace lode::engine {

/// Step::kernel of such a step.
inline constexpr std::string_view kReferenceKernel = "reference";

/// `node` must outlive the step. Inputs and outputs are in ONNX's order. An error of the reference
/// is put into `failure`, if that is empty. References may allocate in a run; kernels do not.
[[nodiscard]] Step reference_step(const Node& node, const OperatorDef& definition,
                                  std::span<const ValueInfo> inputs,
                                  std::span<const ValueInfo> outputs, std::string reason,
                                  std::shared_ptr<std::optional<Error>> failure);

}  // namespace lode::engine
