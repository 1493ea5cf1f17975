// The list of operators as a whole: complete rows, errors by name, no crash on hostile nodes.
#include <set>

#include "engine/ops/quantization.h"
#include "tests/engine/ops/op_runner.h"

namespace lode::engine {
namespace {

TEST(Registry, EveryRowIsCompleteAndUnique) {
  std::set<std::string_view> seen;
  for (const OperatorDef& definition : all_operators()) {
    SCOPED_TRACE(definition.op_type);
    EXPECT_TRUE(seen.insert(definition.op_type).second);
    EXPECT_NE(definition.check, nullptr);
    EXPECT_NE(definition.infer, nullptr);
    EXPECT_NE(definition.reference, nullptr);
    EXPECT_GE(definition.opset_min, 1);
    EXPECT_EQ(definition.opset_max, definition.domain.empty() ? kLatestOpset : 1);
  }
  EXPECT_EQ(seen.size(), 59U);
}

TEST(Registry, RefusesByName) {
  expect_error(Op{"Conv", 99}({}), {"(Conv)", "operator set 99", "1 to 25"});
  expect_error(Op{"Erf", 13}({}), {"(Erf)", "not supported", "operator set 13"});
  Node foreign = Op{"Conv"}.node(0);
  foreign.domain = "com.example";
  expect_error(find_operator(foreign), {"com.example"});
}

// Attribute values, extents and ranks that a broken or hostile file may hold.
constexpr std::int64_t kNumbers[] = {INT64_MIN,
                                     -(std::int64_t{1} << 32),
                                     -3,
                                     -2,
                                     -1,
                                     0,
                                     1,
                                     2,
                                     3,
                                     7,
                                     std::int64_t{1} << 31,
                                     std::int64_t{1} << 62,
                                     INT64_MAX};
constexpr std::string_view kNames[] = {
    "auto_pad", "dilations",     "group",      "kernel_shape",     "pads",  "strides", "axis",
    "axes",     "ceil_mode",     "perm",       "keepdims",         "mode",  "to",      "value",
    "size",     "storage_order", "epsilon",    "allowzero",        "start", "end",     "broadcast",
    "shape",    "alpha",         "value_ints", "count_include_pad"};
constexpr std::string_view kWords[] = {"SAME_UPPER", "SAME_LOWER", "VALID", "reflect", "edge", ""};

class Hostile {
 public:
  /// Each operator has its own stream, which other operators do not shift.
  explicit Hostile(std::string_view op_type) : rng_(make_rng(1, op_type)) {}

  std::int64_t number() {
    // Small numbers get far, so they come often.
    return below(3) > 0 ? below(4) : kNumbers[below(std::size(kNumbers))];
  }

  Ints list() {
    Ints values;
    for (std::int64_t i = below(6); i > 0; --i) values.push_back(number());
    return values;
  }

  Attribute attribute() {
    switch (below(6)) {
      case 0:
        return number();
      case 1:
        return uniform_between(rng_, -2.0F, 2.0F);
      case 2:
        return std::string(kWords[below(std::size(kWords))]);
      case 3:
        return tensor();
      default:
        return list();
    }
  }

  Tensor tensor() {
    Shape shape;
    for (std::int64_t rank = below(5); rank > 0; --rank) shape.push_back(below(5));
    if (below(4) == 0) return ints(list());
    const DType common = below(4) == 0 ? DType::kU8 : DType::kF32;
    Tensor result(below(3) > 0 ? common : static_cast<DType>(below(13)), shape);
    const auto view = result.mutable_view();
    for (std::size_t i = 0; i < view.byte_size(); ++i) view.data[i] = std::byte(below(256));
    return result;
  }

  Op op(const OperatorDef& definition) {
    Op op{std::string(definition.op_type),
          1 + below(22),
          {},
          static_cast<std::size_t>(1 + below(6) / 5),
          std::string(definition.domain)};
    if (!definition.domain.empty()) op.opset = definition.opset_max;
    for (std::int64_t i = below(3); i > 0; --i) {
      op.attributes[std::string(kNames[below(std::size(kNames))])] = attribute();
    }
    if (op.type == "MaxPool" && below(2) == 0) op.attributes["kernel_shape"] = list();
    return op;
  }

  std::int64_t below(std::size_t bound) {
    return uniform_below(rng_, static_cast<std::uint32_t>(bound));
  }

 private:
  Rng rng_;
};

// Inference says how large the outputs would be, so that only small ones are run.
bool is_small(const Node& node, const std::vector<Tensor>& inputs) {
  std::vector<ValueInfo> infos;
  for (const Tensor& input : inputs) {
    ValueInfo info;
    info.present = true;
    info.dtype = input.dtype();
    info.shape = input.shape();
    info.constant = &input;
    infos.push_back(info);
  }
  std::vector<ValueInfo> outputs(node.outputs.size());
  InferContext context{node, infos, outputs};
  const auto definition = find_operator(node);
  if (!definition.ok() || !(*definition)->check(node).ok() || !(*definition)->infer(context).ok())
    return false;
  return std::all_of(outputs.begin(), outputs.end(), [](const ValueInfo& output) {
    return output.shape.element_count() <= 100'000;
  });
}

// Nothing that a file holds may crash: each node either runs or gives an error that names it.
TEST(Registry, SurvivesHostileNodes) {
  std::map<std::string_view, int> ran;
  for (const OperatorDef& definition : all_operators()) {
    Hostile hostile(definition.op_type);
    for (int round = 0; round < 10'000; ++round) {
      const Op op = hostile.op(definition);
      std::vector<Tensor> inputs;
      for (std::int64_t i = hostile.below(4); i > 0; --i) {
        const bool again = !inputs.empty() && hostile.below(2) == 0;
        inputs.push_back(again ? inputs.front() : hostile.tensor());
      }
      if (definition.op_type == "BatchNormalization" && inputs.size() == 3) {
        inputs.insert(inputs.end(), {inputs[1], inputs[2]});
      }
      const Node node = op.node(inputs.size());
      std::vector<std::optional<Tensor>> arguments(inputs.begin(), inputs.end());
      if (is_small(node, inputs)) {
        const auto result = op(arguments);
        if (result.ok()) ++ran[definition.op_type];
        if (!result.ok()) expect_error(result, {std::string(definition.op_type)});
      }
    }
  }
  for (const std::string_view type :
       {"Add", "Relu", "Concat", "MaxPool", "Reshape", "Gather", "Transpose", "Cast", "MatMul",
        "Conv", "Pad", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
        "MatMulInteger"}) {
    EXPECT_GT(ran[type], 0) << type << " never got as far as its reference";
  }
}

}  // namespace
}  // namespace lode::engine
