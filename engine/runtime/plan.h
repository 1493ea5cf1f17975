// A graph made concrete for given input extents: which kernel runs each node on which memory.
//
//   infer shapes -> assign layouts, converting where operators disagree -> views share memory
//   -> steps -> lifetimes -> offsets in one arena
//
// Graph inputs and outputs are the caller's memory, in ONNX's order; an output is written in place
// by the step that makes it wherever its order allows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/ops/shape_inference.h"
#include "engine/passes/pass.h"
#include "engine/runtime/memory_plan.h"
#include "engine/runtime/session.h"

namespace lode::engine {

class ThreadPool;

/// Frees the elements of a constant of the graph.
using ReleaseConstant = std::function<void(ValueId)>;

/// Where a value's bytes are.
struct Buffer {
  enum class Home : std::uint8_t { kArena, kConstant, kInput, kOutput };
  Home home = Home::kArena;
  std::size_t index = 0;  ///< of the graph input or output; of the lifetime for the arena
  const std::byte* constant = nullptr;
  std::size_t bytes = 0;
};
using BufferId = std::int32_t;
inline constexpr BufferId kNoBuffer = -1;

/// The memory behind an argument of a step.
struct Argument {
  BufferId buffer = kNoBuffer;  ///< kNoBuffer: omitted
  std::size_t offset_bytes = 0;
  std::size_t bytes = 0;  ///< of the value, which may be a slice of the buffer's pixels
};

/// A step and where its arguments are.
struct PlanStep {
  Step step;
  NodeId node = kNoNode;  ///< kNoNode: a conversion or copy made by the planner
  std::string op_type;
  std::string name;
  Shape output_shape;
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
};

/// What the planner decided, before memory is bound.
struct PlanParts {
  /// Above 1: the batch is split. `steps`, `buffers`, `memory` and `inferred` are then those of one
  /// part, which a worker runs by itself.
  std::int64_t batch_parts = 1;
  InferredGraph inferred;
  std::vector<Buffer> buffers;
  std::vector<PlanStep> steps;
  std::vector<PassReport> decisions;  ///< of the machine passes
  std::vector<Lifetime> lifetimes;    ///< of the arena's buffers
  MemoryPlan memory;
  std::vector<Shape> input_shapes;  ///< of the graph, for the whole batch, as are `outputs`
  std::vector<ValueInfo> outputs;
  std::int64_t workers = 1;
  std::vector<Tensor> constants;  ///< that steps read, kept alive
  /// Filled by a reference step that fails in a run; cleared by who reads it.
  std::shared_ptr<std::optional<Error>> failure = std::make_shared<std::optional<Error>>();
};

/// What a plan is made for.
struct PlanOptions {
  Isa isa = Isa::kGeneric;  ///< the most that a kernel may use
  MachinePasses passes;
  std::int64_t workers = 1;        ///< who will run the steps; no result depends on it
  bool round_activations = false;  ///< to half, behind each operator
  /// Called for each constant that is part of packed weights now and that no other node reads, if
  /// it is there: the graph may let go of it.
  ReleaseConstant release = {};
};

/// A plan that can run: the parts with their pointers bound to an arena.
class Plan {
 public:
  /// `graph` and `weights` must outlive the plan. Throws ConstantsReleased where an earlier plan
  /// had one released that this one needs.
  [[nodiscard]] static Result<std::unique_ptr<Plan>> build(const Graph& graph,
                                                           std::span<const Shape> input_shapes,
                                                           WeightCache& weights,
                                                           const PlanOptions& options);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  [[nodiscard]] const PlanParts& parts() const { return parts_; }
  /// False: shapes depend on the data, and there are no steps.
  [[nodiscard]] bool is_static() const { return parts_.inferred.data_dependent.empty(); }
  [[nodiscard]] std::size_t arena_bytes() const;    ///< of all workers
  [[nodiscard]] std::size_t scratch_bytes() const;  ///< of one worker

  /// Puts the arena's buffers at `arena`, 64-byte aligned; to be called again when it moves.
  /// `scratch` has room for scratch_bytes() a worker, `scratch_stride` apart.
  void bind(std::byte* arena, std::byte* scratch, std::size_t scratch_stride);

  /// Runs all steps. Shapes and types of inputs and outputs have been checked. Allocates nothing
  /// but what references of operators without a kernel may. `step_ns`, if not empty, takes the time
  /// of each step, as the caller sees it.
  [[nodiscard]] Status run(ThreadPool& pool, std::span<const TensorView> inputs,
                           std::span<const MutableTensorView> outputs,
                           std::span<std::int64_t> step_ns = {});

  [[nodiscard]] PlanInfo info(const Graph& graph) const;

 private:
  explicit Plan(PlanParts parts);

  /// The pointers of a step.
  struct Bound {
    std::vector<const std::byte*> inputs;
    std::vector<std::byte*> outputs;
  };
  /// Parallel to the steps.
  using Binding = std::vector<Bound>;
  /// What the parts of a split batch share while they run.
  struct PartsRun;
  /// An argument that is the caller's memory, set anew in each run.
  struct PortArgument {
    std::size_t step;
    std::size_t argument;
    bool is_step_output;
    Buffer::Home home;
    std::size_t port;
    std::size_t offset_bytes;
  };

  [[nodiscard]] std::size_t touched_bytes(const PlanStep& step) const;
  [[nodiscard]] bool is_split() const { return parts_.batch_parts > 1; }
  void bind(Binding& binding, std::byte* arena) const;
  void set_ports(Binding& binding, std::span<const TensorView> inputs,
                 std::span<const MutableTensorView> outputs, std::int64_t part) const;
  void run_part(const PartsRun& run, std::int64_t part, int worker);
  [[nodiscard]] Status run_parts(ThreadPool& pool, std::span<const TensorView> inputs,
                                 std::span<const MutableTensorView> outputs,
                                 std::span<std::int64_t> step_ns);

  PlanParts parts_;
  std::vector<Binding> bindings_;  ///< one, or one a worker if the batch is split
  std::vector<PortArgument> ports_;
  std::byte* scratch_ = nullptr;
  std::size_t scratch_stride_ = 0;
};

}  // namespace lode::engine
