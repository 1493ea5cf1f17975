// Export: what is written is what is read back, to the last bit, and every refusal says why.
#include "engine/onnx/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/file_io.h"
#include "engine/onnx/import.h"
#include "tests/engine/graph_builder.h"
#include "tests/engine/onnx/proto_builder.h"
#include "tests/engine/quantized_net.h"

namespace lode::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::string bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.view().data), tensor.byte_size()};
}

void expect_equal(const Tensor& a, const Tensor& b, const std::string& name) {
  EXPECT_EQ(a.dtype(), b.dtype()) << name;
  EXPECT_EQ(a.shape(), b.shape()) << name;
  EXPECT_EQ(bytes_of(a), bytes_of(b)) << name;
}

void expect_equal(const Value& a, const Value& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.dtype, b.dtype) << a.name;
  EXPECT_EQ(a.shape, b.shape) << a.name;
  EXPECT_EQ(a.symbols, b.symbols) << a.name;
  ASSERT_EQ(a.constant.has_value(), b.constant.has_value()) << a.name;
  if (a.constant.has_value()) expect_equal(*a.constant, *b.constant, a.name);
}

void expect_equal(const Attribute& a, const Attribute& b, const std::string& name) {
  ASSERT_EQ(a.index(), b.index()) << name;
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          expect_equal(value, std::get<Tensor>(b), name);
        } else {
          EXPECT_EQ(value, std::get<T>(b)) << name;
        }
      },
      a);
}

std::vector<std::string> names_of(const Graph& graph, std::span<const ValueId> ids) {
  std::vector<std::string> names;
  for (const ValueId id : ids) names.push_back(id == kNoValue ? "" : graph.value(id).name);
  return names;
}

std::map<std::string, const Value*> live_values(const Graph& graph) {
  std::map<std::string, const Value*> values;
  for (std::size_t i = 0; i < graph.value_capacity(); ++i) {
    const Value& value = graph.value(static_cast<ValueId>(i));
    const bool is_input =
        std::find(graph.inputs().begin(), graph.inputs().end(), value.id) != graph.inputs().end();
    if (is_input || value.constant.has_value() || value.producer != kNoNode) {
      values.emplace(value.name, &value);
    }
  }
  return values;
}

/// Everything that a Graph says but its ids.
void expect_equal(const Graph& a, const Graph& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(names_of(a, a.inputs()), names_of(b, b.inputs()));
  EXPECT_EQ(names_of(a, a.outputs()), names_of(b, b.outputs()));
  const auto values = live_values(a);
  const auto others = live_values(b);
  EXPECT_EQ(values.size(), others.size());
  for (const auto& [name, value] : values) {
    ASSERT_TRUE(others.contains(name)) << name;
    expect_equal(*value, *others.at(name));
  }
  const auto order_a = a.topological_order();
  const auto order_b = b.topological_order();
  ASSERT_EQ(order_a.size(), order_b.size());
  for (std::size_t i = 0; i < order_a.size(); ++i) {
    const Node& x = a.node(order_a[i]);
    const Node& y = b.node(order_b[i]);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.op_type, y.op_type) << x.name;
    EXPECT_EQ(x.domain, y.domain) << x.name;
    EXPECT_EQ(x.opset, y.opset) << x.name;
    EXPECT_EQ(names_of(a, x.inputs), names_of(b, y.inputs)) << x.name;
    EXPECT_EQ(names_of(a, x.outputs), names_of(b, y.outputs)) << x.name;
    ASSERT_EQ(x.attributes.size(), y.attributes.size()) << x.name;
    for (const auto& [name, value] : x.attributes) {
      ASSERT_TRUE(y.attributes.contains(name)) << x.name << " " << name;
      expect_equal(value, y.attributes.find(name)->second, x.name + " " + name);
    }
  }
}

/// The graph read back from what export made of it; also checks that a second round gives the same
/// bytes, and that the bytes are those that protobuf itself writes.
Graph round_trip(const Graph& graph) {
  const auto bytes = export_onnx_bytes(graph);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message;
  if (!bytes.ok()) return {};
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(*bytes));
  EXPECT_TRUE(model.SerializeAsString() == *bytes);
  auto again = import_onnx_bytes(*bytes, "again.onnx", {});
  EXPECT_TRUE(again.ok()) << again.error().message;
  if (!again.ok()) return {};
  const auto second = export_onnx_bytes(*again);
  EXPECT_TRUE(second.ok() && *second == *bytes);
  return std::move(again).value();
}

