// Walks the graph in topological order, and for each node picks layouts and kernel, converts the
// inputs that disagree, and appends the step.
#include "engine/runtime/planner.h"

#include <algorithm>
#include <utility>

#include "engine/kernels/peak/peak.h"
#include "engine/ops/lowering.h"
#include "engine/ops/quantization.h"
#include "engine/passes/rewrite.h"
#include "engine/runtime/batch_split.h"
#include "engine/runtime/buffer_lifetimes.h"
#include "engine/runtime/concat_in_place.h"
#include "engine/runtime/fuse_bands.h"
#include "engine/runtime/fuse_ranges.h"
#include "engine/runtime/reference_step.h"

namespace lode::engine {

namespace {

/// A value in memory.
struct Place {
  BufferId buffer = kNoBuffer;
  std::size_t offset_bytes = 0;
  Placement placement;

  [[nodiscard]] bool exists() const { return buffer != kNoBuffer; }
};

/// Where a value lies: once for each way in which somebody wanted it.
struct Copies {
  Place plain;
  Place dense;  ///< channels-last
  Place slice;  ///< channels-last, of a wider buffer
  /// The layout it was made in; in channels-last, `dense` or `slice` is there.
  Layout native = Layout::kPlain;

  [[nodiscard]] const Place& original() const {
    if (native == Layout::kPlain) return plain;
    return dense.exists() ? dense : slice;
  }
  void add(const Place& place) {
    if (!place.placement.is_channels_last()) {
      plain = place;
    } else {
      (place.placement.pixel_stride == 0 ? dense : slice) = place;
    }
  }
};

class Planner {
 public:
  Planner(const Graph& graph, WeightCache& weights, const PlanOptions& options)
      : release_(options.release),
        graph_(graph),
        weights_(weights),
        isa_(options.isa),
        passes_(options.passes),
        workers_(options.workers),
        rounds_(options.round_activations),
        copies_(graph.value_capacity()) {}

  Result<PlanParts> make(std::span<const Shape> input_shapes);

 private:
  struct NodePlaces {
    std::vector<Placement> inputs;
    std::vector<Placement> outputs;
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

  void choose_slots(const std::vector<NodeId>& order, const std::vector<bool>& needed);
  [[nodiscard]] std::vector<bool> predict_channels_last(const std::vector<NodeId>& order) const;
  [[nodiscard]] Place place_of(const Slot& slot);
  PassReport& decision(MachinePass pass) {
    return parts_.decisions[static_cast<std::size_t>(pass)];
  }

  Status add_node(const Node& node);
  bool fuse_range(const Node& node);
  void add_view(const Node& node);
  void join(const Node& concat);
  [[nodiscard]] std::vector<ValueInfo> infos(const std::vector<ValueId>& ids) const;
  [[nodiscard]] PlacementSupport support_of(const Node& node, const OperatorDef& definition) const;
  [[nodiscard]] NodePlaces dense_places(const Node& node, Layout wanted) const;
  [[nodiscard]] NodePlaces wanted_places(const Node& node, const OperatorDef& definition);
  [[nodiscard]] bool reads_plain(const Node& node, const PlacementSupport& support);
  [[nodiscard]] bool is_data(ValueId id) const;
  [[nodiscard]] bool has_shared_constants(const Node& node) const;
  void append(const Node& node, Step step, const NodePlaces& places);
  void keep_constant(ValueId id);
  void release_packed(const Node& node, std::uint32_t packed_inputs);
  [[nodiscard]] Argument argument(ValueId id, const Place& place) const;
  Place fetch(ValueId id, const Placement& wanted);
  void append_copy(std::string_view what, ValueId id, const Place& from, const Place& to);
  void append_round(ValueId id, const Place& place);
  void place_outputs();
  void plan_arena();

