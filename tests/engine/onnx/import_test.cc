// Models: what is read of them, and one line for each way in which one can be wrong.
#include "engine/onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/engine/graph_runner.h"
#include "tests/engine/onnx/proto_builder.h"

namespace lode::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Graph> import(const onnx::ModelProto& model) {
  return import_onnx_bytes(model.SerializeAsString(), "m.onnx", {});
}

std::string import_error(const onnx::ModelProto& model) {
  const Result<Graph> graph = import(model);
  return graph.ok() ? "" : graph.error().message;
}

TEST(Import, ReadsNodesValuesAndConstants) {
  Result<Graph> imported = import(small_model());
  ASSERT_TRUE(imported.ok()) << imported.error().message;
  const Graph& graph = *imported;
  EXPECT_EQ(graph.name, "small");
  EXPECT_EQ(dump(graph), "sum: Add(x, w) -> t\nact: Relu(t) -> y\n");
  ASSERT_EQ(graph.inputs().size(), 1U);
  const Value& x = graph.value(graph.inputs()[0]);
  EXPECT_EQ(x.name, "x");
  EXPECT_EQ(x.dtype, DType::kF32);
  EXPECT_EQ(x.shape, (Shape{1, 2}));
  EXPECT_TRUE(x.symbols.empty());
  EXPECT_EQ(graph.node(0).opset, 13);
  const Tensor inputs[] = {Tensor::of<float>(std::array{1.0F, 1.0F}, {1, 2})};
  const auto outputs = run_graph(graph, inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  EXPECT_THAT(outputs.value()[0].as<float>(), ElementsAre(1.5F, 0.0F));
}

TEST(Import, ChecksEveryNodeBehindDataDependentShapesToo) {
  // y = LRN(Reshape(x, to)), whose shapes follow from the data of `to`.
  onnx::ModelProto model = small_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::ValueInfoProto& to = *graph.add_input();
  declare(to, "to", {4});
  to.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto_DataType_INT64);
  graph.mutable_node(1)->set_input(0, "lrn");
  add_node(graph, "r", "Reshape", {"t", "to"}, {"r"});
  onnx::NodeProto& lrn = *add_node(graph, "n", "LRN", {"r"}, {"lrn"});
  add_attribute(lrn, "size", onnx::AttributeProto_AttributeType_INT)->set_i(1);
  EXPECT_EQ(import_error(model), "");
  add_attribute(lrn, "sizes", onnx::AttributeProto_AttributeType_INT)->set_i(3);
  EXPECT_THAT(import_error(model), HasSubstr("node 'n' (LRN): attribute 'sizes'=3 is not one that "
                                             "is supported"));
  lrn.mutable_attribute()->RemoveLast();
  lrn.add_input("t");
  EXPECT_THAT(import_error(model), HasSubstr("node 'n' (LRN): has 2 inputs; 1 to 1 are needed"));
}

TEST(Import, RefusesTheAttributesOfPasses) {
  onnx::ModelProto model = small_model();
  onnx::NodeProto& sum = *model.mutable_graph()->mutable_node(0);
  add_attribute(sum, "lode_activation", onnx::AttributeProto_AttributeType_STRING)->set_s("Relu");
  EXPECT_THAT(import_error(model), HasSubstr("node 'sum' (Add): attribute 'lode_activation': is "
                                             "one that only the engine's passes may set"));
}

TEST(Import, ElementCountsAreBounded) {
  onnx::ModelProto model = small_model();
  declare(*model.mutable_graph()->add_input(), "big", {std::int64_t{1} << 16, 1 << 16});
  EXPECT_THAT(import_error(model), HasSubstr("has more than 2147483648 elements"));
}

TEST(Import, InitialisersListedAsInputsAreNoInputs) {
  onnx::ModelProto model = small_model();
  model.set_ir_version(3);
  declare(*model.mutable_graph()->add_input(), "w", {2});
  const Result<Graph> graph = import(model);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(graph.value().inputs().size(), 1U);
}

TEST(Import, SymbolicExtentsKeepTheirNames) {
  onnx::ModelProto model = small_model();
  auto* shape = model.mutable_graph()
                    ->mutable_input(0)
                    ->mutable_type()
                    ->mutable_tensor_type()
                    ->mutable_shape();
  shape->mutable_dim(0)->set_dim_param("batch");
  shape->mutable_dim(1)->set_dim_value(-1);
  shape->add_dim();
  shape->add_dim()->set_dim_value(3);
  const Result<Graph> graph = import(model);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  const Value& x = graph.value().value(graph.value().inputs()[0]);
  EXPECT_EQ(x.shape, (Shape{-1, -1, -1, 3}));
  EXPECT_THAT(x.symbols, ElementsAre("batch", "x.1", "x.2", ""));
}

