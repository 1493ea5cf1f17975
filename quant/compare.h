// Two graphs of one function beside each other: error of each value, and what became of the result.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quant/encoding.h"
#include "quant/graph_runner.h"

namespace lode::quant {

/// 10 log10(signal / noise), of sums of squares; infinite without noise.
[[nodiscard]] double decibels(double signal, double noise);

struct ValueError {
  std::string node;  ///< that makes the value in the first graph
  std::string op_type;
  std::string value;
  double signal = 0.0;   ///< sum of squares in the first graph
  double noise = 0.0;    ///< sum of squared differences
  double largest = 0.0;  ///< largest difference

  [[nodiscard]] double sqnr_db() const { return decibels(signal, noise); }
};

/// Errors of the values that both graphs make as f32 under one name, in the first one's order.
[[nodiscard]] Result<std::vector<ValueError>> compare_values(const engine::Graph& a,
                                                             const engine::Graph& b,
                                                             const SampleSet& samples, int threads,
                                                             const StageSink& progress);

/// Mean time of one sample in the step of each node, by the node's name.
[[nodiscard]] Result<std::map<std::string, std::int64_t>> time_layers(const engine::Graph& graph,
                                                                      const SampleSet& samples,
                                                                      int threads);

/// Class scores of two graphs.
struct Score {
  std::uint64_t samples = 0;
  std::uint64_t labelled = 0;
  std::uint64_t top1_a = 0;  ///< of the labelled ones
  std::uint64_t top1_b = 0;
  std::uint64_t agreed = 0;  ///< samples with the same top-1
  double sqnr_db = 0.0;      ///< of the results
  double mean_kl = 0.0;      ///< KL(softmax(a) || softmax(b)) in nats, over the samples
};

/// Runs both on every sample. The first result of each is read as class scores.
[[nodiscard]] Result<Score> score(const engine::Graph& a, const engine::Graph& b,
                                  const SampleSet& samples, int threads, std::string_view stage,
                                  const StageSink& progress);

/// What storing a value as codes does to it, measured on the float graph.
struct CodeError {
  std::string node;  ///< that makes the value; the input's name for the graph's input
  std::string value;
  Range range;  ///< that the codes hold
  double signal = 0.0;
  double rounding = 0.0;   ///< sum of squared errors of what is within the range
  double clipping = 0.0;   ///< of what is beyond it
  double saturated = 0.0;  ///< share of the elements that are beyond it
};

[[nodiscard]] Result<std::vector<CodeError>> measure_codes(const engine::Graph& graph,
                                                           const Placement& placement,
                                                           const Encoding& encoding,
                                                           const SampleSet& samples, int threads,
                                                           const StageSink& progress);

}  // namespace lode::quant
