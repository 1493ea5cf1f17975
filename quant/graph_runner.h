// Runs a graph sample by sample and shows chosen values of it: what calibration, comparison and
// scoring have in common.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/sample_library.h"
#include "engine/runtime/session.h"

namespace lode::quant {

/// Samples in the order in which they are shown.
struct SampleSet {
  SampleLibrary* library = nullptr;  ///< not owned
  std::vector<SampleIndex> indices;

  [[nodiscard]] SampleSet first(std::size_t count) const {
    SampleSet part{library, indices};
    if (part.indices.size() > count) part.indices.resize(count);
    return part;
  }
};

/// Told now and then by long work: stage, steps done, steps in all.
using StageSink =
    std::function<void(std::string_view stage, std::uint64_t done, std::uint64_t total)>;

struct RunnerOptions {
  int threads = 1;
  bool is_timed = false;  ///< step times are gathered, for layer_ns()
};

class GraphRunner {
 public:
  /// Runs samples of `sample_shape` one at a time on a graph of one f32 input. `watched` are values
  /// of the graph, results or not. Fails if a sample is not what the input takes, naming both
  /// shapes.
  [[nodiscard]] static Result<std::unique_ptr<GraphRunner>> create(
      const engine::Graph& graph, std::span<const engine::ValueId> watched,
      const Shape& sample_shape, const RunnerOptions& options);

  /// `sample`: as many elements as the input takes.
  [[nodiscard]] Status run(std::span<const float> sample);

  /// A watched value as the last run left it, f32 or whatever it is.
  [[nodiscard]] TensorView value(std::size_t index) const;

  /// Runs every sample of the set, loading a few at a time, and calls `visit` after each.
  [[nodiscard]] Status run_all(const SampleSet& samples, std::string_view stage,
                               const StageSink& progress, const std::function<Status()>& visit);

  /// Time in the step of each node, summed over all runs: (node, ns).
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> layer_ns() const;

 private:
  GraphRunner() = default;

  std::unique_ptr<engine::Session> session_;
  Shape input_shape_;
  std::vector<int> slots_;  ///< of each watched value: index of an output, -1: the input itself
  std::vector<engine::Tensor> outputs_;
  std::vector<MutableTensorView> output_views_;
  TensorView input_;
  bool is_timed_ = false;
  std::vector<std::int64_t> step_ns_;
  std::vector<std::int64_t> total_ns_;
  std::vector<std::string> step_nodes_;
};

}  // namespace lode::quant
