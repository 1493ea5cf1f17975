// Fuzzes the ONNX reader, the passes and shape inference behind it, and runs what is small enough
// by plans and by the references, which must agree. Bytes changed at random rarely stay a model, so
// half of the mutations change the message instead: an operator, a link, an attribute, a constant.
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "engine/onnx/import.h"
#include "engine/ops/shape_inference.h"
#include "engine/passes/pass.h"
#include "engine/runtime/reference_executor.h"
#include "engine/runtime/session.h"

namespace {

using lode::Rng;
using lode::uniform_below;

constexpr std::string_view kAttributes[] = {"alpha",
                                            "auto_pad",
                                            "axes",
                                            "axis",
                                            "beta",
                                            "bias",
                                            "ceil_mode",
                                            "dilations",
                                            "epsilon",
                                            "group",
                                            "keepdims",
                                            "kernel_shape",
                                            "max",
                                            "min",
                                            "mode",
                                            "pads",
                                            "perm",
                                            "size",
                                            "spatial",
                                            "strides",
                                            "to",
                                            "transA",
                                            "transB",
                                            "value",
                                            "value_float",
                                            "value_ints",
                                            "lode_activation",
                                            "is_test",
                                            "allowzero",
                                            "training_mode",
                                            "block_size",
                                            "output_dtype",
                                            "opset",
                                            "channels_last",
                                            "count_include_pad"};
constexpr std::string_view kStrings[] = {"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "constant",
                                         "reflect",    "edge",       "Relu",  "Clip",   ""};
constexpr std::int64_t kNumbers[] = {0,  1,  2,    3,         4,         7,        16,
                                     -1, -2, 1000, INT32_MAX, INT64_MAX, INT64_MIN};

template <typename T, std::size_t N>
T pick(Rng& rng, const T (&from)[N]) {
  return from[uniform_below(rng, N)];
}

std::uint32_t index_below(Rng& rng, int size) {
  return uniform_below(rng, static_cast<std::uint32_t>(std::max(size, 1)));
}

std::int64_t small_number(Rng& rng) {
  return uniform_below(rng, 4) == 0 ? pick(rng, kNumbers) : uniform_below(rng, 5);
}

// The name of some value of the graph.
std::string pick_value(Rng& rng, const onnx::GraphProto& graph) {
  switch (uniform_below(rng, 4)) {
    case 0:
      if (graph.input_size() > 0) {
        return graph.input(static_cast<int>(index_below(rng, graph.input_size()))).name();
      }
      return "";
    case 1:
      if (graph.initializer_size() > 0) {
        return graph.initializer(static_cast<int>(index_below(rng, graph.initializer_size())))
            .name();
      }
      return "";
    default:
      break;
  }
  if (graph.node_size() == 0) return "";
  const onnx::NodeProto& node = graph.node(static_cast<int>(index_below(rng, graph.node_size())));
  return node.output_size() > 0 ? node.output(0) : "";
}

// A tensor of a random type and small shape whose data fits.
void fill_tensor(Rng& rng, onnx::TensorProto& tensor) {
  constexpr std::int32_t kTypes[] = {1, 1, 1, 1, 7, 7, 6, 9, 2, 2, 3, 3, 11, 10};
  const std::int32_t type = pick(rng, kTypes);
  std::size_t count = 1;
  tensor.clear_dims();
  for (std::uint32_t rank = uniform_below(rng, 5); rank > 0; --rank) {
    const std::uint32_t extent = uniform_below(rng, 4);
    tensor.add_dims(extent);
    count *= extent;
  }
  tensor.set_data_type(type);
  tensor.clear_float_data();
  const std::size_t width = type == 7 || type == 11               ? 8
                            : type == 10                          ? 2
                            : type == 9 || type == 2 || type == 3 ? 1
                                                                  : 4;
  std::string raw(count * width, '\0');
  for (std::size_t i = 0; i < raw.size(); i += width) {
    raw[i] = static_cast<char>(uniform_below(rng, 4));
    if (type == 7 && uniform_below(rng, 8) == 0) raw.replace(i, width, width, '\xFF');
  }
  tensor.set_raw_data(raw);
}

void add_attribute(Rng& rng, onnx::NodeProto& node) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(pick(rng, kAttributes)));
  using Type = onnx::AttributeProto;
  switch (uniform_below(rng, 5)) {
    case 0:
      attribute.set_type(Type::INT);
      attribute.set_i(small_number(rng));
      break;
    case 1:
      attribute.set_type(Type::FLOAT);
      attribute.set_f(static_cast<float>(small_number(rng)));
      break;
    case 2:
      attribute.set_type(Type::STRING);
      attribute.set_s(std::string(pick(rng, kStrings)));
      break;
    case 3:
      attribute.set_type(Type::TENSOR);
      fill_tensor(rng, *attribute.mutable_t());
      break;
    default:
      attribute.set_type(Type::INTS);
      for (std::uint32_t n = uniform_below(rng, 6); n > 0; --n) {
        attribute.add_ints(small_number(rng));
      }
  }
}

