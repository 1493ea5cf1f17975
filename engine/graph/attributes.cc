// Typed access to a node's attributes.
#include "engine/graph/graph.h"
#include "engine/graph/quote.h"

namespace lode::engine {

namespace {

// Parallel to the alternatives of Attribute.
constexpr std::string_view kTypeNames[] = {
    "an integer",       "a float",           "a string", "a list of integers",
    "a list of floats", "a list of strings", "a tensor"};
static_assert(std::size(kTypeNames) == std::variant_size_v<Attribute>);

// The attribute as T; null if absent.
template <typename T>
Result<const T*> find_attribute(const Node& node, std::string_view name) {
  static const std::size_t wanted = Attribute(T()).index();
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return static_cast<const T*>(nullptr);
  if (const T* value = std::get_if<T>(&found->second)) return value;
  return runtime_error("{}: attribute {} is {}, not {}", describe(node), quote(name),
                       kTypeNames[found->second.index()], kTypeNames[wanted]);
}

template <typename T>
Result<T> attribute_or(const Node& node, std::string_view name, T fallback) {
  LODE_TRY(const T* value, find_attribute<T>(node, name));
  return value != nullptr ? *value : std::move(fallback);
}

}  // namespace

Result<std::int64_t> attribute_int(const Node& node, std::string_view name, std::int64_t fallback) {
  return attribute_or(node, name, fallback);
}

Result<float> attribute_float(const Node& node, std::string_view name, float fallback) {
  return attribute_or(node, name, fallback);
}

Result<std::string> attribute_string(const Node& node, std::string_view name,
                                     std::string_view fallback) {
  return attribute_or(node, name, std::string(fallback));
}

Result<std::vector<std::int64_t>> attribute_ints(const Node& node, std::string_view name,
                                                 std::vector<std::int64_t> fallback) {
  return attribute_or(node, name, std::move(fallback));
}

Result<std::vector<float>> attribute_floats(const Node& node, std::string_view name,
                                            std::vector<float> fallback) {
  return attribute_or(node, name, std::move(fallback));
}

Result<const Tensor*> attribute_tensor(const Node& node, std::string_view name) {
  return find_attribute<Tensor>(node, name);
}

}  // namespace lode::engine
