// Walks the graph in topological order, and for each node picks layouts and kernel, converts the
// inputs that disagree, and appends the step.
#include "engine/runtime/planner.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/ops/lowering.h"
#include "engine/runtime/reference_step.h"

namespace lode::engine {

namespace {

constexpr std::size_t index_of(Layout layout) {
  return static_cast<std::size_t>(layout);
}

/// The buffers that hold a value, one a layout.
struct Copies {
  std::array<BufferId, 2> buffers = {kNoBuffer, kNoBuffer};
  Layout native = Layout::kPlain;  ///< the one it was made in

  [[nodiscard]] BufferId in(Layout layout) const { return buffers[index_of(layout)]; }
  void set(Layout layout, BufferId buffer) { buffers[index_of(layout)] = buffer; }
};

class Planner {
 public:
  Planner(const Graph& graph, WeightCache& weights, Isa isa)
      : graph_(graph), weights_(weights), isa_(isa), copies_(graph.value_capacity()) {}

  Result<PlanParts> make(std::span<const Shape> input_shapes);

 private:
  struct NodeLayouts {
    std::vector<Layout> inputs;
    std::vector<Layout> outputs;
  };

  [[nodiscard]] const ValueInfo& info(ValueId id) const {
    return parts_.inferred.values[static_cast<std::size_t>(id)];
  }
  Copies& copies(ValueId id) { return copies_[static_cast<std::size_t>(id)]; }
  BufferId add_buffer(const Buffer& buffer);
  BufferId add_arena_buffer(std::size_t bytes);
  void add_leaves();
  [[nodiscard]] std::vector<bool> needed_nodes() const;
  [[nodiscard]] bool is_leaf(ValueId id) const;

  Status add_node(const Node& node);
  void add_view(const Node& node);
  [[nodiscard]] std::vector<ValueInfo> infos(const std::vector<ValueId>& ids) const;
  [[nodiscard]] NodeLayouts wanted_layouts(const Node& node, LayoutRule rule) const;
  [[nodiscard]] bool is_data(ValueId id) const;
  [[nodiscard]] bool has_shared_constants(const Node& node) const;
  void append(const Node& node, Step step, const NodeLayouts& layouts);
  BufferId in_layout(ValueId id, Layout layout);
  void append_copy(std::string_view what, ValueId id, BufferId from, Layout from_layout,
                   BufferId to, Layout to_layout);
  void place_outputs();
  void plan_arena();

  const Graph& graph_;
  WeightCache& weights_;
  Isa isa_;
  std::vector<Copies> copies_;
  PlanParts parts_;
};

std::size_t byte_size(const ValueInfo& info) {
  return static_cast<std::size_t>(info.shape.element_count()) * dtype_size(info.dtype);
}

BufferId Planner::add_buffer(const Buffer& buffer) {
  parts_.buffers.push_back(buffer);
  return static_cast<BufferId>(parts_.buffers.size() - 1);
}

BufferId Planner::add_arena_buffer(std::size_t bytes) {
  return add_buffer({.home = Buffer::Home::kArena, .bytes = bytes});
}

bool Planner::is_leaf(ValueId id) const {
  return info(id).constant != nullptr || graph_.value(id).producer == kNoNode;
}

/// Graph inputs and everything whose elements are known.
void Planner::add_leaves() {
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    const ValueInfo& value = parts_.inferred.values[i];
    if (value.constant == nullptr) continue;
    copies_[i].set(Layout::kPlain, add_buffer({.home = Buffer::Home::kConstant,
                                               .constant = value.constant->view().data,
                                               .bytes = value.constant->byte_size()}));
  }
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
    const ValueId id = graph_.inputs()[i];
    if (info(id).constant != nullptr) continue;
    copies(id).set(
        Layout::kPlain,
        add_buffer({.home = Buffer::Home::kInput, .index = i, .bytes = byte_size(info(id))}));
  }
}

/// Nodes that an output hangs on, those aside whose results inference already knows.
std::vector<bool> Planner::needed_nodes() const {
  std::vector<bool> needed(graph_.node_capacity(), false);
  std::vector<ValueId> open(graph_.outputs().begin(), graph_.outputs().end());
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (id == kNoValue || is_leaf(id)) continue;
    const auto producer = static_cast<std::size_t>(graph_.value(id).producer);
    if (needed[producer]) continue;
    needed[producer] = true;
    const Node& node = graph_.node(graph_.value(id).producer);
    open.insert(open.end(), node.inputs.begin(), node.inputs.end());
  }
  return needed;
}

