// Import, optimise, hold.
#include <algorithm>
#include <array>
#include <set>

#include "engine/graph/editor.h"
#include "engine/onnx/import.h"
#include "engine/ops/half_weights.h"
#include "engine/ops/lowering.h"
#include "engine/passes/quantized.h"
#include "engine/runtime/denormals.h"
#include "engine/runtime/model_impl.h"

namespace lode::engine {

namespace {

Result<Isa> resolve_isa(const std::string& name) {
  if (name.empty()) return best_isa();
  const auto isa = parse_isa(name);
  if (!isa) {
    return usage_error("instruction set '{}' is unknown; there are {}", name,
                       isa_names_up_to(kAllIsas.back()));
  }
  if (*isa > best_isa()) {
    return usage_error("instruction set '{}' is not on this machine, which has {}", name,
                       isa_names_up_to(best_isa()));
  }
  return *isa;
}

/// "" of a type that is no floating one.
std::string_view precision_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "fp32";
    case DType::kF64:
      return "fp64";
    case DType::kF16:
      return "fp16";
    case DType::kBF16:
      return "bf16";
    default:
      return "";
  }
}

Status check_precision(const std::string& name) {
  constexpr std::array kNames = {"", "fp32", "fp16", "int8-static", "int8-dynamic"};
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return {};
  return usage_error(
      "precision '{}' is not available in this version; there are fp32, fp16, int8-static and "
      "int8-dynamic",
      name);
}

/// Elements of constant weights by how they are multiplied.
struct WeightCounts {
  std::int64_t bytes_static = 0;   ///< by data quantised with scales from calibration
  std::int64_t bytes_dynamic = 0;  ///< by data quantised as they come
  std::int64_t floats = 0;
};

WeightCounts count_weights(const Graph& graph) {
  WeightCounts counts;
  const auto elements = [&graph](const Node& node, std::size_t input) {
    const Tensor* weights = graph.constant(input_at(node, input));
    return weights != nullptr ? weights->element_count() : 0;
  };
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (is_op(node, {"Conv", "Gemm", "MatMul"})) counts.floats += elements(node, kWeightInput);
    if (is_op(node, {"ConvInteger", "MatMulInteger"}) || node.op_type == "MatMulIntegerToFloat" ||
        node.op_type == "DynamicQuantizeMatMul") {
      counts.bytes_dynamic += elements(node, 1);
    }
    if (is_dynamic_product(node)) counts.bytes_dynamic += elements(node, kDynamicWeight.data);
    if (is_op(node, {"QLinearConv", "QLinearMatMul"}) || node.op_type == "QGemm") {
      counts.bytes_static += elements(node, kQConvWeight.data);
    }
  }
  return counts;
}

/// "int8-static" or "int8-dynamic" of weights in 8 bits; "" where there are none. The floats beside
/// them are layers that a quantizer or a cost model left as they were.
std::string_view int8_precision(const Graph& graph) {
  const WeightCounts counts = count_weights(graph);
  if (counts.bytes_static + counts.bytes_dynamic == 0) return "";
  return counts.bytes_static >= counts.bytes_dynamic ? "int8-static" : "int8-dynamic";
}

/// The constant weights that a node multiplies its data by; null if it is no such node.
const Tensor* weights_of(const Graph& graph, const Node& node) {
  if (!is_op(node, {"Conv", "Gemm", "MatMul"})) return nullptr;
  return graph.constant(input_at(node, kWeightInput));
}

/// "fp16" of weights in half of which the lesser part stayed float; "" of others.
std::string_view half_precision(const Graph& graph) {
  std::int64_t half = 0;
  std::int64_t wide = 0;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const Tensor* weights = weights_of(graph, node);
    if (weights == nullptr) continue;
    const bool is_half = node.attributes.contains(kHalfWeightsAttribute);
    (is_half ? half : wide) += weights->element_count();
  }
  return half > 0 && half >= wide ? "fp16" : "";
}

PortInfo port_of(const Value& value) {
  PortInfo port;
  port.name = value.name;
  port.dtype = value.dtype.value_or(DType::kF32);
  port.shape = value.shape.value_or(Shape{});
  port.symbols = value.symbols;
  port.symbols.resize(port.shape.rank());
  return port;
}

/// "axis 2 ('height')"
std::string describe_axis(const PortInfo& port, std::size_t axis) {
  const std::string& symbol = port.symbols[axis];
  return symbol.empty() ? fmt::format("axis {}", axis)
                        : fmt::format("axis {} ('{}')", axis, symbol);
}

