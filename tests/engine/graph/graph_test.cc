// The IR: links under edits, the verifier, the order, the text form, attributes.
#include "engine/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/graph/editor.h"
#include "engine/graph/quote.h"

namespace lode::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor tensor_of(std::initializer_list<float> values) {
  return Tensor::of<float>(std::span(values.begin(), values.size()),
                           {static_cast<std::int64_t>(values.size())});
}

// x -> a(Relu) -> t -> b(Add with w) -> y
struct Chain {
  Graph graph;
  GraphEditor editor{graph};
  ValueId x = editor.add_value("x");
  ValueId w = editor.add_constant("w", tensor_of({1, 2}));
  ValueId t = editor.add_value("t");
  ValueId y = editor.add_value("y");
  NodeId a = kNoNode;
  NodeId b = kNoNode;

  Chain() {
    editor.declare(x, DType::kF32, Shape{-1, 2}, {"N", ""});
    editor.add_input(x);
    a = add("a", "Relu", {x}, {t});
    b = add("b", "Add", {t, w}, {y});
    editor.add_output(y);
  }

  NodeId add(std::string name, std::string op, std::vector<ValueId> inputs,
             std::vector<ValueId> outputs) {
    Node node;
    node.name = std::move(name);
    node.op_type = std::move(op);
    node.opset = 13;
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    return editor.add_node(std::move(node));
  }
};

std::string verify_error(const Graph& graph) {
  const Status status = verify(graph);
  return status.ok() ? "" : status.error().message;
}

TEST(Graph, AddedNodesAreLinkedBothWays) {
  Chain c;
  EXPECT_EQ(verify_error(c.graph), "");
  EXPECT_EQ(c.graph.value(c.t).producer, c.a);
  EXPECT_THAT(c.graph.value(c.t).consumers, ElementsAre(c.b));
  EXPECT_THAT(c.graph.value(c.w).consumers, ElementsAre(c.b));
  EXPECT_EQ(c.graph.constant(c.w)->as<float>()[1], 2.0F);
  EXPECT_EQ(c.graph.constant(c.x), nullptr);
  EXPECT_EQ(c.graph.constant(kNoValue), nullptr);
  EXPECT_TRUE(c.graph.is_output(c.y));
  EXPECT_FALSE(c.graph.is_output(c.t));
  EXPECT_EQ(c.graph.node_count(), 2U);
}

TEST(Graph, EmptyAndTakenNamesAreReplaced) {
  Chain c;
  const NodeId unnamed = c.add("", "Relu", {c.y}, {c.editor.add_value("")});
  const NodeId taken = c.add("a", "Relu", {c.y}, {c.editor.add_value("")});
  EXPECT_EQ(c.graph.node(unnamed).name, "Relu_2");
  EXPECT_EQ(c.graph.node(taken).name, "a_3");
  EXPECT_EQ(verify_error(c.graph), "");
  const NodeId clash = c.add("Relu_5", "Relu", {c.y}, {c.editor.add_value("")});
  const NodeId avoids = c.add("", "Relu", {c.y}, {c.editor.add_value("")});
  EXPECT_EQ(c.graph.node(clash).name, "Relu_5");
  EXPECT_EQ(c.graph.node(avoids).name, "Relu_5_2");
}

TEST(Graph, OrderKeepsIdsWhereValidAndSortsWhereNot) {
  Chain c;
  EXPECT_THAT(c.graph.topological_order(), ElementsAre(c.a, c.b));
  // A node added last that must run first, and one that is free: the lowest ready id goes first.
  const ValueId early = c.editor.add_value("early");
  const NodeId first = c.add("first", "Relu", {c.x}, {early});
  c.editor.set_input(c.a, 0, early);
  EXPECT_THAT(c.graph.topological_order(), ElementsAre(first, c.a, c.b));
  const NodeId free = c.add("free", "Relu", {c.x}, {c.editor.add_value("")});
  EXPECT_THAT(c.graph.topological_order(), ElementsAre(first, c.a, c.b, free));
}

TEST(Graph, RemovedNodeLeavesNoLinks) {
  Chain c;
  c.editor.remove_node(c.b);
  EXPECT_EQ(c.graph.find_node(c.b), nullptr);
  EXPECT_TRUE(c.graph.value(c.t).consumers.empty());
  EXPECT_EQ(c.graph.value(c.y).producer, kNoNode);
  EXPECT_EQ(c.graph.node_count(), 1U);
  EXPECT_EQ(c.graph.node_capacity(), 2U);
  EXPECT_THAT(verify_error(c.graph), HasSubstr("graph output 'y' is produced by nothing"));
  EXPECT_EQ(c.graph.node(c.add("b", "Relu", {c.t}, {c.y})).name, "b");
  EXPECT_EQ(verify_error(c.graph), "");
}

TEST(Graph, ReplaceUsesMovesEveryReadAndTheOutput) {
  Chain c;
  const ValueId other = c.editor.add_constant("other", tensor_of({3, 4}));
  const NodeId twice = c.add("twice", "Mul", {c.t, c.t}, {c.editor.add_value("")});
  EXPECT_THAT(c.graph.value(c.t).consumers, ElementsAre(c.b, twice, twice));
  c.editor.replace_uses(c.t, other);
  EXPECT_THAT(c.graph.node(twice).inputs, ElementsAre(other, other));
  EXPECT_THAT(c.graph.value(other).consumers, ElementsAre(c.b, twice, twice));
  EXPECT_TRUE(c.graph.value(c.t).consumers.empty());
  c.editor.replace_uses(c.y, other);
  EXPECT_THAT(c.graph.outputs(), ElementsAre(other));
  EXPECT_EQ(verify_error(c.graph), "");
}

