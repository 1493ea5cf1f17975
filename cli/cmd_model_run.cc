// `lode model run`: .npy files in, .npy files out.

#include "base/file_io.h"
#include "base/npy.h"
#include "cli/model_options.h"

namespace lode::cli {
namespace {

struct RunFlags {
  ModelFlags model;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// Files in the order of the ports: each item is `FILE`, taken in order, or `NAME=FILE`.
Result<std::vector<std::string>> assign_files(std::string_view flag,
                                              const std::vector<std::string>& items,
                                              std::span<const engine::PortInfo> ports) {
  std::vector<std::string> files(ports.size());
  std::size_t position = 0;
  for (const std::string& item : items) {
    std::size_t port = ports.size();
    std::string file = item;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (!item.starts_with(ports[i].name + "=")) continue;
      port = i;
      file = item.substr(ports[i].name.size() + 1);
    }
    if (port == ports.size()) port = position++;
    if (port >= ports.size()) {
      return usage_error("{} is given {} times; the model has {}", flag, items.size(),
                         ports.size());
    }
    if (!files[port].empty()) return usage_error("{} '{}' is given twice", flag, ports[port].name);
    files[port] = file;
  }
  return files;
}

Result<std::vector<NpyArray>> read_inputs(const RunFlags& flags, const engine::Model& model) {
  LODE_TRY(const auto files, assign_files("--input", flags.inputs, model.inputs()));
  std::vector<NpyArray> arrays;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty()) {
      return usage_error("no --input for the model's input '{}'", model.inputs()[i].name);
    }
    LODE_TRY(const std::string bytes, read_file(files[i]));
    LODE_TRY(NpyArray array, parse_npy(bytes, files[i]));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

Result<int> run(const RunFlags& flags) {
  LODE_TRY(const auto model, load_model(flags.model));
  LODE_TRY(const auto files, assign_files("--output", flags.outputs, model->outputs()));
  LODE_TRY(const auto arrays, read_inputs(flags, *model));
  LODE_TRY(const auto session, engine::Session::create(model, {flags.model.threads, {}}));
  std::vector<TensorView> views;
  for (const NpyArray& array : arrays) views.push_back(array.view());
  LODE_TRY(const auto results, session->run_allocating(views));
  std::string text;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const TensorView view = results[i].view();
    text += fmt::format("{} {}{}", model->outputs()[i].name, dtype_name(view.dtype),
                        view.shape.to_string());
    if (!files[i].empty()) {
      const Result<std::string> npy = format_npy(view);
      if (!npy.ok()) {
        return npy.error().within(fmt::format("output '{}'", model->outputs()[i].name));
      }
      LODE_CHECK_OK(write_file_atomically(files[i], *npy));
      text += fmt::format(" -> {}", files[i]);
    }
    text += '\n';
  }
  LODE_CHECK_OK(print(text));
  return kExitValid;
}

}  // namespace

void add_model_run(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = model.add_subcommand("run", "run a model on .npy inputs");
  add_model_flags(*command, flags->model);
  add_thread_flag(*command, flags->model);
  command
      ->add_option("-i,--input", flags->inputs,
                   "x.npy, or NAME=x.npy; once an input, in the model's order")
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option("-o,--output", flags->outputs,
                   "y.npy, or NAME=y.npy; outputs without a file are not written")
      ->allow_extra_args(false);
  command->callback([flags, &invocation] { invocation.action = [flags] { return run(*flags); }; });
}

}  // namespace lode::cli