TEST(Import, BothNamesOfTheDefaultDomainAreOne) {
  onnx::ModelProto model = small_model();
  model.mutable_opset_import(0)->set_domain("ai.onnx");
  model.mutable_graph()->mutable_node(0)->set_domain("ai.onnx");
  const Result<Graph> graph = import(model);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(graph.value().node(0).domain, "");
  import_operator_set(model, "", 13);
  EXPECT_TRUE(import(model).ok());
  import_operator_set(model, "", 12);
  EXPECT_EQ(import_error(model), "m.onnx: imports versions 13 and 12 of operator set 'ai.onnx'");
}

TEST(Import, NodeNamesBecomeUnique) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->mutable_node(0)->clear_name();
  model.mutable_graph()->mutable_node(1)->set_name("Add_0");
  const Result<Graph> graph = import(model);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(dump(*graph), "Add_0: Add(x, w) -> t\nAdd_0_1: Relu(t) -> y\n");
}

TEST(Import, OmittedOptionalsAreNoValues) {
  onnx::ModelProto model = small_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.clear_node();
  *graph.add_initializer() = float_tensor("top", {}, {1});
  add_node(graph, "clip", "Clip", {"x", "", "top"}, {"t"});
  add_node(graph, "pool", "Dropout", {"t", "", ""}, {"y", ""});
  const Result<Graph> imported = import(model);
  ASSERT_TRUE(imported.ok()) << imported.error().message;
  EXPECT_EQ(dump(*imported), "clip: Clip(x, -, top) -> t\npool: Dropout(t) -> y\n");
}

TEST(Import, NodesNeedNotBeSorted) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->mutable_node()->SwapElements(0, 1);
  const Result<Graph> graph = import(model);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(dump(*graph), "sum: Add(x, w) -> t\nact: Relu(t) -> y\n");
}

TEST(Import, AttributesOfEveryKind) {
  onnx::ModelProto model = small_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  using A = onnx::AttributeProto;
  onnx::NodeProto& numbers = *add_node(graph, "numbers", "Constant", {}, {"c"});
  add_attribute(numbers, "value_int", A::INT)->set_i(-3);
  add_attribute(numbers, "value_float", A::FLOAT)->set_f(0.25F);
  *add_attribute(numbers, "value", A::TENSOR)->mutable_t() = float_tensor("", {1}, {2});
  add_attribute(numbers, "value_ints", A::INTS)->add_ints(4);
  add_attribute(numbers, "value_floats", A::FLOATS)->add_floats(0.5F);
  // That no operator has a list of strings is for the shape inference to say.
  onnx::NodeProto& texts = *add_node(graph, "texts", "MaxPool", {"x"}, {"p"});
  add_attribute(texts, "auto_pad", A::STRING)->set_s("VALID");
  add_attribute(texts, "strides", A::STRINGS)->add_strings("p");
  const Result<Graph> imported = import(model);
  ASSERT_TRUE(imported.ok()) << imported.error().message;
  EXPECT_THAT(dump(*imported), HasSubstr("{value=f32[1], value_float=0.25, value_floats=[0.5], "
                                         "value_int=-3, value_ints=[4]}"));
  EXPECT_THAT(dump(*imported), HasSubstr("{auto_pad='VALID', strides=['p']}"));
}

TEST(Import, NodeThatIsNotUnderstoodIsNamed) {
  onnx::ModelProto unknown = small_model();
  unknown.mutable_graph()->mutable_node(1)->set_op_type("Frobnicate");
  EXPECT_THAT(import_error(unknown), HasSubstr("m.onnx: node 'act' (Frobnicate)"));
  onnx::ModelProto domain = small_model();
  domain.mutable_graph()->mutable_node(1)->set_domain("com.example");
  EXPECT_EQ(import_error(domain),
            "m.onnx: node 'act' (Relu): the model imports no operator set of "
            "domain 'com.example'");
  import_operator_set(domain, "com.example", 1);
  EXPECT_THAT(import_error(domain), HasSubstr("com.example"));
  onnx::ModelProto version = small_model();
  version.mutable_opset_import(0)->set_version(1000);
  EXPECT_THAT(import_error(version), HasSubstr("m.onnx: node 'sum' (Add)"));
  EXPECT_THAT(import_error(version), HasSubstr("1000"));
  onnx::ModelProto nothing = small_model();
  nothing.mutable_graph()->mutable_node(1)->clear_op_type();
  EXPECT_THAT(import_error(nothing), HasSubstr("has no operator"));
}

