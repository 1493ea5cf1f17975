// What the engine knows of an operator: one OperatorDef, in one file of its group, and one line in
// ops/registry.cc. Shape inference and the reference run serve the whole graph language; lowering
// is there where a kernel is faster than the reference.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/kernels/cpu_features.h"
#include "engine/ops/kernel_flops.h"
#include "engine/ops/machine_pass.h"

namespace lode::engine {

/// What is known of a value once the graph's inputs have extents.
struct ValueInfo {
  bool present = false;  ///< false: an omitted optional input
  DType dtype = DType::kF32;
  Shape shape;                       ///< static unless `known_shape` is false
  bool known_shape = true;           ///< false: depends on the values of the data
  const Tensor* constant = nullptr;  ///< its elements, if they are known before the run
};

struct InferContext {
  const Node& node;
  std::span<const ValueInfo> inputs;  ///< parallel to node.inputs
  std::span<ValueInfo> outputs;       ///< parallel to node.outputs; to be filled (dtype and shape)
};

struct ReferenceContext {
  const Node& node;
  /// Parallel to node.inputs; data is null where the optional input is omitted.
  std::span<const TensorView> inputs;
  /// Parallel to node.outputs, allocated as inferred; data is null where the output is omitted.
  std::span<const MutableTensorView> outputs;
};

/// Memory order of a value in the plan. Shapes stay ONNX's.
enum class Layout : std::uint8_t {
  kPlain,         ///< row-major in ONNX's order (NCHW)
  kChannelsLast,  ///< rank 4 only: NHWC in memory, shape still [N,C,H,W]
};

/// Where the elements of a value stand in memory.
struct Placement {
  Layout layout = Layout::kPlain;
  /// Channels-last only: elements from one pixel to the next, if the value is a slice of a wider
  /// one; 0: its own channels alone.
  std::int64_t pixel_stride = 0;

