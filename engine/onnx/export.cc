// Everything but the elements of constants goes through protobuf; those are borrowed from the
// graph and framed by hand, so that a model is not held twice while it is written.
#include "engine/onnx/export.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <climits>
#include <deque>
#include <map>

#include "base/file_io.h"
#include "base/units.h"
#include "engine/graph/quote.h"
#include "engine/onnx/proto.h"
#include "engine/onnx/tensor_reader.h"

namespace lode::engine {

namespace {

// The first IR of operator set 15. What later ones added is nothing that a Graph can hold.
constexpr std::int64_t kIrVersion = 8;
// A graph without nodes says nothing on operator sets, yet a model must import one.
constexpr std::int64_t kOpsetWithoutNodes = 13;
// Protobuf's own limit on a message.
constexpr std::size_t kMaxFileBytes = INT_MAX;

// Key and length of a field whose `byte_count` bytes follow.
std::string field_header(int field, std::size_t byte_count) {
  namespace pb = google::protobuf;
  std::string header;
  pb::io::StringOutputStream stream(&header);
  pb::io::CodedOutputStream coded(&stream);
  coded.WriteTag(pb::internal::WireFormatLite::MakeTag(
      field, pb::internal::WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint64(byte_count);
  coded.Trim();
  return header;
}

std::string_view bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.view().data), tensor.byte_size()};
}

void describe_tensor(const Tensor& tensor, onnx::TensorProto& proto) {
  for (const std::int64_t extent : tensor.shape()) proto.add_dims(extent);
  proto.set_data_type(dtype_to_onnx(tensor.dtype()));
}

void write_value_info(const Value& value, onnx::ValueInfoProto& info) {
  info.set_name(value.name);
  if (!value.dtype.has_value()) return;
  onnx::TypeProto_Tensor& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(dtype_to_onnx(*value.dtype));
  if (!value.shape.has_value()) return;
  onnx::TensorShapeProto& shape = *type.mutable_shape();
  for (std::size_t axis = 0; axis < value.shape->rank(); ++axis) {
    onnx::TensorShapeProto_Dimension& dim = *shape.add_dim();
    if ((*value.shape)[axis] >= 0) {
      dim.set_dim_value((*value.shape)[axis]);
    } else if (!value.symbols.empty()) {
      dim.set_dim_param(value.symbols[axis]);
    }
  }
}

// One overload a type that an Attribute can hold.
struct AttributeWriter {
  onnx::AttributeProto& proto;

  void operator()(std::int64_t value) const {
    proto.set_i(value);
    proto.set_type(onnx::AttributeProto_AttributeType_INT);
  }
  void operator()(float value) const {
    proto.set_f(value);
    proto.set_type(onnx::AttributeProto_AttributeType_FLOAT);
  }
  void operator()(const std::string& value) const {
    proto.set_s(value);
    proto.set_type(onnx::AttributeProto_AttributeType_STRING);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    for (const std::int64_t value : values) proto.add_ints(value);
    proto.set_type(onnx::AttributeProto_AttributeType_INTS);
  }
  void operator()(const std::vector<float>& values) const {
    for (const float value : values) proto.add_floats(value);
    proto.set_type(onnx::AttributeProto_AttributeType_FLOATS);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) proto.add_strings(value);
    proto.set_type(onnx::AttributeProto_AttributeType_STRINGS);
  }
  void operator()(const Tensor& tensor) const {
    describe_tensor(tensor, *proto.mutable_t());
    proto.mutable_t()->set_raw_data(std::string(bytes_of(tensor)));
    proto.set_type(onnx::AttributeProto_AttributeType_TENSOR);
  }
};

// Collects the file as parts, in the order of the fields' numbers: that in which protobuf would
// write them.
class Exporter {
 public:
  explicit Exporter(const Graph& graph) : graph_(graph) {}

  /// The parts borrow from the exporter and from the graph.
  Result<std::span<const std::string_view>> run() {
    onnx::ModelProto head;
    head.set_ir_version(kIrVersion);
    head.set_producer_name("lodestone");
    own(head.SerializeAsString());
    const std::size_t slot = parts_.size();
    parts_.emplace_back();  // of the graph's header, which needs the graph's length
    const std::size_t before = byte_count();
    LODE_CHECK_OK(add_graph());
    own(field_header(onnx::ModelProto::kGraphFieldNumber, byte_count() - before));
    parts_[slot] = parts_.back();
    parts_.pop_back();
    add_operator_sets();
    if (byte_count() > kMaxFileBytes) {
      return runtime_error("the model takes {}; one ONNX file holds at most 2 GB",
                           format_bytes(byte_count()));
    }
    return std::span<const std::string_view>(parts_);
  }

