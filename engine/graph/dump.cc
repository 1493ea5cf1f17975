// The text forms of a Graph: dump() for people and tests, describe() and quote() for errors.
#include <fmt/format.h>

#include "engine/graph/graph.h"
#include "engine/graph/quote.h"

namespace lode::engine {

namespace {

// The parts, each as `text` gives it, with `separator` between.
template <typename Part, typename Text>
std::string join(const std::vector<Part>& parts, std::string_view separator, Text text) {
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) joined += separator;
    joined += text(parts[i]);
  }
  return joined;
}

struct AttributePrinter {
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(float value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return quote(value); }
  std::string operator()(const Tensor& tensor) const {
    return fmt::format("{}{}", dtype_name(tensor.dtype()), tensor.shape().to_string());
  }
  template <typename T>
  std::string operator()(const std::vector<T>& values) const {
    return fmt::format("[{}]", join(values, ",", *this));
  }
};

std::string value_list(const Graph& graph, const std::vector<ValueId>& ids) {
  return join(ids, ", ", [&graph](ValueId id) {
    return id == kNoValue ? std::string("-") : graph.value(id).name;
  });
}

}  // namespace

std::string quote(std::string_view name) {
  constexpr std::size_t kMaxBytes = 120;
  std::string text = "'";
  for (const char c : name.substr(0, kMaxBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text + (name.size() > kMaxBytes ? "...'" : "'");
}

std::string attribute_text(const Attribute& attribute) {
  return std::visit(AttributePrinter{}, attribute);
}

std::string describe(const Node& node) {
  const std::string op = quote(node.op_type);
  return fmt::format("node {} ({})", quote(node.name),
                     std::string_view(op).substr(1, op.size() - 2));
}

std::string dump(const Graph& graph) {
  std::string text;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    text += fmt::format("{}: {}{}{}({}) -> {}", node.name, node.domain,
                        node.domain.empty() ? "" : "::", node.op_type,
                        value_list(graph, node.inputs), value_list(graph, node.outputs));
    std::string attributes;
    for (const auto& [name, attribute] : node.attributes) {
      if (!attributes.empty()) attributes += ", ";
      attributes += fmt::format("{}={}", name, attribute_text(attribute));
    }
    if (!attributes.empty()) text += fmt::format(" {{{}}}", attributes);
    text += '\n';
  }
  return text;
}

}  // namespace lode::engine