  [[nodiscard]] bool is_channels_last() const { return layout == Layout::kChannelsLast; }
};

/// Pointers of one step of a plan, resolved when the plan was bound to its arena.
struct StepArguments {
  std::span<const std::byte* const> inputs;  ///< parallel to node.inputs; null if omitted
  std::span<std::byte* const> outputs;
  std::byte* scratch = nullptr;  ///< Step::scratch_bytes, one's own per worker, 64-byte aligned
};

struct ConvCall;

/// One kernel call of a plan, cut into tasks that may run at once, on any worker, in any order.
/// The cut depends on shapes alone, never on the number of threads, so that results do not either.
struct Step {
  std::string kernel;  ///< "eigen_f32_conv_1x1": in profiles and `inspect`
  std::string reason;  ///< why this kernel, one clause
  std::int64_t task_count = 1;
  std::size_t scratch_bytes = 0;
  /// Runs task `task` in [0, task_count). Does not throw or block. A kernel's allocates nothing; a
  /// reference's may.
  std::function<void(const StepArguments&, std::int64_t task)> run;
  /// Inputs, a bit each, in whose memory the output may stand: of the same size, and each element
  /// is read before that place is written, by the same task.
  std::uint32_t may_overwrite = 0;
  std::shared_ptr<const void> weights;  ///< packed weights that `run` points into
  std::size_t weight_bytes = 0;         ///< of `weights`
  /// Bit i: input i is a constant that is part of `weights`; `run` does not read it.
  std::uint32_t packed_inputs = 0;
  /// Multiplications and additions of the definition, of convolutions and matrix products only: a
  /// kernel that needs fewer has more than its machine's FLOP/s. 0: not counted.
  double flops = 0.0;
  std::vector<KernelFlops> members;  ///< of the kernels that it calls; empty: only `kernel`
  /// Pairs of least and greatest, of 0 and the values, that `run` leaves for each image of output 0
  /// in a float output 1 [images, range_pieces, 2], where the step is given one. 0: it cannot.
  std::int64_t range_pieces = 0;
  /// What `run` calls, where that is a kernel of the convolutions (engine/ops/conv_call.h): a plan
  /// may call it otherwise, on bands of rows.
  std::shared_ptr<const ConvCall> conv;
};

/// Packed weights live as long as the model and are shared by all its plans.
class WeightCache {
 public:
  virtual ~WeightCache() = default;
  /// The object made by an earlier call with the same key, or by `make` now.
  virtual std::shared_ptr<const void> get(
      std::string_view key, const std::function<std::shared_ptr<const void>()>& make) = 0;
};

struct LowerContext {
  const Node& node;
  std::span<const ValueInfo> inputs;
  std::span<const ValueInfo> outputs;
  std::span<const Placement> input_places;   ///< as they will be in memory, parallel to inputs
  std::span<const Placement> output_places;  ///< as they must be written
  WeightCache& weights;
  Isa isa = Isa::kGeneric;  ///< the most that a kernel may use
  MachinePasses passes;
  std::int64_t workers = 1;  ///< who will share the tasks of a step; no result depends on it
  /// All known inputs are constants of the graph. False: some follow from this plan's extents, and
  /// what is made of them is this plan's alone.
  bool has_shared_constants = true;
};

/// Which layouts an operator's lowering takes.
enum class LayoutRule : std::uint8_t {
  kPlain,         ///< inputs and outputs row-major in ONNX's order
  kChannelsLast,  ///< data inputs and outputs of rank 4 channels-last; constants as stored
  kFollow,        ///< any: the output's layout is the data inputs', which the planner makes agree
};

/// What a node's lowering takes beside dense values in the layout of its rule.
struct PlacementSupport {
  bool plain_input = false;     ///< data input 0 may be plain under LayoutRule::kChannelsLast
  bool strided_inputs = false;  ///< data inputs may have a pixel stride
  bool strided_output = false;  ///< output 0 may
};

struct OperatorDef {
  std::string_view domain = "";  ///< "" is ai.onnx
  std::string_view op_type = "";
  /// Versions of the operator set that are understood; others are refused at load by name.
  std::int64_t opset_min = 1;
  std::int64_t opset_max = 0;
  /// Checks all that needs no types and no shapes: counts of inputs and outputs, attributes. Runs
  /// at import for every node, so that none behind a data-dependent shape slips through.
  Status (*check)(const Node&) = nullptr;
  /// Checks attributes, types and shapes, and fills the outputs. The node has passed `check`.
  /// Errors name attribute and value.
  Status (*infer)(InferContext&) = nullptr;
  /// Plain code that any reader can check against the ONNX text. Inputs have passed `infer`.
  Status (*reference)(const ReferenceContext&) = nullptr;
  /// A step whose kernel beats the reference. Null, or a step whose `run` is empty (its `reason`
  /// says why not for this node): the reference serves.
  Result<Step> (*lower)(LowerContext&) = nullptr;
  LayoutRule layout = LayoutRule::kPlain;
  /// Reads types and shapes alone: the context's places are not set. Null: nothing.
  PlacementSupport (*placements)(const LowerContext&) = nullptr;
  /// The output is the first input's elements under another shape: no step at all.
  bool is_view = false;
  /// The outputs' elements follow from the inputs' shapes alone: they are known before the run.
  bool needs_shapes_only = false;
  /// Where all data has samples along its leading axis: sample i of the outputs follows from sample
  /// i of the inputs and from constants. Null: not known to.
  bool (*keeps_samples)(const Node& node, std::span<const ValueInfo> inputs) = nullptr;
};

/// OperatorDef::keeps_samples of operators that never look from one sample to another.
[[nodiscard]] inline bool each_sample(const Node&, std::span<const ValueInfo>) {
  return true;
}

/// All operators, in one list (ops/registry.cc).
[[nodiscard]] std::span<const OperatorDef> all_operators();

/// The definition for a node, or an error that names node, operator and version.
[[nodiscard]] Result<const OperatorDef*> find_operator(const Node& node);

}  // namespace lode::engine