TEST(Import, AttributeThatIsNotUnderstoodIsNamed) {
  using A = onnx::AttributeProto;
  const auto error_of = [](A::AttributeType type) {
    onnx::ModelProto model = small_model();
    add_attribute(*model.mutable_graph()->mutable_node(1), "body", type);
    return import_error(model);
  };
  EXPECT_EQ(error_of(A::GRAPH),
            "m.onnx: node 'act' (Relu): attribute 'body': is a subgraph, "
            "control flow is not supported");
  EXPECT_THAT(error_of(A::GRAPHS), HasSubstr("subgraph"));
  EXPECT_THAT(error_of(A::SPARSE_TENSOR), HasSubstr("type SPARSE_TENSOR"));
  EXPECT_THAT(error_of(A::TENSORS), HasSubstr("type TENSORS"));
  EXPECT_THAT(error_of(A::TYPE_PROTO), HasSubstr("type TYPE_PROTO"));
  EXPECT_THAT(error_of(A::UNDEFINED), HasSubstr("has no type"));

  onnx::ModelProto reference = small_model();
  add_attribute(*reference.mutable_graph()->mutable_node(1), "a", A::INT)->set_ref_attr_name("b");
  EXPECT_THAT(import_error(reference), HasSubstr("refers to a function's attribute"));
  onnx::ModelProto twice = small_model();
  add_attribute(*twice.mutable_graph()->mutable_node(1), "a", A::INT);
  add_attribute(*twice.mutable_graph()->mutable_node(1), "a", A::INT);
  EXPECT_THAT(import_error(twice), HasSubstr("attribute 'a': is given twice"));
  onnx::ModelProto tensor = small_model();
  *add_attribute(*tensor.mutable_graph()->mutable_node(1), "t", A::TENSOR)->mutable_t() =
      float_tensor("", {2}, {1});
  EXPECT_EQ(import_error(tensor),
            "m.onnx: node 'act' (Relu): attribute 't': has 1 elements, its "
            "shape [2] needs 2");
}

TEST(Import, LinksThatDoNotHold) {
  onnx::ModelProto model = small_model();
  model.mutable_graph()->mutable_node(0)->set_input(1, "nowhere");
  EXPECT_EQ(import_error(model),
            "m.onnx: node 'sum' (Add): input 'nowhere' is produced by nothing");
  model = small_model();
  model.mutable_graph()->mutable_node(0)->set_input(1, "y");
  EXPECT_THAT(import_error(model), HasSubstr("is on or behind a cycle"));
  model = small_model();
  model.mutable_graph()->mutable_node(1)->set_output(0, "t");
  EXPECT_EQ(import_error(model), "m.onnx: node 'act' (Relu): output 't' is already defined");
  model = small_model();
  model.mutable_graph()->mutable_node(0)->set_output(0, "x");
  EXPECT_THAT(import_error(model), HasSubstr("output 'x' is already defined"));
  model = small_model();
  model.mutable_graph()->mutable_node(1)->clear_output();
  EXPECT_THAT(import_error(model), HasSubstr("node 'act' (Relu): has no output"));
  model = small_model();
  model.mutable_graph()->mutable_output(0)->set_name("z");
  EXPECT_EQ(import_error(model), "m.onnx: graph output 'z' is produced by nothing");
  model = small_model();
  *model.mutable_graph()->add_output() = model.graph().output(0);
  EXPECT_THAT(import_error(model), HasSubstr("graph output 'y' is listed twice"));
  model = small_model();
  model.mutable_graph()->clear_output();
  EXPECT_THAT(import_error(model), HasSubstr("the graph has no outputs"));
}

