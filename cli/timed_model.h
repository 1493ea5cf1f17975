// What the commands that time one model share: its processors, and the input that the script for
// the peer engines makes too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/model_options.h"
#include "engine/runtime/session.h"

namespace lode::cli {

struct TimingFlags {
  ModelFlags model;
  double seconds = 3.0;
  int warmup = 5;
  std::string cpus;
};

/// The model, --batch, --size, --threads, --seconds, --warmup and --cpus.
void add_timing_flags(CLI::App& command, TimingFlags& flags);

/// A prepared session and memory for its arguments.
struct TimedModel {
  engine::SessionOptions options;
  std::shared_ptr<const engine::Model> model;
  std::unique_ptr<engine::Session> session;
  std::vector<engine::Tensor> tensors;  ///< behind the views
  std::vector<TensorView> inputs;
  std::vector<MutableTensorView> outputs;
  std::int64_t load_ns = 0;  ///< of model, session and plan
};

/// Stays on --cpus, by default on the first that it may use, loads, prepares, and runs --warmup
/// times. A model whose inputs are not all f32 is a usage error.
[[nodiscard]] Result<TimedModel> make_timed_model(const TimingFlags& flags);

}  // namespace lode::cli
