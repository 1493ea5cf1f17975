#include "engine/onnx/graph_reader.h"

#include <set>
#include <unordered_map>

#include "engine/graph/editor.h"
#include "engine/graph/quote.h"
#include "engine/onnx/tensor_reader.h"
#include "engine/ops/quantization.h"

namespace lode::engine {

namespace {

class GraphReader {
 public:
  GraphReader(onnx::GraphProto& proto, const OperatorSets& operator_sets,
              const DataSources& sources)
      : proto_(proto), operator_sets_(operator_sets), sources_(sources), editor_(graph_) {}

  Result<Graph> read() {
    graph_.name = proto_.name();
    LODE_CHECK_OK(read_initialisers());
    LODE_CHECK_OK(read_inputs());
    LODE_CHECK_OK(define_node_outputs());
    for (onnx::NodeProto& node : *proto_.mutable_node()) LODE_CHECK_OK(read_node(node));
    LODE_CHECK_OK(read_outputs());
    LODE_CHECK_OK(verify(graph_));
    return std::move(graph_);
  }

 private:
  Status read_initialisers();
  Status read_inputs();
  Status define_node_outputs();
  Status read_node(onnx::NodeProto& proto);
  Result<std::vector<ValueId>> resolve(const google::protobuf::RepeatedPtrField<std::string>& names,
                                       const Node& node);
  Status read_attributes(onnx::NodeProto& proto, Node& node);
  Result<Attribute> read_attribute(onnx::AttributeProto& proto);
  Status read_outputs();
  Status declare(ValueId id, const onnx::ValueInfoProto& info);
  Status declare_shape(ValueId id, DType dtype, const onnx::ValueInfoProto& info);

