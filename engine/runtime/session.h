// Load a model once, run it from as many sessions as wanted.
//
//   auto model = Model::load("m.onnx", {});                  // import, optimise
//   auto session = Session::create(*model, {.threads = 2});  // pool
//   session->prepare({{8, 3, 224, 224}});                    // plan and arena for this extent
//   session->run(inputs, outputs);                           // allocates nothing
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/tensor_view.h"
#include "engine/graph/tensor.h"
#include "engine/ops/kernel_flops.h"
#include "engine/passes/pass.h"

namespace lode::engine {

class Graph;

struct ModelOptions {
  std::vector<std::string> disabled_passes;
  std::string stop_after_pass;
  /// Cap on the instruction set: generic, avx2, avx512, avx512-vnni, avx512-amx; "" is the best
  /// there is.
  /// One that this machine lacks is a usage error.
  std::string isa;
  /// Frees constants once they are packed for a kernel, so that a model is not held twice. Of
  /// load() only: a plan that needs them for another kernel reads the file again, and fails if it
  /// has changed. Model::graph() then has constants without elements.
  bool release_constants = false;
  /// "fp16" rounds the f32 weights of convolutions and matrix products to half and keeps them so;
  /// what a half cannot hold stays float (PassReport "narrow_weights" names it). "int8-dynamic"
  /// brings them to 8 bits, with data quantised as they come, where that is faster (PassReport
  /// "quantize_dynamic" names the others). The others take what is stored: "int8-static" needs
  /// scales that only calibration gives. Whether the model then is what was asked for, precision()
  /// tells.
  std::string precision = {};
  /// Rounds what each operator makes to half, as an engine with half activations would store it;
  /// sums stay float. Beyond 65504 a value becomes infinite.
  bool round_activations = false;
};

/// One declared input or output: shape with -1 for symbolic extents.
struct PortInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<std::string> symbols;  ///< names of the symbolic extents, "" where static
};

/// An imported and optimised model with its packed weights; immutable, shared by sessions, safe to
/// use from several threads.
class Model {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path,
                                                                 const ModelOptions& options);
  [[nodiscard]] static Result<std::shared_ptr<const Model>> from_graph(Graph graph,
                                                                       const ModelOptions& options);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model();

  [[nodiscard]] std::span<const PortInfo> inputs() const;
  /// As declared, f32 and of rank 0 where nothing is: Session::output_ports() tells what is made.
  [[nodiscard]] std::span<const PortInfo> outputs() const;
  [[nodiscard]] const Graph& graph() const;  ///< after the passes
  [[nodiscard]] std::span<const PassReport> passes() const;
  /// Precision of the weights of convolutions and matrix products, or of all constants where there
  /// are none: "fp32", "fp16", "bf16", "fp64"; "mixed" if they differ. Half weights with the few
  /// that no half can hold are "fp16". "int8-static" or "int8-dynamic" where some are multiplied in
  /// 8 bits, whatever stays float beside them.
  [[nodiscard]] std::string precision() const;
  /// Bytes of the graph's constants, as held after the passes.
  [[nodiscard]] std::size_t weight_bytes() const;
  /// The cap in force on the kernels' instruction set: "generic", "avx2", ...
  [[nodiscard]] std::string isa() const;

  /// Inputs' extents for a batch of `batch`: symbolic leading extents are set to it (a static one
  /// must equal it if the input is the only one), all other symbolic extents are an error that
  /// names them. `image_size` > 0 sets symbolic height and width; a usage error if there are none
  /// and no input is of this size.
  [[nodiscard]] Result<std::vector<Shape>> input_shapes(std::int64_t batch,
                                                        std::int64_t image_size = 0) const;
  /// True if an input's leading extent is symbolic: any batch can be run.
  [[nodiscard]] bool has_symbolic_batch() const;
  /// True if a height or width is symbolic.
  [[nodiscard]] bool has_symbolic_size() const;

  struct Impl;

 private:
  friend class Session;
  [[nodiscard]] static Result<std::unique_ptr<Impl>> make_impl(Graph graph,
                                                               const ModelOptions& options);
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct SessionOptions {
  int threads = 1;        ///< workers, the caller included; at least 1
  std::vector<int> cpus;  ///< pin worker i to cpus[i % size]; empty: not pinned
};

/// What one step of a plan is, for `inspect` and the profile.
struct StepInfo {
  std::string node;
  std::string op_type;
  std::string kernel;
  std::string reason;
  Shape output_shape;
  std::size_t scratch_bytes = 0;
  /// Of a convolution's or product's definition, a multiply-add counting as two; 0: not counted.
  double flops = 0.0;
  std::vector<KernelFlops> members;  ///< of the kernels that it calls; empty: only `kernel`
  /// Of the inputs, the weights and the outputs, each once: the least that is read and written.
  std::size_t bytes = 0;
};

struct PlanInfo {
  std::vector<StepInfo> steps;
  std::size_t arena_bytes = 0;
  std::size_t packed_weight_bytes = 0;
  bool is_static = true;  ///< false: shapes depend on data; runs in the reference executor
  std::vector<std::string> data_dependent_nodes;
  std::vector<PassReport> decisions;  ///< of the machine passes, for this plan
};

/// A pool of threads, an arena and the plans for the extents seen. For one caller at a time;
/// several sessions run independently of each other.
class Session {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Model> model,
                                                               const SessionOptions& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Builds the plan for these input extents and the memory that it needs, so that run() with
  /// them allocates nothing, unless plan_info() has "reference" steps: those may.
  [[nodiscard]] Status prepare(std::span<const Shape> input_shapes);

  /// Types and extents of the outputs for these input extents, in the order of Model::outputs().
  /// Fails for a plan that is not static, and for a model that declares other ones.
  [[nodiscard]] Result<std::vector<PortInfo>> output_ports(std::span<const Shape> input_shapes);

  /// Runs on inputs in ONNX's order (NCHW), in the order of Model::inputs(). `outputs` have the
  /// types and shapes of output_ports() and memory of the caller's, which overlaps neither the
  /// inputs nor another output. Prepares first if these extents are new. Bit-equal for every thread
  /// count, and for each sample in every batch.
  [[nodiscard]] Status run(std::span<const TensorView> inputs,
                           std::span<const MutableTensorView> outputs);

  /// run(), with the time of each step in `step_ns`: as many elements as plan_info() has steps.
  /// Fails for a plan that is not static.
  [[nodiscard]] Status run_timed(std::span<const TensorView> inputs,
                                 std::span<const MutableTensorView> outputs,
                                 std::span<std::int64_t> step_ns);

  /// run() for any model, data-dependent shapes included: outputs are allocated.
  [[nodiscard]] Result<std::vector<Tensor>> run_allocating(std::span<const TensorView> inputs);

  [[nodiscard]] Result<PlanInfo> plan_info(std::span<const Shape> input_shapes);

  /// Most plans that are held; one more drops the least recently used. Above the batch sizes that a
  /// server meets, below what streams of images of any size would pile up.
  static constexpr std::size_t kPlansMax = 256;
  [[nodiscard]] std::size_t plan_count() const;

  struct Impl;

 private:
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lode::engine