std::string export_error(const Graph& graph) {
  const auto bytes = export_onnx_bytes(graph);
  return bytes.ok() ? "" : bytes.error().message;
}

/// y = Relu(x [N,2]).
GraphBuilder small_graph() {
  GraphBuilder net;
  net.graph.name = "small";
  const ValueId x = net.input("x", {-1, 2});
  net.editor.declare(x, DType::kF32, Shape{-1, 2}, {"N", ""});
  net.output(net.node("y", "Relu", {x}));
  return net;
}

TEST(Export, ImportedModelComesBackEqual) {
  const auto graph = import_onnx_bytes(small_model().SerializeAsString(), "m.onnx", {});
  ASSERT_TRUE(graph.ok());
  expect_equal(*graph, round_trip(*graph));
}

TEST(Export, QuantisedModelsComeBackEqual) {
  for (const DType type : {DType::kU8, DType::kI8}) {
    const Graph graph = quantized_net(type, true);
    expect_equal(graph, round_trip(graph));
  }
}

TEST(Export, KeepsEveryElementTypeBitForBit) {
  GraphBuilder net = small_graph();
  for (int i = 0; i <= static_cast<int>(DType::kBool); ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::string name(dtype_name(dtype));
    Tensor tensor(dtype, {3, 2});
    const std::size_t count = tensor.byte_size();
    std::byte* data = tensor.mutable_view().data;
    // Any bits of the numbers, NaNs too; a bool is 0 or 1.
    for (std::size_t k = 0; k < count; ++k) {
      data[k] = std::byte(dtype == DType::kBool ? k % 2 : 41 * k + 130);
    }
    net.constant(name, tensor);
    net.constant(name + ".scalar", Tensor(dtype, {}));
    net.constant(name + ".empty", Tensor(dtype, {0, 4}));
  }
  expect_equal(net.graph, round_trip(net.graph));
}

TEST(Export, KeepsSymbolsAndDeclarations) {
  GraphBuilder net = small_graph();
  const ValueId z = net.input("z", {2, -1, 3, -1});
  net.editor.declare(z, DType::kF16, Shape{2, -1, 3, -1}, {"", "height", "", "width"});
  const ValueId y = net.graph.outputs()[0];
  net.editor.declare(y, DType::kF32, std::nullopt, {});
  net.output(z);
  const Graph again = round_trip(net.graph);
  expect_equal(net.graph, again);
  EXPECT_THAT(again.value(again.inputs()[0]).symbols, ElementsAre("N", ""));
  EXPECT_FALSE(again.value(again.outputs()[0]).shape.has_value());
}

TEST(Export, UnnamedUnknownExtentsStayUnknown) {
  GraphBuilder net = small_graph();
  net.editor.declare(net.graph.inputs()[0], DType::kF32, Shape{-1, 2}, {});
  const auto bytes = export_onnx_bytes(net.graph);
  ASSERT_TRUE(bytes.ok());
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(*bytes));
  const auto& dim = model.graph().input(0).type().tensor_type().shape().dim(0);
  EXPECT_EQ(dim.value_case(), onnx::TensorShapeProto_Dimension::VALUE_NOT_SET);
  // The importer gives it a name, which then stays.
  const auto again = import_onnx_bytes(*bytes, "m.onnx", {});
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->value(again->inputs()[0]).symbols, ElementsAre("x.0", ""));
  expect_equal(*again, round_trip(*again));
}

TEST(Export, KeepsOmittedInputsAndEveryAttributeType) {
  GraphBuilder net;
  const ValueId x = net.input("x", {1, 1, 4, 4});
  const ValueId high = net.constant("high", tensor_of<float>({6.0F}, {}));
  const ValueId clipped = net.node("clipped", "Clip", {x, kNoValue, high});
  const ValueId leaky = net.node("leaky", "LeakyRelu", {clipped}, {{"alpha", 0.3F}});
  const ValueId pooled = net.node(
      "pooled", "MaxPool", {leaky},
      {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"auto_pad", std::string("VALID")}});
  net.output(
      net.node("sum", "Sum",
               {pooled, net.node("c", "Constant", {}, {{"value", tensor_of<float>({1.0F}, {})}})}));
  net.output(net.node("f", "Constant", {}, {{"value_floats", std::vector<float>{1.5F, -0.0F}}}));
  net.output(net.node("i", "Constant", {}, {{"value_int", std::int64_t{-7}}}));
  expect_equal(net.graph, round_trip(net.graph));
}