void set_operator(Rng& rng, onnx::NodeProto& node) {
  const auto operators = lode::engine::all_operators();
  const auto& definition =
      operators[uniform_below(rng, static_cast<std::uint32_t>(operators.size()))];
  node.set_op_type(std::string(definition.op_type));
  node.set_domain(std::string(definition.domain));
}

void add_node(Rng& rng, onnx::GraphProto& graph) {
  onnx::NodeProto node;
  set_operator(rng, node);
  // Operators on quantised values have up to nine inputs.
  for (std::uint32_t n = 1 + uniform_below(rng, uniform_below(rng, 2) == 0 ? 5 : 9); n > 0; --n) {
    node.add_input(pick_value(rng, graph));
  }
  node.add_output("v" + std::to_string(rng() % 1000));
  if (uniform_below(rng, 2) == 0) graph.mutable_output(0)->set_name(node.output(0));
  *graph.add_node() = node;
}

// A model of x to y, both [n,2,3,3] in f32, without nodes.
onnx::ModelProto empty_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::OperatorSetIdProto& microsoft = *model.add_opset_import();
  microsoft.set_domain("com.microsoft");
  microsoft.set_version(1);
  onnx::GraphProto& graph = *model.mutable_graph();
  for (const char* name : {"x", "y"}) {
    onnx::ValueInfoProto& info = name[0] == 'x' ? *graph.add_input() : *graph.add_output();
    info.set_name(name);
    auto* type = info.mutable_type()->mutable_tensor_type();
    type->set_elem_type(1);
    type->mutable_shape()->add_dim()->set_dim_param("n");
    for (const int extent : {2, 3, 3}) type->mutable_shape()->add_dim()->set_dim_value(extent);
  }
  return model;
}

void add_node(onnx::GraphProto& graph, const char* op, std::vector<const char*> inputs,
              const char* output) {
  onnx::NodeProto& made = *graph.add_node();
  made.set_op_type(op);
  for (const char* input : inputs) made.add_input(input);
  made.add_output(output);
}