  const ReleaseConstant& release_;
  const Graph& graph_;
  WeightCache& weights_;
  Isa isa_;
  MachinePasses passes_;
  std::int64_t workers_;
  bool rounds_;
  std::vector<Copies> copies_;
  SlotChoice choice_;
  std::vector<BufferId> slot_buffers_;  ///< by the value of the concatenation that owns it
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
    copies_[i].plain.buffer = add_buffer({.home = Buffer::Home::kConstant,
                                          .constant = value.constant->view().data,
                                          .bytes = value.constant->byte_size()});
  }
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
    const ValueId id = graph_.inputs()[i];
    if (info(id).constant != nullptr) continue;
    copies(id).plain.buffer =
        add_buffer({.home = Buffer::Home::kInput, .index = i, .bytes = byte_size(info(id))});
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

/// Whether each value will be made channels-last, as far as the operators' rules tell.
std::vector<bool> Planner::predict_channels_last(const std::vector<NodeId>& order) const {
  std::vector<bool> predicted(graph_.value_capacity(), false);
  const auto is_predicted = [&](ValueId id) {
    return is_data(id) && predicted[static_cast<std::size_t>(id)];
  };
  for (const NodeId id : order) {
    const Node& node = graph_.node(id);
    const auto definition = find_operator(node);
    if (!definition.ok() || node.outputs[0] == kNoValue) continue;
    const OperatorDef& rules = **definition;
    bool channels_last = rules.layout == LayoutRule::kChannelsLast && rules.lower != nullptr;
    if (rules.layout == LayoutRule::kFollow) {
      channels_last = std::any_of(node.inputs.begin(), node.inputs.end(), is_predicted);
    }
    predicted[static_cast<std::size_t>(node.outputs[0])] = channels_last;
  }
  return predicted;
}

void Planner::choose_slots(const std::vector<NodeId>& order, const std::vector<bool>& needed) {
  slot_buffers_.assign(graph_.value_capacity(), kNoBuffer);
  choice_.slots.resize(graph_.value_capacity());
  choice_.is_joined.resize(graph_.node_capacity(), false);
  if (!passes_.allow(MachinePass::kConcatInPlace)) return;
  const std::vector<bool> predicted = predict_channels_last(order);
  const SlotQuestions questions{
      .inferred = parts_.inferred,
      .needed = needed,
      .is_channels_last = [&](ValueId id) { return predicted[static_cast<std::size_t>(id)]; },
      .writes_with_stride =
          [&](const Node& node) {
            const auto definition = find_operator(node);
            return definition.ok() && support_of(node, **definition).strided_output;
          }};
  choice_ = engine::choose_slots(graph_, questions, decision(MachinePass::kConcatInPlace));
}

/// A slot as memory; the first question makes the buffer.
Place Planner::place_of(const Slot& slot) {
  const ValueInfo& root = info(slot.root);
  BufferId& buffer = slot_buffers_[static_cast<std::size_t>(slot.root)];
  if (buffer == kNoBuffer) buffer = add_arena_buffer(byte_size(root));
  return {.buffer = buffer,
          .offset_bytes = static_cast<std::size_t>(slot.first_channel) * dtype_size(root.dtype),
          .placement = {Layout::kChannelsLast, root.shape[1]}};
}

PlacementSupport Planner::support_of(const Node& node, const OperatorDef& definition) const {
  if (definition.placements == nullptr || definition.lower == nullptr) return {};
  const std::vector<ValueInfo> inputs = infos(node.inputs);
  const std::vector<ValueInfo> outputs = infos(node.outputs);
  return definition.placements({.node = node,
                                .inputs = inputs,
                                .outputs = outputs,
                                .input_places = {},
                                .output_places = {},
                                .weights = weights_,
                                .isa = isa_,
                                .passes = passes_,
                                .workers = workers_});
}

Planner::NodePlaces Planner::dense_places(const Node& node, Layout wanted) const {
  NodePlaces places;
  for (const ValueId id : node.inputs) {
    places.inputs.push_back({.layout = is_data(id) ? wanted : Layout::kPlain});
  }
  for (const ValueId id : node.outputs) {
    const bool has_choice = id != kNoValue && !layouts_coincide(info(id).shape);
    places.outputs.push_back({.layout = has_choice ? wanted : Layout::kPlain});
  }
  return places;
}

/// The data, a graph's input for one, is there in plain order alone, and a kernel takes it so.
bool Planner::reads_plain(const Node& node, const PlacementSupport& support) {
  const ValueId id = node.inputs[0];
  if (!is_data(id) || copies(id).native != Layout::kPlain || copies(id).dense.exists()) {
    return false;
  }
  PassReport& report = decision(MachinePass::kPlainFirstLayer);
  if (!passes_.allow(MachinePass::kPlainFirstLayer)) return false;
  if (support.plain_input) {
    ++report.changes;
  } else if (is_op(node, {"Conv"})) {
    refuse(report, node, "no kernel reads NCHW for this convolution");
  }
  return support.plain_input;
}

/// What the node's lowering is asked for: the layouts of its rule, and of the inputs and the output
/// the slices that are there already or are to be.
Planner::NodePlaces Planner::wanted_places(const Node& node, const OperatorDef& definition) {
  const LayoutRule rule = definition.layout;
  Layout wanted = rule == LayoutRule::kChannelsLast ? Layout::kChannelsLast : Layout::kPlain;
  if (rule == LayoutRule::kFollow) {
    for (const ValueId id : node.inputs) {
      if (is_data(id) && copies(id).native == Layout::kChannelsLast) {
        wanted = Layout::kChannelsLast;
      }
    }
  }
  NodePlaces places = dense_places(node, wanted);
  if (wanted == Layout::kPlain) return places;
  const PlacementSupport support = support_of(node, definition);
  if (reads_plain(node, support)) places.inputs[0].layout = Layout::kPlain;
  for (std::size_t i = 0; support.strided_inputs && i < node.inputs.size(); ++i) {
    if (!places.inputs[i].is_channels_last()) continue;
    const Copies& value = copies(node.inputs[i]);
    if (!value.dense.exists() && value.slice.exists()) places.inputs[i] = value.slice.placement;
  }
  const auto& slot = choice_.slots[static_cast<std::size_t>(node.outputs[0])];
  if (support.strided_output && slot && places.outputs[0].is_channels_last()) {
    places.outputs[0] = place_of(*slot).placement;
  }
  return places;
}

Argument Planner::argument(ValueId id, const Place& place) const {
  return {place.buffer, place.offset_bytes, byte_size(info(id))};
}

/// What a step reads stays, even if another plan packs it and has the graph release it.
void Planner::keep_constant(ValueId id) {
  const Tensor* constant = info(id).constant;
  if (constant == nullptr) return;
  if (!constant->has_elements()) throw ConstantsReleased();
  parts_.constants.push_back(*constant);
}

/// The packed weights of shared constants live as long as the model: nobody needs both.
void Planner::release_packed(const Node& node, std::uint32_t packed_inputs) {
  if (!release_ || packed_inputs == 0 || !has_shared_constants(node)) return;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (id == kNoValue || (packed_inputs >> i & 1U) == 0) continue;
    if (graph_.constant(id) == nullptr || graph_.is_output(id)) continue;
    if (graph_.value(id).consumers.size() == 1) release_(id);
  }
}

void Planner::append_copy(std::string_view what, ValueId id, const Place& from, const Place& to) {
  keep_constant(id);
  PlanStep copy;
  copy.step = layout_step(info(id).dtype, info(id).shape, from.placement, to.placement, isa_);
  copy.op_type = what;
  copy.name = graph_.value(id).name;
  copy.output_shape = info(id).shape;
  copy.inputs = {argument(id, from)};
  copy.outputs = {argument(id, to)};
  parts_.steps.push_back(std::move(copy));
}

/// The value to half, where it lies.
void Planner::append_round(ValueId id, const Place& place) {
  const std::int64_t count = info(id).shape.element_count();
  const std::int64_t stride = place.placement.pixel_stride;
  const std::int64_t columns = stride != 0 ? info(id).shape[1] : count;
  PlanStep round;
  round.step = round_step({.rows = stride != 0 ? count / columns : 1,
                           .columns = columns,
                           .stride = stride != 0 ? stride : count},
                          isa_);
  round.op_type = "(round)";
  round.name = graph_.value(id).name;
  round.output_shape = info(id).shape;
  round.inputs = {argument(id, place)};
  round.outputs = {argument(id, place)};
  parts_.steps.push_back(std::move(round));
}

/// The value so placed, copied now if it is not. A slice is asked for only where there is one.
Place Planner::fetch(ValueId id, const Placement& wanted) {
  if (id == kNoValue) return {};
  Copies& value = copies(id);
  if (layouts_coincide(info(id).shape)) return value.original();
  if (wanted.pixel_stride != 0) {
    LODE_ASSERT(value.slice.exists() && value.slice.placement.pixel_stride == wanted.pixel_stride);
    return value.slice;
  }
  const Place& there = wanted.is_channels_last() ? value.dense : value.plain;
  if (there.exists()) return there;
  const Place converted{.buffer = add_arena_buffer(byte_size(info(id))), .placement = wanted};
  append_copy("(layout)", id, value.original(), converted);
  value.add(converted);
  return converted;
}

void Planner::append(const Node& node, Step step, const NodePlaces& places) {
  PlanStep planned;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (id == kNoValue || (step.packed_inputs >> i & 1U) != 0) {
      planned.inputs.emplace_back();
      continue;
    }
    keep_constant(id);
    planned.inputs.push_back(argument(id, fetch(id, places.inputs[i])));
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (id == kNoValue) {
      planned.outputs.emplace_back();
      continue;
    }
    const Placement& wanted = places.outputs[i];
    const Place place =
        wanted.pixel_stride != 0
            ? place_of(*choice_.slots[static_cast<std::size_t>(id)])
            : Place{.buffer = add_arena_buffer(byte_size(info(id))), .placement = wanted};
    copies(id).native = wanted.layout;
    copies(id).add(place);
    planned.outputs.push_back(argument(id, place));
  }
  planned.step = std::move(step);
  planned.node = node.id;
  planned.op_type = node.op_type;
  planned.name = node.name;
  planned.output_shape = info(node.outputs[0]).shape;
  parts_.steps.push_back(std::move(planned));
  for (std::size_t i = 0; rounds_ && i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (id == kNoValue || info(id).dtype != DType::kF32 || byte_size(info(id)) == 0) continue;
    append_round(id, copies(id).original());
  }
  // What could not be written into its slot is copied there now, for all concatenations at once.
  const ValueId made = node.outputs[0];
  const auto& slot = choice_.slots[static_cast<std::size_t>(made)];
  if (slot && !copies(made).slice.exists()) {
    const Place place = place_of(*slot);
    append_copy("(concat)", made, copies(made).original(), place);
    copies(made).add(place);
  }
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
  copies(to).plain = fetch(from, {});
}

/// A concatenation whose buffer its inputs were written into; the others are copied there.
void Planner::join(const Node& concat) {
  const ValueId output = concat.outputs[0];
  Place next = place_of(*choice_.slots[static_cast<std::size_t>(output)]);
  Place whole = next;
  for (const ValueId id : concat.inputs) {
    const Place& slice = copies(id).slice;
    const bool is_there =
        slice.buffer == next.buffer && slice.offset_bytes == next.offset_bytes && slice.exists();
    if (!is_there) append_copy("(concat)", id, copies(id).original(), next);
    next.offset_bytes +=
        static_cast<std::size_t>(info(id).shape[1]) * dtype_size(info(output).dtype);
  }
  if (whole.placement.pixel_stride == info(output).shape[1]) whole.placement.pixel_stride = 0;
  copies(output).native = Layout::kChannelsLast;
  copies(output).add(whole);
}

/// Has the step that makes the node's input leave its range as well, in as many pairs as suit it.
bool Planner::fuse_range(const Node& node) {
  if (node.domain != kOwnDomain || node.op_type != "DynamicRange") return false;
  if (!passes_.allow(MachinePass::kFuseRanges)) return false;
  PassReport& report = decision(MachinePass::kFuseRanges);
  RangeMaker maker = find_range_maker(graph_, node, parts_.steps);
  if (maker.step != nullptr && rounds_) {
    maker = {nullptr, "its input is rounded behind the step that makes it"};
  }
  if (maker.step == nullptr) {
    refuse(report, node, std::move(maker.why_not));
    return false;
  }
  const ValueId id = node.outputs[0];
  ValueInfo& ranges = parts_.inferred.values[static_cast<std::size_t>(id)];
  const std::int64_t pairs = maker.step->output_shape[0] * maker.step->step.range_pieces;
  ranges.shape = Shape{ranges.shape[0], pairs / ranges.shape[0], 2};
  const Place place{.buffer = add_arena_buffer(byte_size(ranges)), .placement = {}};
  copies(id).add(place);
  maker.step->outputs.push_back(argument(id, place));
  ++report.changes;
  return true;
}

Status Planner::add_node(const Node& node) {
  if (fuse_range(node)) return {};
  LODE_TRY(const OperatorDef* definition, find_operator(node));
  if (definition->is_view) {
    add_view(node);
    return {};
  }
  if (choice_.is_joined[static_cast<std::size_t>(node.id)]) {
    join(node);
    return {};
  }
  const std::vector<ValueInfo> inputs = infos(node.inputs);
  const std::vector<ValueInfo> outputs = infos(node.outputs);
  Step step = refuse_lowering("the operator has no kernel");
  NodePlaces places = wanted_places(node, *definition);
  const bool has_elements = outputs[0].shape.element_count() > 0;
  if (definition->lower != nullptr && has_elements) {
    LowerContext context{.node = node,
                         .inputs = inputs,
                         .outputs = outputs,
                         .input_places = places.inputs,
                         .output_places = places.outputs,
                         .weights = weights_,
                         .isa = isa_,
                         .passes = passes_,
                         .workers = workers_,
                         .has_shared_constants = has_shared_constants(node)};
    LODE_TRY(step, definition->lower(context));
  }
  if (!step.run) {
    places = dense_places(node, Layout::kPlain);
    step =
        reference_step(node, *definition, inputs, outputs, std::move(step.reason), parts_.failure);
  }
  if (step.kernel.find("winograd") != std::string::npos) ++decision(MachinePass::kWinograd).changes;
  if (multiplies_pairs(step.kernel)) ++decision(MachinePass::kBf16x3).changes;
  const std::uint32_t packed_inputs = step.packed_inputs;
  append(node, std::move(step), places);
  release_packed(node, packed_inputs);
  return {};
}

/// Gives each graph output its buffer: that of the value itself where it is in ONNX's order and is
/// an output only once, else a copy at the end.
void Planner::place_outputs() {
  for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
    const ValueId id = graph_.outputs()[i];
    parts_.outputs.push_back(info(id));
    const bool coincide = layouts_coincide(info(id).shape);
    const bool in_order = coincide || copies(id).plain.exists();
    const Place from = in_order && !coincide ? copies(id).plain : copies(id).original();
    Buffer& buffer = parts_.buffers[static_cast<std::size_t>(from.buffer)];
    if (in_order && buffer.home == Buffer::Home::kArena) {
      buffer.home = Buffer::Home::kOutput;
      buffer.index = i;
      continue;
    }
    const Place to{.buffer = add_buffer(
                       {.home = Buffer::Home::kOutput, .index = i, .bytes = byte_size(info(id))}),
                   .placement = {}};
    append_copy("(output)", id, from, to);
  }
}