std::vector<ValueInfo> Planner::infos(const std::vector<ValueId>& ids) const {
  std::vector<ValueInfo> result;
  for (const ValueId id : ids) result.push_back(id == kNoValue ? ValueInfo{} : info(id));
  return result;
}

/// A value that could stand in either layout: rank 4, not a constant, not the same in both.
bool Planner::is_data(ValueId id) const {
  return id != kNoValue && info(id).constant == nullptr && !layouts_coincide(info(id).shape);
}

bool Planner::has_shared_constants(const Node& node) const {
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
    return id == kNoValue || info(id).constant == nullptr ||
           info(id).constant == graph_.constant(id);
  });
}

Planner::NodeLayouts Planner::wanted_layouts(const Node& node, LayoutRule rule) const {
  Layout wanted = rule == LayoutRule::kChannelsLast ? Layout::kChannelsLast : Layout::kPlain;
  if (rule == LayoutRule::kFollow) {
    for (const ValueId id : node.inputs) {
      if (is_data(id) && copies_[static_cast<std::size_t>(id)].native == Layout::kChannelsLast) {
        wanted = Layout::kChannelsLast;
      }
    }
  }
  NodeLayouts layouts;
  for (const ValueId id : node.inputs) {
    layouts.inputs.push_back(is_data(id) ? wanted : Layout::kPlain);
  }
  for (const ValueId id : node.outputs) {
    const bool has_choice = id != kNoValue && !layouts_coincide(info(id).shape);
    layouts.outputs.push_back(has_choice ? wanted : Layout::kPlain);
  }
  return layouts;
}

void Planner::append_copy(std::string_view what, ValueId id, BufferId from, Layout from_layout,
                          BufferId to, Layout to_layout) {
  PlanStep copy;
  copy.step = layout_step(info(id).dtype, info(id).shape, from_layout, to_layout, isa_);
  copy.op_type = what;
  copy.name = graph_.value(id).name;
  copy.output_shape = info(id).shape;
  copy.inputs = {from};
  copy.outputs = {to};
  parts_.steps.push_back(std::move(copy));
}

/// The buffer that holds the value in this layout, converting it now if none does.
BufferId Planner::in_layout(ValueId id, Layout layout) {
  if (id == kNoValue) return kNoBuffer;
  Copies& value = copies(id);
  if (layouts_coincide(info(id).shape)) return value.in(value.native);
  if (value.in(layout) == kNoBuffer) {
    const BufferId converted = add_arena_buffer(byte_size(info(id)));
    append_copy("(layout)", id, value.in(value.native), value.native, converted, layout);
    value.set(layout, converted);
  }
  return value.in(layout);
}

void Planner::append(const Node& node, Step step, const NodeLayouts& layouts) {
  PlanStep planned;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    planned.inputs.push_back(in_layout(node.inputs[i], layouts.inputs[i]));
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (id == kNoValue) {
      planned.outputs.push_back(kNoBuffer);
      continue;
    }
    const BufferId buffer = add_arena_buffer(byte_size(info(id)));
    copies(id).native = layouts.outputs[i];
    copies(id).set(layouts.outputs[i], buffer);
    planned.outputs.push_back(buffer);
  }
  planned.step = std::move(step);
  planned.node = node.id;
  planned.op_type = node.op_type;
  planned.name = node.name;
  planned.output_shape = info(node.outputs[0]).shape;
  parts_.steps.push_back(std::move(planned));
}

/// The output is the input's buffer: in its layout if the shape stays, else in ONNX's order.
void Planner::add_view(const Node& node) {
  const ValueId from = node.inputs[0];
  const ValueId to = node.outputs[0];
  if (info(from).shape == info(to).shape) {
    copies(to) = copies(from);
    return;
  }
  copies(to).native = Layout::kPlain;
  copies(to).set(Layout::kPlain, in_layout(from, Layout::kPlain));
}