bool is_spatial(const Shape& shape, std::size_t axis) {
  return shape.rank() == 4 && axis >= 2;
}

Result<Shape> bound_shape(const PortInfo& port, std::int64_t batch, std::int64_t image_size) {
  Shape shape = port.shape;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] >= 0) continue;
    if (axis == 0) {
      shape[0] = batch;
    } else if (is_spatial(shape, axis) && image_size > 0) {
      shape[axis] = image_size;
    } else {
      return usage_error("input '{}' {}: {} is symbolic and must be given", port.name,
                         port.shape.to_string(), describe_axis(port, axis));
    }
  }
  return shape;
}

/// Size and time of the last change: what tells that a file is still the one that was read.
std::string file_stamp(const std::filesystem::path& path) {
  std::error_code code;
  const auto bytes = std::filesystem::file_size(path, code);
  const auto time = std::filesystem::last_write_time(path, code);
  return fmt::format("{} {}", bytes, time.time_since_epoch().count());
}

PassOptions pass_options(const ModelOptions& options) {
  return {.disabled = options.disabled_passes,
          .stop_after = options.stop_after_pass,
          .precision = options.precision};
}

/// The graph as load() made it.
Result<Graph> load_again(const std::filesystem::path& path, const ModelOptions& options,
                         const std::string& stamp) {
  if (file_stamp(path) != stamp) {
    return runtime_error(
        "{}: has changed since it was loaded, and weights are needed again: load it anew",
        path.string());
  }
  const FlushDenormals flush;
  LODE_TRY(Graph graph, import_onnx(path));
  LODE_CHECK_OK(optimise(graph, pass_options(options)));
  return graph;
}

}  // namespace

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

Result<std::shared_ptr<const Model>> Model::load(const std::filesystem::path& path,
                                                 const ModelOptions& options) {
  LODE_CHECK_OK(resolve_isa(options.isa));  // before the file: it costs nothing
  const std::string stamp = file_stamp(path);
  LODE_TRY(Graph graph, import_onnx(path));
  auto impl = make_impl(std::move(graph), options);
  if (!impl.ok()) {
    if (impl.error().kind == ErrorKind::kRuntime) return impl.error().within(path.string());
    return impl.error();
  }
  if (options.release_constants) {
    (*impl)->make_graph_again = [path, options, stamp] { return load_again(path, options, stamp); };
  }
  return std::shared_ptr<const Model>(new Model(std::move(*impl)));
}

Result<std::shared_ptr<const Model>> Model::from_graph(Graph graph, const ModelOptions& options) {
  LODE_TRY(auto impl, make_impl(std::move(graph), options));
  return std::shared_ptr<const Model>(new Model(std::move(impl)));
}

Result<std::unique_ptr<Model::Impl>> Model::make_impl(Graph graph, const ModelOptions& options) {
  auto impl = std::make_unique<Impl>();
  LODE_TRY(impl->isa, resolve_isa(options.isa));
  if (!options.stop_after_pass.empty() &&
      std::find(options.disabled_passes.begin(), options.disabled_passes.end(),
                options.stop_after_pass) != options.disabled_passes.end()) {
    return usage_error("pass '{}' is the one to stop after and is disabled; leave one of them out",
                       options.stop_after_pass);
  }
  LODE_CHECK_OK(check_precision(options.precision));
  impl->round_activations = options.round_activations;
  const FlushDenormals flush;  // folded constants have the bits that a run would give them
  impl->graph = std::move(graph);
  for (const std::string& name : options.disabled_passes) impl->machine_passes.disable(name);
  LODE_TRY(impl->passes, optimise(impl->graph, pass_options(options)));
  for (const ValueId id : impl->graph.inputs()) {
    impl->inputs.push_back(port_of(impl->graph.value(id)));
  }
  for (const ValueId id : impl->graph.outputs()) {
    impl->outputs.push_back(port_of(impl->graph.value(id)));
  }
  return impl;
}

Result<std::unique_ptr<Plan>> Model::Impl::build_plan(std::span<const Shape> input_shapes,
                                                      int workers) {
  const std::lock_guard lock(planning);
  PlanOptions options{.isa = isa,
                      .passes = machine_passes,
                      .workers = workers,
                      .round_activations = round_activations};
  if (make_graph_again) {
    options.release = [this](ValueId id) { GraphEditor(graph).release_constant(id); };
  }
  try {
    LODE_TRY(auto plan, Plan::build(graph, input_shapes, weights, options));
    // What runs in the reference executor reads the graph's own constants.
    if (!plan->is_static()) LODE_CHECK_OK(restore_constants());
    return plan;
  } catch (const ConstantsReleased&) {
    LODE_CHECK_OK(restore_constants());
    options.release = {};
    return Plan::build(graph, input_shapes, weights, options);
  }
}

