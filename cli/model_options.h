// What the model commands share: flags, loading, and the check of a precision.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "engine/runtime/session.h"

namespace lode::cli {

struct ModelFlags {
  std::string path;
  std::string precision;
  bool round_activations = false;
  std::string isa;
  std::vector<std::string> disabled_passes;
  std::string stop_after_pass;
  std::int64_t batch = 1;
  std::int64_t image_size = 0;  ///< for symbolic height and width; 0: not given
  int threads = 1;
};

/// The model's path and the flags that every model command has.
void add_model_flags(CLI::App& command, ModelFlags& flags);
/// --batch and --size, of the commands that make their own input.
void add_extent_flags(CLI::App& command, ModelFlags& flags);
void add_thread_flag(CLI::App& command, ModelFlags& flags);

/// Loads, narrows if --precision asks for it, and checks that the model then holds what was named.
[[nodiscard]] Result<std::shared_ptr<const engine::Model>> load_model(const ModelFlags& flags);

// The commands of `lode model`, one file each.
void add_model_run(CLI::App& model, Invocation& invocation);
void add_model_inspect(CLI::App& model, Invocation& invocation);
void add_model_bench(CLI::App& model, Invocation& invocation);
void add_model_profile(CLI::App& model, Invocation& invocation);
void add_model_diff(CLI::App& model, Invocation& invocation);
void add_model_zoo(CLI::App& model, Invocation& invocation);

}  // namespace lode::cli