// Conv and Add between QuantizeLinear and DequantizeLinear, and a dynamic one.
onnx::ModelProto quantised_model() {
  onnx::ModelProto model = empty_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto scalar = [&graph](const char* name, int type, float value) {
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    if (type == 1) tensor.add_float_data(value);
    if (type != 1) tensor.add_int32_data(static_cast<int>(value));
  };
  scalar("s", 1, 0.5F);
  scalar("z", 2, 128.0F);
  onnx::TensorProto& weight = *graph.add_initializer();
  weight.set_name("w");
  weight.set_data_type(3);
  for (const int extent : {2, 2, 1, 1}) weight.add_dims(extent);
  for (const int value : {1, -2, 3, -4}) weight.add_int32_data(value);
  add_node(graph, "QuantizeLinear", {"x", "s", "z"}, "q");
  add_node(graph, "DequantizeLinear", {"q", "s", "z"}, "d");
  add_node(graph, "DequantizeLinear", {"w", "s"}, "v");
  add_node(graph, "Conv", {"d", "v"}, "c");
  add_node(graph, "QuantizeLinear", {"c", "s", "z"}, "cq");
  add_node(graph, "DequantizeLinear", {"cq", "s", "z"}, "cd");
  add_node(graph, "Add", {"cd", "d"}, "a");
  add_node(graph, "Relu", {"a"}, "r");
  add_node(graph, "QuantizeLinear", {"r", "s", "z"}, "rq");
  add_node(graph, "DequantizeLinear", {"rq", "s", "z"}, "rd");
  add_node(graph, "DynamicQuantizeLinear", {"rd"}, "e");
  graph.mutable_node(graph.node_size() - 1)->add_output("es");
  graph.mutable_node(graph.node_size() - 1)->add_output("ez");
  add_node(graph, "ConvInteger", {"e", "w", "ez"}, "i");
  add_node(graph, "Cast", {"i"}, "f");
  onnx::AttributeProto& to = *graph.mutable_node(graph.node_size() - 1)->add_attribute();
  to.set_name("to");
  to.set_type(onnx::AttributeProto::INT);
  to.set_i(1);
  add_node(graph, "Mul", {"es", "s"}, "m");
  add_node(graph, "Mul", {"f", "m"}, "y");
  return model;
}

// Relu(BatchNormalization(Conv(x))): what the passes look for.
onnx::ModelProto first_model() {
  onnx::ModelProto model = empty_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto constant = [&graph](const char* name, std::vector<std::int64_t> dims) {
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(1);
    int count = 1;
    for (const std::int64_t dim : dims) {
      tensor.add_dims(dim);
      count *= static_cast<int>(dim);
    }
    for (int i = 0; i < count; ++i) tensor.add_float_data(1.0F);
  };
  constant("w", {2, 2, 1, 1});
  for (const char* name : {"s", "b", "m", "v"}) constant(name, {2});
  add_node(graph, "Conv", {"x", "w"}, "c");
  add_node(graph, "BatchNormalization", {"c", "s", "b", "m", "v"}, "n");
  add_node(graph, "Relu", {"n"}, "y");
  return model;
}

void mutate_graph(Rng& rng, onnx::ModelProto& model) {
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::NodeProto& node =
      *graph.mutable_node(static_cast<int>(index_below(rng, graph.node_size())));
  switch (uniform_below(rng, 9)) {
    case 0:
      return add_node(rng, graph);
    case 1:
      return add_attribute(rng, node);
    case 2:
      node.clear_attribute();
      return;
    case 3:
      node.add_input(pick_value(rng, graph));
      return;
    case 4:
      if (node.input_size() == 0) return;
      node.set_input(static_cast<int>(index_below(rng, node.input_size())), pick_value(rng, graph));
      return;
    case 5:
      return set_operator(rng, node);
    case 6: {
      onnx::TensorProto& tensor = *graph.add_initializer();
      tensor.set_name("i" + std::to_string(rng() % 1000));
      return fill_tensor(rng, tensor);
    }
    case 7:
      model.mutable_opset_import(0)->set_version(6 + uniform_below(rng, 13));
      return;
    default:
      if (graph.initializer_size() == 0) return;
      return fill_tensor(rng, *graph.mutable_initializer(
                                  static_cast<int>(index_below(rng, graph.initializer_size()))));
  }
}

using namespace lode::engine;

// Most elements of all values of a graph that is run: many small runs find more than few long ones.
constexpr std::int64_t kMaxElementsRun = 1 << 14;

// The inputs' extents with `batch` for every symbolic one.
std::vector<lode::Shape> shapes_at(const Graph& graph, std::int64_t batch) {
  std::vector<lode::Shape> shapes;
  for (const ValueId input : graph.inputs()) {
    lode::Shape shape = *graph.value(input).shape;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] < 0) shape[axis] = batch;
    }
    shapes.push_back(shape);
  }
  return shapes;
}