void Planner::plan_arena() {
  if (passes_.allow(MachinePass::kFuseBands)) {
    fuse_bands(parts_, decision(MachinePass::kFuseBands));
  }
  if (passes_.allow(MachinePass::kReuseInputs)) {
    reuse_inputs(parts_, decision(MachinePass::kReuseInputs));
  }
  const std::vector<Lifetime> lifetimes = buffer_lifetimes(parts_);
  for (std::size_t i = 0; i < parts_.buffers.size(); ++i) {
    Buffer& buffer = parts_.buffers[i];
    if (buffer.home != Buffer::Home::kArena || lifetimes[i].last_step < 0) continue;
    buffer.index = parts_.lifetimes.size();
    parts_.lifetimes.push_back(lifetimes[i]);
  }
  parts_.memory = plan_memory(parts_.lifetimes);
  LODE_ASSERT(is_sound(parts_.memory, parts_.lifetimes));
}

Result<PlanParts> Planner::make(std::span<const Shape> input_shapes) {
  LODE_TRY(parts_.inferred, infer_shapes(graph_, input_shapes));
  parts_.input_shapes.assign(input_shapes.begin(), input_shapes.end());
  parts_.workers = workers_;
  for (const MachinePassDef& pass : all_machine_passes()) {
    parts_.decisions.push_back({.name = pass.name, .changes = 0, .duration_ns = 0, .refused = {}});
  }
  if (!parts_.inferred.data_dependent.empty()) return std::move(parts_);
  add_leaves();
  const std::vector<bool> needed = needed_nodes();
  const std::vector<NodeId> order = graph_.topological_order();
  choose_slots(order, needed);
  for (const NodeId id : order) {
    if (needed[static_cast<std::size_t>(id)]) LODE_CHECK_OK(add_node(graph_.node(id)));
  }
  place_outputs();
  plan_arena();
  return std::move(parts_);
}

}  // namespace

