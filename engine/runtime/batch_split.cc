#include "engine/runtime/batch_split.h"

#include <algorithm>
#include <cstring>

#include "engine/kernels/kernel.h"

namespace lode::engine {

namespace {

/// Values that a step reads and writes are taken to stay in the caches up to here: half of a
/// second-level cache of 2 MiB, as large as one of 1 MiB.
constexpr double kCachedBytes = 1 << 20;

/// Workers may be idle for so much of their time at most.
constexpr double kWorstShare = 1.15;

/// What it costs several workers to go through the layers together, as a factor: they wait for the
/// slowest one behind each layer. ResNet-50, batch 8, two threads: 194 ms together, 168 ms apart.
constexpr double kTogether = 1.1;

double byte_size(const ValueInfo& info) {
  return static_cast<double>(info.shape.element_count()) *
         static_cast<double>(dtype_size(info.dtype));
}

bool has_samples(const ValueInfo& info, std::int64_t batch) {
  return info.shape.rank() > 0 && info.shape[0] == batch;
}

/// The same value with `part` samples in the place of `batch`.
bool is_part_of(const ValueInfo& whole, const ValueInfo& part, std::int64_t batch,
                std::int64_t samples) {
  if (!has_samples(whole, batch) || !has_samples(part, samples)) return false;
  return whole.dtype == part.dtype && whole.shape.rank() == part.shape.rank() &&
         std::equal(whole.shape.begin() + 1, whole.shape.end(), part.shape.begin() + 1);
}

class Splitter {
 public:
  Splitter(const Graph& graph, std::span<const Shape> input_shapes, const InferredGraph& whole)
      : graph_(graph), input_shapes_(input_shapes), whole_(whole) {}

  [[nodiscard]] BatchSplit choose(std::int64_t workers);

 private:
  [[nodiscard]] const ValueInfo& info(ValueId id) const {
    return whole_.values[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] bool is_data(ValueId id) const {
    return id != kNoValue && info(id).present && info(id).constant == nullptr;
  }
  [[nodiscard]] std::string find_batch();
  [[nodiscard]] std::string why_mixed() const;
  [[nodiscard]] std::string why_mixed(const Node& node) const;
  [[nodiscard]] std::vector<Shape> shapes_of(std::int64_t samples) const;
  [[nodiscard]] std::string check_part(const std::vector<Shape>& shapes,
                                       std::int64_t samples) const;
  [[nodiscard]] bool has_equal_constants(const Node& node, const InferredGraph& part) const;
  [[nodiscard]] double traffic(std::int64_t samples, double weight_reads) const;

  const Graph& graph_;
  std::span<const Shape> input_shapes_;
  const InferredGraph& whole_;
  std::int64_t batch_ = 0;
};

/// Sets batch_ to the leading extent that all inputs share.
std::string Splitter::find_batch() {
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
    if (!is_data(graph_.inputs()[i])) continue;
    const Shape& shape = input_shapes_[i];
    if (shape.rank() == 0) return "an input has no samples";
    if (batch_ != 0 && shape[0] != batch_) return "inputs differ in their number of samples";
    batch_ = shape[0];
  }
  return batch_ == 0 ? "there is no input" : "";
}

std::string Splitter::why_mixed(const Node& node) const {
  if (std::none_of(node.outputs.begin(), node.outputs.end(),
                   [this](ValueId id) { return is_data(id); })) {
    return "";
  }
  std::vector<ValueInfo> inputs;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? ValueInfo{} : info(id));
    if (is_data(id) && !has_samples(info(id), batch_)) return "an input has no samples in front";
  }
  const auto definition = find_operator(node);
  if (!definition.ok() || (*definition)->keeps_samples == nullptr) {
    return "the operator is not known to keep samples apart";
  }
  return (*definition)->keeps_samples(node, inputs) ? "" : "it mixes samples";
}

std::string Splitter::why_mixed() const {
  for (const NodeId id : graph_.topological_order()) {
    const std::string why = why_mixed(graph_.node(id));
    if (!why.empty()) return fmt::format("{}: {}", describe(graph_.node(id)), why);
  }
  return "";
}

std::vector<Shape> Splitter::shapes_of(std::int64_t samples) const {
  std::vector<Shape> shapes(input_shapes_.begin(), input_shapes_.end());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (is_data(graph_.inputs()[i])) shapes[i][0] = samples;
  }
  return shapes;
}