  onnx::GraphProto& proto_;
  const OperatorSets& operator_sets_;
  const DataSources& sources_;
  Graph graph_;
  GraphEditor editor_;
  std::unordered_map<std::string, ValueId> ids_;
};

// The name that the editor will give: known before the node exists, for errors.
std::string node_label(const onnx::NodeProto& proto, std::size_t position) {
  Node node;
  node.op_type = proto.op_type();
  node.name = proto.name().empty() ? fmt::format("{}_{}", proto.op_type(), position) : proto.name();
  return describe(node);
}

Status GraphReader::read_initialisers() {
  if (proto_.sparse_initializer_size() > 0) {
    return runtime_error("sparse initialiser {} is not supported: store it as a dense tensor",
                         quote(proto_.sparse_initializer(0).values().name()));
  }
  for (int i = 0; i < proto_.initializer_size(); ++i) {
    onnx::TensorProto& initialiser = *proto_.mutable_initializer(i);
    const auto index = static_cast<std::size_t>(i);
    const bool is_outside =
        index < sources_.initialisers.size() && sources_.initialisers[index].has_value();
    const RawData* raw = is_outside ? &*sources_.initialisers[index] : nullptr;
    if (initialiser.name().empty()) return runtime_error("an initialiser has no name");
    if (ids_.contains(initialiser.name())) {
      return runtime_error("initialiser {} is defined twice", quote(initialiser.name()));
    }
    LODE_TRY(Tensor tensor, take_tensor(initialiser, sources_.folder, raw));
    ids_[initialiser.name()] = editor_.add_constant(initialiser.name(), std::move(tensor));
  }
  return {};
}

Status GraphReader::read_inputs() {
  std::set<std::string_view> seen;
  for (const onnx::ValueInfoProto& input : proto_.input()) {
    if (input.name().empty()) return runtime_error("a graph input has no name");
    if (!seen.insert(input.name()).second) {
      return runtime_error("graph input {} is listed twice", quote(input.name()));
    }
    // Up to IR 3 every initialiser is listed as an input too; it is a default that nobody
    // overrides.
    if (ids_.contains(input.name())) continue;
    const ValueId id = editor_.add_value(input.name());
    ids_[input.name()] = id;
    Status declared = declare(id, input);
    if (declared.ok() && !graph_.value(id).shape.has_value()) {
      declared = runtime_error("declares no shape: give it one, symbolic extents are fine");
    }
    if (!declared.ok()) {
      return declared.error().within(fmt::format("graph input {}", quote(input.name())));
    }
    editor_.add_input(id);
  }
  return {};
}

Status GraphReader::declare(ValueId id, const onnx::ValueInfoProto& info) {
  if (!info.type().has_tensor_type()) {
    return runtime_error(
        "is not declared as a tensor: sequences, maps and optionals are not "
        "supported");
  }
  LODE_TRY(const DType dtype, dtype_from_onnx(info.type().tensor_type().elem_type()));
  if (!info.type().tensor_type().has_shape()) {
    editor_.declare(id, dtype, std::nullopt, {});
    return {};
  }
  return declare_shape(id, dtype, info);
}

Status GraphReader::declare_shape(ValueId id, DType dtype, const onnx::ValueInfoProto& info) {
  std::vector<std::int64_t> extents;
  std::vector<std::string> symbols;
  for (const onnx::TensorShapeProto_Dimension& dim : info.type().tensor_type().shape().dim()) {
    // Some exporters write -1 where ONNX wants a name or nothing.
    const bool is_static = dim.has_dim_value() && dim.dim_value() != -1;
    std::string symbol;
    if (!is_static) {
      symbol = dim.dim_param().empty() ? fmt::format("{}.{}", info.name(), extents.size())
                                       : dim.dim_param();
    }
    extents.push_back(is_static ? dim.dim_value() : -1);
    symbols.push_back(std::move(symbol));
  }
  LODE_CHECK_OK(check_extents(extents, true));
  const Shape shape(extents);
  if (shape.is_static()) symbols.clear();
  editor_.declare(id, dtype, shape, std::move(symbols));
  return {};
}

// Before any node reads: ONNX wants nodes sorted, but a file that is not sorted is not ambiguous,
// and a cycle is found by verify().
Status GraphReader::define_node_outputs() {
  for (int i = 0; i < proto_.node_size(); ++i) {
    for (const std::string& output : proto_.node(i).output()) {
      if (output.empty()) continue;
      if (!ids_.try_emplace(output, kNoValue).second) {
        return runtime_error("{}: output {} is already defined",
                             node_label(proto_.node(i), static_cast<std::size_t>(i)),
                             quote(output));
      }
      ids_[output] = editor_.add_value(output);
    }
  }
  return {};
}

Status GraphReader::read_node(onnx::NodeProto& proto) {
  const std::string label = node_label(proto, graph_.node_capacity());
  Node node;
  node.op_type = proto.op_type();
  node.domain = normalised_domain(proto.domain());
  if (node.op_type.empty()) return runtime_error("{}: has no operator", label);
  if (node.domain == kOwnDomain) {
    return runtime_error("{}: is an operator that only the engine's passes may make", label);
  }
  const auto operator_set = operator_sets_.find(node.domain);
  if (operator_set == operator_sets_.end()) {
    return runtime_error("{}: the model imports no operator set of domain {}", label,
                         quote(node.domain.empty() ? "ai.onnx" : node.domain));
  }
  node.opset = operator_set->second;
  node.name = proto.name().empty() ? fmt::format("{}_{}", node.op_type, graph_.node_capacity())
                                   : proto.name();
  LODE_TRY(const OperatorDef* definition, find_operator(node));
  LODE_CHECK_OK(read_attributes(proto, node));
  LODE_TRY(node.inputs, resolve(proto.input(), node));
  LODE_TRY(node.outputs, resolve(proto.output(), node));
  if (node.outputs.empty()) return runtime_error("{}: has no output", label);
  LODE_CHECK_OK(definition->check(node));
  editor_.add_node(std::move(node));
  return {};
}

// Empty names are omitted optionals; behind the last present one they say nothing and are dropped.
Result<std::vector<ValueId>> GraphReader::resolve(
    const google::protobuf::RepeatedPtrField<std::string>& names, const Node& node) {
  std::vector<ValueId> ids;
  for (const std::string& name : names) {
    if (name.empty()) {
      ids.push_back(kNoValue);
      continue;
    }
    const auto found = ids_.find(name);
    if (found == ids_.end()) {
      return runtime_error("{}: input {} is produced by nothing", describe(node), quote(name));
    }
    ids.push_back(found->second);
  }
  while (!ids.empty() && ids.back() == kNoValue) ids.pop_back();
  return ids;
}

Status GraphReader::read_attributes(onnx::NodeProto& proto, Node& node) {
  for (onnx::AttributeProto& attribute : *proto.mutable_attribute()) {
    const std::string where =
        fmt::format("{}: attribute {}", describe(node), quote(attribute.name()));
    if (attribute.name().starts_with("lode_")) {
      return runtime_error("{}: is one that only the engine's passes may set: remove it", where);
    }
    Result<Attribute> value = read_attribute(attribute);
    if (!value.ok()) return value.error().within(where);
    if (!node.attributes.emplace(attribute.name(), std::move(value).value()).second) {
      return runtime_error("{}: is given twice", where);
    }
  }
  return {};
}

Result<Attribute> GraphReader::read_attribute(onnx::AttributeProto& proto) {
  if (!proto.ref_attr_name().empty()) {
    return runtime_error("refers to a function's attribute, functions are not supported");
  }
  switch (proto.type()) {
    case onnx::AttributeProto_AttributeType_FLOAT:
      return Attribute(proto.f());
    case onnx::AttributeProto_AttributeType_INT:
      return Attribute(proto.i());
    case onnx::AttributeProto_AttributeType_STRING:
      return Attribute(proto.s());
    case onnx::AttributeProto_AttributeType_TENSOR: {
      LODE_TRY(Tensor tensor, take_tensor(*proto.mutable_t(), sources_.folder));
      return Attribute(std::move(tensor));
    }
    case onnx::AttributeProto_AttributeType_FLOATS:
      return Attribute(std::vector<float>(proto.floats().begin(), proto.floats().end()));
    case onnx::AttributeProto_AttributeType_INTS:
      return Attribute(std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end()));
    case onnx::AttributeProto_AttributeType_STRINGS:
      return Attribute(std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
    case onnx::AttributeProto_AttributeType_GRAPH:
    case onnx::AttributeProto_AttributeType_GRAPHS:
      return runtime_error("is a subgraph, control flow is not supported");
    case onnx::AttributeProto_AttributeType_UNDEFINED:
      return runtime_error("has no type that ONNX knows");
    default:
      break;
  }
  return runtime_error("is of type {}, which is not supported",
                       onnx::AttributeProto_AttributeType_Name(proto.type()));
}

Status GraphReader::read_outputs() {
  std::set<std::string_view> seen;
  for (const onnx::ValueInfoProto& output : proto_.output()) {
    const auto found = ids_.find(output.name());
    if (found == ids_.end()) {
      return runtime_error("graph output {} is produced by nothing", quote(output.name()));
    }
    if (!seen.insert(output.name()).second) {
      return runtime_error("graph output {} is listed twice", quote(output.name()));
    }
    // Of an output that is an input too, the input's declaration counts. An output may leave its
    // type to inference.
    if (!graph_.value(found->second).dtype.has_value() && output.has_type()) {
      const Status declared = declare(found->second, output);
      if (!declared.ok()) {
        return declared.error().within(fmt::format("graph output {}", quote(output.name())));
      }
    }
    editor_.add_output(found->second);
  }
  if (proto_.output_size() == 0) return runtime_error("the graph has no outputs");
  return {};
}

}  // namespace

std::string normalised_domain(const std::string& domain) {
  return domain == "ai.onnx" ? std::string() : domain;
}

Result<Graph> read_graph(onnx::GraphProto& proto, const OperatorSets& operator_sets,
                         const DataSources& sources) {
  return GraphReader(proto, operator_sets, sources).read();
}

}  // namespace lode::engine
