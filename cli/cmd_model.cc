// `lode model`: the group of commands on one model, and what they share.
#include "cli/model_options.h"

#include "engine/runtime/thread_pool.h"

namespace lode::cli {

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  command.add_option("model", flags.path, "the model, an ONNX file")->required();
  command.add_option("--precision", flags.precision,
                     "what the model must hold, fp32 or fp16 (default: whatever it holds); fp16 "
                     "rounds the weights of an FP32 model at load");
  command.add_flag("--round-activations", flags.round_activations,
                   "round what each operator makes to half, as half activations would be");
  command.add_option("--isa", flags.isa,
                     "cap on the instruction set: generic, avx2, avx512, avx512-vnni, "
                     "avx512-amx");
  command
      .add_option("--disable-pass", flags.disabled_passes,
                  "leave out a graph pass, by name; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--stop-after-pass", flags.stop_after_pass,
                     "run no graph pass behind this one");
}

void add_extent_flags(CLI::App& command, ModelFlags& flags) {
  command.add_option("--batch", flags.batch, "samples in one call (default: 1)")
      ->check(CLI::Range(1, 1'000'000));
  command
      .add_option("--size", flags.image_size, "height and width, where the model leaves them open")
      ->check(CLI::Range(1, 65'536));
}

void add_thread_flag(CLI::App& command, ModelFlags& flags) {
  command
      .add_option("--threads", flags.threads,
                  "threads of the engine (default: 1); 0: one a processor that affinity and the "
                  "control group's quota leave")
      ->transform([](const std::string& text) {
        return text == "0" ? std::to_string(engine::usable_processors()) : text;
      })
      ->check(CLI::Range(1, 1024));
}

Result<std::shared_ptr<const engine::Model>> load_model(const ModelFlags& flags) {
  engine::ModelOptions options;
  options.disabled_passes = flags.disabled_passes;
  options.stop_after_pass = flags.stop_after_pass;
  options.isa = flags.isa;
  options.release_constants = true;
  options.precision = flags.precision;
  options.round_activations = flags.round_activations;
  LODE_TRY(auto model, engine::Model::load(flags.path, options));
  if (!flags.precision.empty() && flags.precision != model->precision()) {
    return usage_error("--precision {}: '{}' holds {}; leave the flag out or name that",
                       flags.precision, flags.path, model->precision());
  }
  return model;
}

void add_model_commands(CLI::App& app, Invocation& invocation) {
  CLI::App* model = app.add_subcommand(
      "model", "run, inspect, time or profile a model, compare two, or build a known one");
  model->require_subcommand(1);
  add_model_run(*model, invocation);
  add_model_inspect(*model, invocation);
  add_model_bench(*model, invocation);
  add_model_profile(*model, invocation);
  add_model_diff(*model, invocation);
  add_model_zoo(*model, invocation);
}

}  // namespace lode::cli