/// Brings back what was released, for good.
Status Model::Impl::restore_constants() {
  if (!make_graph_again) return {};
  LODE_TRY(const Graph whole, make_graph_again());
  LODE_ASSERT(whole.value_capacity() == graph.value_capacity());
  for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
    const auto id = static_cast<ValueId>(i);
    const Tensor* constant = graph.constant(id);
    if (constant == nullptr || constant->has_elements()) continue;
    LODE_ASSERT(whole.constant(id) != nullptr && whole.constant(id)->shape() == constant->shape());
    GraphEditor(graph).set_constant(id, *whole.constant(id));
  }
  make_graph_again = nullptr;
  return {};
}

std::span<const PortInfo> Model::inputs() const {
  return impl_->inputs;
}
std::span<const PortInfo> Model::outputs() const {
  return impl_->outputs;
}
const Graph& Model::graph() const {
  return impl_->graph;
}
std::span<const PassReport> Model::passes() const {
  return impl_->passes;
}

std::string Model::precision() const {
  const std::string_view int8 = int8_precision(impl_->graph);
  if (!int8.empty()) return std::string(int8);
  const std::string_view half = half_precision(impl_->graph);
  if (!half.empty()) return std::string(half);
  // Weights are matrices and kernels; biases and factors may be wider than what they go with.
  std::set<DType> of_weights;
  std::set<DType> of_others;
  for (std::size_t i = 0; i < impl_->graph.value_capacity(); ++i) {
    const Tensor* constant = impl_->graph.constant(static_cast<ValueId>(i));
    if (constant == nullptr || precision_of(constant->dtype()).empty()) continue;
    (constant->shape().rank() >= 2 ? of_weights : of_others).insert(constant->dtype());
  }
  const std::set<DType>& types = of_weights.empty() ? of_others : of_weights;
  if (types.empty()) return "fp32";
  return types.size() == 1 ? std::string(precision_of(*types.begin())) : "mixed";
}

std::string Model::isa() const {
  return std::string(isa_name(impl_->isa));
}

std::size_t Model::weight_bytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < impl_->graph.value_capacity(); ++i) {
    const Tensor* constant = impl_->graph.constant(static_cast<ValueId>(i));
    if (constant != nullptr) bytes += constant->byte_size();
  }
  return bytes;
}

Result<std::vector<Shape>> Model::input_shapes(std::int64_t batch, std::int64_t image_size) const {
  if (batch < 1) return usage_error("a batch of {}: at least 1 is needed", batch);
  const auto has_size = [&](const PortInfo& port) {
    return port.shape.rank() == 4 && port.shape[2] == image_size && port.shape[3] == image_size;
  };
  if (image_size > 0 && !has_symbolic_size() &&
      std::none_of(impl_->inputs.begin(), impl_->inputs.end(), has_size)) {
    return usage_error("a size of {}: no input leaves height or width open", image_size);
  }
  if (impl_->inputs.size() == 1) {
    // Of several inputs, one with a static leading extent may well be no batch.
    const PortInfo& only = impl_->inputs.front();
    if (only.shape.rank() > 0 && only.shape[0] >= 0 && only.shape[0] != batch) {
      return usage_error("input '{}' takes a batch of {}; {} was asked for", only.name,
                         only.shape[0], batch);
    }
  }
  std::vector<Shape> shapes;
  bool takes_batch = batch == 1;
  for (const PortInfo& port : impl_->inputs) {
    LODE_TRY(const Shape shape, bound_shape(port, batch, image_size));
    takes_batch = takes_batch || (shape.rank() > 0 && shape[0] == batch);
    shapes.push_back(shape);
  }
  if (!takes_batch) {
    return usage_error("a batch of {}: no input has a leading extent that is open or {}", batch,
                       batch);
  }
  return shapes;
}

bool Model::has_symbolic_batch() const {
  return std::any_of(impl_->inputs.begin(), impl_->inputs.end(), [](const PortInfo& port) {
    return port.shape.rank() > 0 && port.shape[0] < 0;
  });
}

bool Model::has_symbolic_size() const {
  return std::any_of(impl_->inputs.begin(), impl_->inputs.end(), [](const PortInfo& port) {
    for (std::size_t axis = 0; axis < port.shape.rank(); ++axis) {
      if (is_spatial(port.shape, axis) && port.shape[axis] < 0) return true;
    }
    return false;
  });
}

}  // namespace lode::engine
