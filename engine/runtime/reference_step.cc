// Binds the views once; a run only sets their pointers.
#include "engine/runtime/reference_step.h"

namespace lode::engine {

namespace {

struct ReferenceRun {
  const Node& node;
  Status (*reference)(const ReferenceContext&);
  std::vector<TensorView> inputs;
  std::vector<MutableTensorView> outputs;
  std::shared_ptr<std::optional<Error>> failure;

  void operator()(const StepArguments& arguments) {
    for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].data = arguments.inputs[i];
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].data = arguments.outputs[i];
    const Status status =
        reference(ReferenceContext{.node = node, .inputs = inputs, .outputs = outputs});
    if (!status.ok() && !failure->has_value()) *failure = status.error();
  }
};

}  // namespace

Step reference_step(const Node& node, const OperatorDef& definition,
                    std::span<const ValueInfo> inputs, std::span<const ValueInfo> outputs,
                    std::string reason, std::shared_ptr<std::optional<Error>> failure) {
  auto run = std::make_shared<ReferenceRun>(
      ReferenceRun{node, definition.reference, {}, {}, std::move(failure)});
  for (const ValueInfo& input : inputs) run->inputs.push_back({nullptr, input.dtype, input.shape});
  for (const ValueInfo& output : outputs) {
    run->outputs.push_back({nullptr, output.dtype, output.shape});
  }
  Step step;
  step.kernel = kReferenceKernel;
  step.reason = std::move(reason);
  step.run = [run](const StepArguments& arguments, std::int64_t) { (*run)(arguments); };
  return step;
}

}  // namespace lode::engine