TEST(Export, StringListsAreWritten) {
  GraphBuilder net = small_graph();
  // No operator that the importer knows has one.
  net.editor.set_attribute(net.producer(net.graph.outputs()[0]), "names",
                           std::vector<std::string>{"a", "", "b"});
  const auto bytes = export_onnx_bytes(net.graph);
  ASSERT_TRUE(bytes.ok());
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(*bytes));
  EXPECT_THAT(model.graph().node(0).attribute(0).strings(), ElementsAre("a", "", "b"));
}

TEST(Export, NodesComeOutInTopologicalOrder) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->mutable_node()->SwapElements(0, 1);
  const auto graph = import_onnx_bytes(model.SerializeAsString(), "m.onnx", {});
  ASSERT_TRUE(graph.ok());
  const Graph again = round_trip(*graph);
  EXPECT_EQ(dump(again), "sum: Add(x, w) -> t\nact: Relu(t) -> y\n");
}

TEST(Export, GraphWithoutNodesImportsAnOperatorSet) {
  GraphBuilder net;
  net.output(net.input("x", {2}));
  expect_equal(net.graph, round_trip(net.graph));
}

TEST(Export, RefusesWhatPassesMade) {
  GraphBuilder net = small_graph();
  const NodeId relu = net.producer(net.graph.outputs()[0]);
  net.editor.set_attribute(relu, "lode_alpha", 0.5F);
  EXPECT_EQ(export_error(net.graph),
            "node 'y' (Relu): attribute 'lode_alpha' is one that only the engine's passes set: "
            "export the graph before the passes");
  GraphBuilder fused = small_graph();
  fused.editor.set_operator(fused.producer(fused.graph.outputs()[0]), "lode", "Fused", 1);
  EXPECT_THAT(export_error(fused.graph), HasSubstr("node 'y' (Fused): is an operator that only"));
}

TEST(Export, RefusesTwoVersionsOfAnOperatorSet) {
  GraphBuilder net = small_graph();
  net.opset = 15;
  net.output(net.node("z", "Relu", {net.graph.inputs()[0]}));
  EXPECT_THAT(export_error(net.graph),
              HasSubstr("node 'z' (Relu): is of operator set 15, nodes before it are of 13"));
}

TEST(Export, RefusesMoreThanTwoGigabytes) {
  GraphBuilder net = small_graph();
  // One tensor under many names: views of it count, its memory is there once.
  const Tensor shared(DType::kU8, {std::int64_t{1} << 27});
  for (int i = 0; i < 16; ++i) net.constant(fmt::format("w{}", i), shared);
  EXPECT_EQ(export_error(net.graph), "the model takes 2.15 GB; one ONNX file holds at most 2 GB");
}

class ExportFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / fmt::format("lode-export-{}", getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(ExportFile, HoldsTheSameBytesAndReplacesWhatWasThere) {
  const fs::path path = folder_ / "m.onnx";
  ASSERT_TRUE(write_file_atomically(path, std::string(5000, 'x')).ok());
  const GraphBuilder net = small_graph();
  ASSERT_TRUE(export_onnx(net.graph, path).ok());
  const auto content = read_file(path);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(*content, *export_onnx_bytes(net.graph));
  const auto graph = import_onnx(path);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  expect_equal(net.graph, *graph);
}

TEST_F(ExportFile, ErrorsNameTheFileAndLeaveNothing) {
  GraphBuilder net = small_graph();
  const Status absent = export_onnx(net.graph, folder_ / "absent" / "m.onnx");
  ASSERT_FALSE(absent.ok());
  EXPECT_THAT(absent.error().message, HasSubstr("absent/m.onnx': No such file"));
  net.editor.set_attribute(net.producer(net.graph.outputs()[0]), "lode_alpha", 0.5F);
  const Status refused = export_onnx(net.graph, folder_ / "m.onnx");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("m.onnx': node 'y' (Relu): attribute"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST(ExportRealModel, ComesBackEqual) {
  const char* root = std::getenv("LODE_TEST_DATA");
  if (root == nullptr) GTEST_SKIP() << "LODE_TEST_DATA is not set";
  for (const char* name : {"models/mobilenetv2.onnx", "models/squeezenet1.1.onnx"}) {
    SCOPED_TRACE(name);
    const fs::path file = fs::path(root) / name;
    if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
    const auto graph = import_onnx(file);
    ASSERT_TRUE(graph.ok()) << graph.error().message;
    expect_equal(*graph, round_trip(*graph));
  }
}

}  // namespace
}  // namespace lode::engine
