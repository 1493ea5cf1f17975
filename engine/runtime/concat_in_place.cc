#include "engine/runtime/concat_in_place.h"

#include "engine/ops/lowering.h"
#include "engine/passes/rewrite.h"

namespace lode::engine {

namespace {

class SlotChooser {
 public:
  SlotChooser(const Graph& graph, const SlotQuestions& questions)
      : graph_(graph),
        questions_(questions),
        choice_{std::vector<std::optional<Slot>>(graph.value_capacity()),
                std::vector<bool>(graph.node_capacity(), false)} {}

  SlotChoice choose(PassReport& report);

 private:
  [[nodiscard]] const ValueInfo& info(ValueId id) const {
    return questions_.inferred.values[static_cast<std::size_t>(id)];
  }
  std::optional<Slot>& slot(ValueId id) { return choice_.slots[static_cast<std::size_t>(id)]; }
  [[nodiscard]] std::int64_t channels(ValueId id) const { return info(id).shape[1]; }

  [[nodiscard]] std::string why_not_joined(const Node& concat) const;
  [[nodiscard]] bool can_have_slot(ValueId id) const;
  [[nodiscard]] bool is_written_in_place(ValueId id) const;
  [[nodiscard]] std::optional<Slot> common_stretch(const Node& concat);
  std::string place(const Node& concat);

  const Graph& graph_;
  const SlotQuestions& questions_;
  SlotChoice choice_;
};

std::string SlotChooser::why_not_joined(const Node& concat) const {
  const ValueId output = concat.outputs[0];
  if (info(output).shape.rank() != 4) return "it has not two spatial axes";
  const auto axis = attribute_int(concat, "axis", 1);
  if (!axis.ok() || (*axis != 1 && *axis != -3)) return "it does not join channels";
  if (layouts_coincide(info(output).shape)) return "its pixels are single";
  if (!questions_.is_channels_last(output)) return "its inputs are not channels-last";
  return "";
}

/// Somebody makes the value in this plan, as elements of its own.
bool SlotChooser::can_have_slot(ValueId id) const {
  if (info(id).constant != nullptr || layouts_coincide(info(id).shape)) return false;
  const Node* producer = producer_of(graph_, id);
  if (producer == nullptr || !questions_.needed[static_cast<std::size_t>(producer->id)]) {
    return false;
  }
  const auto definition = find_operator(*producer);
  return definition.ok() && !(*definition)->is_view && producer->outputs[0] == id;
}

bool SlotChooser::is_written_in_place(ValueId id) const {
  return can_have_slot(id) && questions_.writes_with_stride(*producer_of(graph_, id));
}

/// Where the inputs lie side by side already, in their order.
std::optional<Slot> SlotChooser::common_stretch(const Node& concat) {
  const std::optional<Slot> first = slot(concat.inputs[0]);
  if (!first) return std::nullopt;
  std::int64_t next = first->first_channel;
  for (const ValueId id : concat.inputs) {
    const std::optional<Slot>& own = slot(id);
    if (!own || own->root != first->root || own->first_channel != next) return std::nullopt;
    next += channels(id);
  }
  return first;
}

/// Gives slots to the Concat and to its inputs; why not, if it gets none.
std::string SlotChooser::place(const Node& concat) {
  const ValueId output = concat.outputs[0];
  if (!slot(output)) {
    slot(output) = common_stretch(concat);
    if (slot(output)) return "";
    const auto gains = [&](ValueId id) { return !slot(id) && is_written_in_place(id); };
    if (std::none_of(concat.inputs.begin(), concat.inputs.end(), gains)) {
      return "no input is made by a kernel that steps over other channels, or all have their place "
             "in another concatenation";
    }
    slot(output) = Slot{output, 0};
  }
  Slot next = *slot(output);
  for (const ValueId id : concat.inputs) {
    if (!slot(id) && can_have_slot(id)) slot(id) = next;
    next.first_channel += channels(id);
  }
  return "";
}

/// Last ones first: a concatenation that is a part of a later one then finds its place there.
SlotChoice SlotChooser::choose(PassReport& report) {
  const std::vector<NodeId> order = graph_.topological_order();
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    const Node& node = graph_.node(*id);
    if (!questions_.needed[static_cast<std::size_t>(*id)] || !is_op(node, {"Concat"})) continue;
    std::string why_not = why_not_joined(node);
    if (why_not.empty()) why_not = place(node);
    if (why_not.empty()) {
      choice_.is_joined[static_cast<std::size_t>(*id)] = true;
      ++report.changes;
    } else {
      refuse(report, node, std::move(why_not));
    }
  }
  return std::move(choice_);
}

}  // namespace

SlotChoice choose_slots(const Graph& graph, const SlotQuestions& questions, PassReport& report) {
  return SlotChooser(graph, questions).choose(report);
}

}  // namespace lode::engine