// Small enough to run, with no shape that only the run tells.
bool is_runnable(const Graph& graph, std::span<const lode::Shape> shapes) {
  const lode::Result<InferredGraph> inferred = infer_shapes(graph, shapes);
  if (!inferred.ok() || !inferred->data_dependent.empty()) return false;
  std::int64_t elements = 0;
  for (const ValueInfo& value : inferred->values) {
    if (!value.present) continue;
    elements += value.shape.element_count();
    if (elements > kMaxElementsRun) return false;
  }
  return true;
}

// Small whole numbers in f32, zeros in every other type.
std::vector<Tensor> make_inputs(const Graph& graph, std::span<const lode::Shape> shapes) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const lode::DType type = *graph.value(graph.inputs()[i]).dtype;
    Tensor& input = inputs.emplace_back(type, shapes[i]);
    if (type != lode::DType::kF32) continue;
    float next = 0.0F;
    for (float& element : input.mutable_view().as<float>()) {
      element = next - 3.0F;
      next = next < 6.0F ? next + 1.0F : 0.0F;
    }
  }
  return inputs;
}

// A kernel sums in another order than the reference, so numbers beyond this say nothing.
bool is_close(float actual, float expected) {
  constexpr float kMeaningful = 1e4F;
  if (!(std::fabs(expected) < kMeaningful)) return true;
  return std::fabs(actual - expected) <= 1e-2F * (1.0F + std::fabs(expected));
}

// The same graph, once by plans and once by the references, must have the same results.
void compare(const Graph& graph, Session& session, std::span<const lode::Shape> shapes) {
  const std::vector<Tensor> inputs = make_inputs(graph, shapes);
  std::vector<lode::TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const auto expected = execute_by_reference(graph, views);
  const auto actual = session.run_allocating(views);
  if (!expected.ok() || !actual.ok()) return;
  LODE_ASSERT(actual->size() == expected->size());
  for (std::size_t i = 0; i < expected->size(); ++i) {
    const Tensor& wanted = (*expected)[i];
    const Tensor& got = (*actual)[i];
    LODE_ASSERT(got.dtype() == wanted.dtype() && got.shape() == wanted.shape());
    if (wanted.dtype() != lode::DType::kF32) continue;
    for (std::size_t e = 0; e < wanted.as<float>().size(); ++e) {
      LODE_ASSERT(is_close(got.as<float>()[e], wanted.as<float>()[e]));
    }
  }
}

// Two batches through one session: what the first one leaves behind must not reach the second.
void run_batches(const Graph& graph) {
  for (const std::int64_t batch : {2, 3}) {
    if (!is_runnable(graph, shapes_at(graph, batch))) return;
  }
  const auto model = Model::from_graph(graph, {});
  if (!model.ok()) return;
  const auto session = Session::create(*model, {});
  if (!session.ok()) return;
  for (const std::int64_t batch : {2, 3}) {
    compare((*model)->graph(), **session, shapes_at(graph, batch));
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned int seed) {
  Rng rng = lode::make_rng(seed);
  onnx::ModelProto model;
  const bool is_model = model.ParseFromArray(data, static_cast<int>(size)) &&
                        model.graph().node_size() > 0 && model.graph().output_size() > 0 &&
                        model.opset_import_size() > 0;
  if (is_model && uniform_below(rng, 4) == 0) return LLVMFuzzerMutate(data, size, max_size);
  if (!is_model) model = uniform_below(rng, 2) == 0 ? first_model() : quantised_model();
  for (std::uint32_t n = 1 + uniform_below(rng, 3); n > 0; --n) mutate_graph(rng, model);
  const std::string bytes = model.SerializeAsString();
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const lode::Result<Graph> graph =
      import_onnx_bytes({reinterpret_cast<const char*>(data), size}, "fuzz.onnx", {});
  if (!graph.ok()) return 0;
  (void)dump(*graph);
  Graph optimised = *graph;
  if (!optimise(optimised, {}).ok()) return 0;
  LODE_ASSERT(verify(optimised).ok());
  (void)infer_shapes(optimised, shapes_at(optimised, 2)).ok();
  run_batches(*graph);
  return 0;
}