  [[nodiscard]] std::size_t byte_count() const {
    std::size_t count = 0;
    for (const std::string_view part : parts_) count += part.size();
    return count;
  }

 private:
  void own(std::string bytes) {
    owned_.push_back(std::move(bytes));
    parts_.emplace_back(owned_.back());
  }
  Status add_graph();
  Status write_node(const Node& node, onnx::NodeProto& proto);
  void add_initialiser(const Value& value);
  void add_operator_sets();

  const Graph& graph_;
  std::map<std::string, std::int64_t> operator_sets_;
  std::deque<std::string> owned_;  // a deque: `parts_` points into its strings
  std::vector<std::string_view> parts_;
};

Status Exporter::add_graph() {
  onnx::GraphProto head;
  for (const NodeId id : graph_.topological_order()) {
    LODE_CHECK_OK(write_node(graph_.node(id), *head.add_node()));
  }
  if (!graph_.name.empty()) head.set_name(graph_.name);
  own(head.SerializeAsString());
  for (std::size_t i = 0; i < graph_.value_capacity(); ++i) {
    const Value& value = graph_.value(static_cast<ValueId>(i));
    if (value.constant.has_value()) add_initialiser(value);
  }
  onnx::GraphProto tail;
  for (const ValueId id : graph_.inputs()) write_value_info(graph_.value(id), *tail.add_input());
  for (const ValueId id : graph_.outputs()) write_value_info(graph_.value(id), *tail.add_output());
  own(tail.SerializeAsString());
  return {};
}

Status Exporter::write_node(const Node& node, onnx::NodeProto& proto) {
  if (node.domain.starts_with("lode")) {
    return runtime_error(
        "{}: is an operator that only the engine's passes make: export the graph before the passes",
        describe(node));
  }
  const auto [set, is_new] = operator_sets_.emplace(node.domain, node.opset);
  if (!is_new && set->second != node.opset) {
    return runtime_error("{}: is of operator set {}, nodes before it are of {}: a file imports one",
                         describe(node), node.opset, set->second);
  }
  const auto name_of = [&](ValueId id) {
    return id == kNoValue ? std::string() : graph_.value(id).name;
  };
  for (const ValueId input : node.inputs) proto.add_input(name_of(input));
  for (const ValueId output : node.outputs) proto.add_output(name_of(output));
  proto.set_name(node.name);
  proto.set_op_type(node.op_type);
  if (!node.domain.empty()) proto.set_domain(node.domain);
  for (const auto& [name, value] : node.attributes) {
    if (name.starts_with("lode_")) {
      return runtime_error(
          "{}: attribute {} is one that only the engine's passes set: export the graph before the "
          "passes",
          describe(node), quote(name));
    }
    onnx::AttributeProto& attribute = *proto.add_attribute();
    attribute.set_name(name);
    std::visit(AttributeWriter{attribute}, value);
  }
  return {};
}

void Exporter::add_initialiser(const Value& value) {
  onnx::TensorProto description;
  describe_tensor(*value.constant, description);
  description.set_name(value.name);
  // An empty tensor has the field too: that is how a reader tells it from a typed one.
  const std::string_view elements = bytes_of(*value.constant);
  std::string inner = description.SerializeAsString() +
                      field_header(onnx::TensorProto::kRawDataFieldNumber, elements.size());
  own(field_header(onnx::GraphProto::kInitializerFieldNumber, inner.size() + elements.size()) +
      inner);
  parts_.push_back(elements);
}

void Exporter::add_operator_sets() {
  if (operator_sets_.empty()) operator_sets_.emplace("", kOpsetWithoutNodes);
  onnx::ModelProto tail;
  for (const auto& [domain, version] : operator_sets_) {
    onnx::OperatorSetIdProto& set = *tail.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
  }
  own(tail.SerializeAsString());
}

}  // namespace

Status export_onnx(const Graph& graph, const std::filesystem::path& path) {
  Exporter exporter(graph);
  const auto parts = exporter.run();
  if (!parts.ok()) return parts.error().within(fmt::format("cannot write '{}'", path.string()));
  return write_file_atomically(path, *parts);
}

Result<std::string> export_onnx_bytes(const Graph& graph) {
  Exporter exporter(graph);
  LODE_TRY(const auto parts, exporter.run());
  std::string bytes;
  bytes.reserve(exporter.byte_count());
  for (const std::string_view part : parts) bytes += part;
  return bytes;
}

}  // namespace lode::engine