Status Planner::add_node(const Node& node) {
  LODE_TRY(const OperatorDef* definition, find_operator(node));
  if (definition->is_view) {
    add_view(node);
    return {};
  }
  const std::vector<ValueInfo> inputs = infos(node.inputs);
  const std::vector<ValueInfo> outputs = infos(node.outputs);
  Step step = refuse_lowering("the operator has no kernel");
  NodeLayouts layouts = wanted_layouts(node, definition->layout);
  const bool has_elements = outputs[0].shape.element_count() > 0;
  if (definition->lower != nullptr && has_elements) {
    LowerContext context{.node = node,
                         .inputs = inputs,
                         .outputs = outputs,
                         .input_layouts = layouts.inputs,
                         .output_layouts = layouts.outputs,
                         .weights = weights_,
                         .isa = isa_,
                         .has_shared_constants = has_shared_constants(node)};
    LODE_TRY(step, definition->lower(context));
  }
  if (!step.run) {
    layouts = wanted_layouts(node, LayoutRule::kPlain);
    step =
        reference_step(node, *definition, inputs, outputs, std::move(step.reason), parts_.failure);
  }
  append(node, std::move(step), layouts);
  return {};
}

/// Gives each graph output its buffer: that of the value itself where it is in ONNX's order and is
/// an output only once, else a copy at the end.
void Planner::place_outputs() {
  for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
    const ValueId id = graph_.outputs()[i];
    parts_.outputs.push_back(info(id));
    const bool in_order =
        layouts_coincide(info(id).shape) || copies(id).in(Layout::kPlain) != kNoBuffer;
    const Layout layout =
        layouts_coincide(info(id).shape) || !in_order ? copies(id).native : Layout::kPlain;
    const BufferId from = copies(id).in(layout);
    Buffer& buffer = parts_.buffers[static_cast<std::size_t>(from)];
    if (in_order && buffer.home == Buffer::Home::kArena) {
      buffer.home = Buffer::Home::kOutput;
      buffer.index = i;
      continue;
    }
    const BufferId to =
        add_buffer({.home = Buffer::Home::kOutput, .index = i, .bytes = byte_size(info(id))});
    append_copy("(output)", id, from, layout, to, Layout::kPlain);
  }
}

void Planner::plan_arena() {
  constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
  std::vector<Lifetime> lifetimes(parts_.buffers.size(), Lifetime{0, kNever, -1});
  for (std::size_t step = 0; step < parts_.steps.size(); ++step) {
    const auto touch = [&](BufferId id) {
      if (id == kNoBuffer) return;
      Lifetime& lifetime = lifetimes[static_cast<std::size_t>(id)];
      lifetime.first_step = std::min(lifetime.first_step, static_cast<std::int64_t>(step));
      lifetime.last_step = static_cast<std::int64_t>(step);
    };
    for (const BufferId id : parts_.steps[step].inputs) touch(id);
    for (const BufferId id : parts_.steps[step].outputs) touch(id);
  }
  for (std::size_t i = 0; i < parts_.buffers.size(); ++i) {
    Buffer& buffer = parts_.buffers[i];
    if (buffer.home != Buffer::Home::kArena) continue;
    LODE_ASSERT(lifetimes[i].last_step >= 0);
    lifetimes[i].bytes = buffer.bytes;
    buffer.index = parts_.lifetimes.size();
    parts_.lifetimes.push_back(lifetimes[i]);
  }
  parts_.memory = plan_memory(parts_.lifetimes);
  LODE_ASSERT(is_sound(parts_.memory, parts_.lifetimes));
}

Result<PlanParts> Planner::make(std::span<const Shape> input_shapes) {
  LODE_TRY(parts_.inferred, infer_shapes(graph_, input_shapes));
  parts_.input_shapes.assign(input_shapes.begin(), input_shapes.end());
  if (!parts_.inferred.data_dependent.empty()) return std::move(parts_);
  add_leaves();
  const std::vector<bool> needed = needed_nodes();
  for (const NodeId id : graph_.topological_order()) {
    if (needed[static_cast<std::size_t>(id)]) LODE_CHECK_OK(add_node(graph_.node(id)));
  }
  place_outputs();
  plan_arena();
  return std::move(parts_);
}

}  // namespace

Result<PlanParts> make_plan(const Graph& graph, std::span<const Shape> input_shapes,
                            WeightCache& weights, Isa isa) {
  return Planner(graph, weights, isa).make(input_shapes);
}

}  // namespace lode::engine