namespace {

/// The plan of one part, with what the outside sees of the whole. Its steps are one worker's.
Result<PlanParts> plan_part(const Graph& graph, const BatchSplit& split, const InferredGraph& whole,
                            std::span<const Shape> input_shapes, WeightCache& weights,
                            PlanOptions options) {
  const std::int64_t workers = std::exchange(options.workers, 1);
  LODE_TRY(PlanParts parts, Planner(graph, weights, options).make(split.part_shapes));
  parts.batch_parts = split.parts;
  parts.workers = workers;
  parts.input_shapes.assign(input_shapes.begin(), input_shapes.end());
  for (std::size_t i = 0; i < parts.outputs.size(); ++i) {
    parts.outputs[i].shape = whole.values[static_cast<std::size_t>(graph.outputs()[i])].shape;
  }
  return parts;
}

/// References may fail in a run, and a run has one place for that.
bool has_references(const PlanParts& parts) {
  return std::any_of(parts.steps.begin(), parts.steps.end(),
                     [](const PlanStep& step) { return step.step.kernel == kReferenceKernel; });
}

}  // namespace

Result<PlanParts> make_plan(const Graph& graph, std::span<const Shape> input_shapes,
                            WeightCache& weights, const PlanOptions& options) {
  BatchSplit split;
  // A single sample needs no second look at all shapes.
  const bool has_batch =
      std::any_of(input_shapes.begin(), input_shapes.end(),
                  [](const Shape& shape) { return shape.rank() > 0 && shape[0] > 1; });
  if (has_batch && options.passes.allow(MachinePass::kSplitBatch)) {
    LODE_TRY(const InferredGraph whole, infer_shapes(graph, input_shapes));
    if (whole.data_dependent.empty()) {
      split = choose_batch_split(graph, input_shapes, whole, options.workers);
    }
    if (split.parts > 1) {
      LODE_TRY(PlanParts parts, plan_part(graph, split, whole, input_shapes, weights, options));
      PassReport& report = parts.decisions[static_cast<std::size_t>(MachinePass::kSplitBatch)];
      report.changes = split.parts;
      if (!has_references(parts)) return parts;
      split.why_not = "a node without a kernel runs by its reference";
    }
  }
  LODE_TRY(PlanParts parts, Planner(graph, weights, options).make(input_shapes));
  PassReport& report = parts.decisions[static_cast<std::size_t>(MachinePass::kSplitBatch)];
  if (!split.why_not.empty()) report.refused.push_back({"the batch", std::move(split.why_not)});
  return parts;
}

}  // namespace lode::engine