TEST(Import, InputsAndInitialisersThatDoNotHold) {
  onnx::ModelProto model = small_model();
  *model.mutable_graph()->add_input() = model.graph().input(0);
  EXPECT_THAT(import_error(model), HasSubstr("graph input 'x' is listed twice"));
  model = small_model();
  model.mutable_graph()->mutable_input(0)->clear_type();
  EXPECT_THAT(import_error(model), HasSubstr("graph input 'x': is not declared as a tensor"));
  model = small_model();
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_sequence_type();
  EXPECT_THAT(import_error(model), HasSubstr("sequences"));
  model = small_model();
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  EXPECT_THAT(import_error(model), HasSubstr("graph input 'x': declares no shape"));
  model = small_model();
  declare(*model.mutable_graph()->mutable_input(0), "x", {-7});
  EXPECT_THAT(import_error(model), HasSubstr("graph input 'x': has a negative dimension, -7"));
  model = small_model();
  *model.mutable_graph()->add_initializer() = model.graph().initializer(0);
  EXPECT_THAT(import_error(model), HasSubstr("initialiser 'w' is defined twice"));
  model = small_model();
  model.mutable_graph()->mutable_initializer(0)->add_dims(9);
  EXPECT_EQ(import_error(model), "m.onnx: tensor 'w': has 2 elements, its shape [2,9] needs 18");
  model = small_model();
  model.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("s");
  EXPECT_THAT(import_error(model), HasSubstr("sparse initialiser 's' is not supported"));
}

TEST(Import, VersionsAndWhatIsNotInference) {
  for (const std::int64_t version : {3, 4, 8, 10, 13}) {
    onnx::ModelProto model = small_model();
    model.set_ir_version(version);
    EXPECT_EQ(import_error(model), "") << version;
  }
  for (const std::int64_t version : {-1, 0, 2, 14, 1000000}) {
    onnx::ModelProto model = small_model();
    model.set_ir_version(version);
    EXPECT_EQ(import_error(model),
              fmt::format("m.onnx: IR version {} is not supported, 3 to 13 are", version));
  }
  onnx::ModelProto model = small_model();
  model.clear_opset_import();
  EXPECT_THAT(import_error(model), HasSubstr("imports no operator set"));
  model = small_model();
  model.add_functions()->set_name("f");
  EXPECT_THAT(import_error(model), HasSubstr("function 'f' is not supported"));
  model = small_model();
  model.add_training_info();
  EXPECT_THAT(import_error(model), HasSubstr("training"));
}

TEST(Import, BytesThatAreNoModel) {
  constexpr std::string_view kMessage = "m.onnx: is not a valid ONNX model or is truncated";
  const auto error_of = [](std::string_view bytes) {
    const Result<Graph> graph = import_onnx_bytes(bytes, "m.onnx", {});
    return graph.ok() ? std::string() : graph.error().message;
  };
  EXPECT_EQ(error_of(""), kMessage);
  EXPECT_EQ(error_of("not a model, just text"), kMessage);
  onnx::ModelProto model = small_model();
  model.clear_ir_version();
  EXPECT_EQ(import_error(model), kMessage);
  // A model cut anywhere is refused, whichever field the cut falls into.
  const std::string bytes = small_model().SerializeAsString();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(error_of(std::string_view(bytes).substr(0, size)), "") << size;
  }
}

TEST(Import, DeepNestingIsRefusedNotFollowed) {
  // Subgraphs within subgraphs, far deeper than any model: lengths grow from the inside out.
  std::string bytes;
  const auto wrap = [&bytes](char tag) {
    std::string length;
    for (std::size_t n = bytes.size(); true; n >>= 7) {
      length += static_cast<char>((n & 0x7F) | (n > 0x7F ? 0x80 : 0));
      if (n <= 0x7F) break;
    }
    bytes = tag + length + bytes;
  };
  for (int depth = 0; depth < 2000; ++depth) {
    wrap(0x32);  // AttributeProto.g
    wrap(0x2A);  // NodeProto.attribute
    wrap(0x0A);  // GraphProto.node
  }
  wrap(0x3A);  // ModelProto.graph
  EXPECT_THAT(import_onnx_bytes(bytes, "m.onnx", {}).error().message,
              HasSubstr("is not a valid ONNX model"));
}

TEST(Import, FilesThatCannotBeRead) {
  EXPECT_EQ(import_onnx("absent.onnx").error().message,
            "cannot open model 'absent.onnx': No such file or directory");
  const std::filesystem::path folder = testing::TempDir();
  EXPECT_THAT(import_onnx(folder).error().message, HasSubstr("is a folder, not a model file"));

  // 3 GB without a byte on the disk.
  const std::filesystem::path big = folder / "lode_big.onnx";
  std::ofstream(big).close();
  std::filesystem::resize_file(big, std::uintmax_t{3} << 30);
  EXPECT_THAT(import_onnx(big).error().message, HasSubstr("is larger than 2 GB"));
  std::filesystem::remove(big);
}

TEST(Import, FileOnDisk) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "lode_small.onnx";
  std::ofstream(path, std::ios::binary) << small_model().SerializeAsString();
  const Result<Graph> graph = import_onnx(path);
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace lode::engine