/// What is constant for the node is so in a part, too, and the same: inference may have computed it
/// from the number of samples. Views aside, whose output's shape tells what became of theirs.
bool Splitter::has_equal_constants(const Node& node, const InferredGraph& part) const {
  const auto definition = find_operator(node);
  if (!definition.ok()) return false;
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
    if (id == kNoValue || graph_.constant(id) != nullptr) return true;
    const Tensor* whole = info(id).constant;
    const Tensor* own = part.values[static_cast<std::size_t>(id)].constant;
    if (whole == nullptr || own == nullptr) return whole == own;
    if ((*definition)->is_view) return true;
    return whole->dtype() == own->dtype() && whole->shape() == own->shape() &&
           std::memcmp(whole->view().data, own->view().data, whole->byte_size()) == 0;
  });
}

/// Every value of a part, each output of the graph above all, has the shape of the whole but for
/// its samples: no constant brings a value for each sample, and none that was computed depends on
/// their number.
std::string Splitter::check_part(const std::vector<Shape>& shapes, std::int64_t samples) const {
  const auto part = infer_shapes(graph_, shapes);
  if (!part.ok()) return part.error().message;
  const auto is_cut = [&](ValueId id) {
    const ValueInfo& own = part->values[static_cast<std::size_t>(id)];
    return is_data(id) && own.constant == nullptr && is_part_of(info(id), own, batch_, samples);
  };
  for (const NodeId id : graph_.topological_order()) {
    const Node& node = graph_.node(id);
    for (const ValueId output : node.outputs) {
      if (!is_data(output)) continue;
      if (!is_cut(output)) {
        return fmt::format("{}: its output is not sample after sample", describe(node));
      }
      if (!has_equal_constants(node, *part)) {
        return fmt::format("{}: an input follows from the number of samples", describe(node));
      }
    }
  }
  for (const ValueId output : graph_.outputs()) {
    if (!is_cut(output)) {
      return fmt::format("output '{}' is not sample after sample", graph_.value(output).name);
    }
  }
  return "";
}

/// Bytes from beyond the caches for one sample, if `samples` go through each layer together:
/// weights, `weight_reads` times a batch, and the data of layers that do not fit.
double Splitter::traffic(std::int64_t samples, double weight_reads) const {
  double bytes = 0.0;
  for (const NodeId id : graph_.topological_order()) {
    double data = 0.0;
    const Node& node = graph_.node(id);
    for (const std::vector<ValueId>* values : {&node.inputs, &node.outputs}) {
      for (const ValueId value : *values) {
        if (is_data(value)) data += byte_size(info(value)) / static_cast<double>(batch_);
      }
    }
    for (const ValueId input : node.inputs) {
      if (input == kNoValue || info(input).constant == nullptr) continue;
      bytes += byte_size(info(input)) * weight_reads / static_cast<double>(batch_);
    }
    if (data * static_cast<double>(samples) > kCachedBytes) bytes += data;
  }
  return bytes;
}

BatchSplit Splitter::choose(std::int64_t workers) {
  const auto refuse = [](std::string why) { return BatchSplit{.why_not = std::move(why)}; };
  std::string why_not = find_batch();
  if (!why_not.empty()) return refuse(std::move(why_not));
  if (batch_ == 1) return {};
  why_not = why_mixed();
  if (!why_not.empty()) return refuse(std::move(why_not));
  std::int64_t parts = 1;
  bool is_uneven = true;
  double least = traffic(batch_, 1.0) * (workers > 1 ? kTogether : 1.0);
  for (std::int64_t samples = batch_ / workers; samples >= 1; --samples) {
    if (batch_ % samples != 0 || samples == batch_) continue;
    const std::int64_t tried = batch_ / samples;
    const double share =
        static_cast<double>(ceil_divide(tried, workers) * workers) / static_cast<double>(tried);
    const double bytes = traffic(samples, static_cast<double>(tried)) * share;
    is_uneven = is_uneven && share > kWorstShare;
    if (share > kWorstShare || bytes >= least) continue;
    least = bytes;
    parts = tried;
  }
  if (parts == 1) {
    return refuse(batch_ < workers ? "there are fewer samples than workers"
                  : is_uneven      ? "samples do not come out even: a worker would be idle for long"
                                   : "weights, read for each part, would cost more");
  }
  BatchSplit split{.parts = parts, .part_shapes = shapes_of(batch_ / parts)};
  why_not = check_part(split.part_shapes, batch_ / parts);
  return why_not.empty() ? split : refuse(std::move(why_not));
}

}  // namespace

BatchSplit choose_batch_split(const Graph& graph, std::span<const Shape> input_shapes,
                              const InferredGraph& whole, std::int64_t workers) {
  return Splitter(graph, input_shapes, whole).choose(workers);
}

}  // namespace lode::engine