TEST(Graph, MoveOutputLetsAProducerTakeOver) {
  Chain c;
  c.editor.remove_node(c.b);
  c.editor.move_output(c.a, 0, c.y);
  EXPECT_EQ(verify_error(c.graph), "");
  EXPECT_EQ(dump(c.graph), "a: Relu(x) -> y\n");
  EXPECT_EQ(c.graph.value(c.t).producer, kNoNode);
}

TEST(Graph, InputsCanBeSetAppendedAndOmitted) {
  Chain c;
  c.editor.set_input(c.b, 1, c.t);
  EXPECT_THAT(c.graph.value(c.t).consumers, ElementsAre(c.b, c.b));
  EXPECT_TRUE(c.graph.value(c.w).consumers.empty());
  c.editor.set_input(c.b, 1, kNoValue);
  c.editor.append_input(c.b, c.w);
  EXPECT_EQ(verify_error(c.graph), "");
  EXPECT_EQ(dump(c.graph), "a: Relu(x) -> t\nb: Add(t, -, w) -> y\n");
}

TEST(Graph, DroppedConstantIsGone) {
  Chain c;
  c.editor.set_input(c.b, 1, c.t);
  c.editor.drop_constant(c.w);
  EXPECT_EQ(c.graph.constant(c.w), nullptr);
  EXPECT_EQ(verify_error(c.graph), "");
}

TEST(Verify, NamesWhatIsWrong) {
  {
    Chain c;
    const ValueId nowhere = c.editor.add_value("nowhere");
    c.editor.set_input(c.b, 1, nowhere);
    EXPECT_EQ(verify_error(c.graph), "node 'b' (Add): input 'nowhere' is produced by nothing");
  }
  {
    Chain c;
    c.editor.set_input(c.a, 0, c.y);
    EXPECT_EQ(verify_error(c.graph), "node 'a' (Relu): is on or behind a cycle");
  }
  {
    Chain c;
    c.editor.remove_node(c.a);
    c.editor.add_input(c.t);
    c.editor.set_constant(c.t, tensor_of({1}));
    EXPECT_THAT(verify_error(c.graph), HasSubstr("'t': is more than one of"));
  }
  {
    Chain c;
    c.editor.add_input(c.x);
    EXPECT_EQ(verify_error(c.graph), "graph input 'x' is listed twice");
  }
  {
    Chain c;
    c.add("none", "Relu", {c.x}, {});
    EXPECT_EQ(verify_error(c.graph), "node 'none' (Relu): has no output");
  }
}

TEST(Verify, OutputMayBeAnInputOrAConstant) {
  Chain c;
  c.editor.add_output(c.x);
  c.editor.add_output(c.w);
  EXPECT_EQ(verify_error(c.graph), "");
}

TEST(Dump, PrintsDomainAndEveryKindOfAttribute) {
  Chain c;
  c.editor.set_attribute(c.a, "i", std::int64_t{3});
  c.editor.set_attribute(c.a, "f", 0.5F);
  c.editor.set_attribute(c.a, "s", std::string("VALID"));
  c.editor.set_attribute(c.a, "is", std::vector<std::int64_t>{1, -2});
  c.editor.set_attribute(c.a, "fs", std::vector<float>{1.5F});
  c.editor.set_attribute(c.a, "ss", std::vector<std::string>{"p", "q"});
  c.editor.set_attribute(c.a, "t", tensor_of({1, 2}));
  c.editor.set_operator(c.a, "lode", "Special", 1);
  EXPECT_THAT(dump(c.graph),
              HasSubstr("a: lode::Special(x) -> t {f=0.5, fs=[1.5], i=3, is=[1,-2], s='VALID', "
                        "ss=['p','q'], t=f32[2]}\n"));
  EXPECT_EQ(c.graph.node(c.a).opset, 1);
}

TEST(Attributes, ComeWithDefaultsAndRefuseOtherTypes) {
  Chain c;
  c.editor.set_attribute(c.a, "group", std::int64_t{2});
  c.editor.set_attribute(c.a, "pads", std::vector<std::int64_t>{1, 2});
  c.editor.set_attribute(c.a, "value", tensor_of({7}));
  const Node& node = c.graph.node(c.a);
  EXPECT_EQ(attribute_int(node, "group", 1).value(), 2);
  EXPECT_EQ(attribute_int(node, "absent", 1).value(), 1);
  EXPECT_EQ(attribute_float(node, "absent", 0.5F).value(), 0.5F);
  EXPECT_EQ(attribute_string(node, "absent", "NOTSET").value(), "NOTSET");
  EXPECT_THAT(attribute_ints(node, "pads", {}).value(), ElementsAre(1, 2));
  EXPECT_THAT(attribute_floats(node, "absent", {1.0F}).value(), ElementsAre(1.0F));
  EXPECT_EQ(attribute_tensor(node, "value").value()->as<float>()[0], 7.0F);
  EXPECT_EQ(attribute_tensor(node, "absent").value(), nullptr);
  EXPECT_EQ(attribute_float(node, "group", 1.0F).error().message,
            "node 'a' (Relu): attribute 'group' is an integer, not a float");
  EXPECT_EQ(attribute_int(node, "pads", 0).error().message,
            "node 'a' (Relu): attribute 'pads' is a list of integers, not an integer");
}

TEST(Quote, KeepsErrorsOnOneReadableLine) {
  EXPECT_EQ(quote("conv1"), "'conv1'");
  EXPECT_EQ(quote("a\nb\x01"), "'a\\x0ab\\x01'");
  EXPECT_EQ(quote(std::string(200, 'z')), "'" + std::string(120, 'z') + "...'");
}

}  // namespace
}  // namespace lode::engine
