#include "run/quantize_at_load.h"

#include "base/log.h"
#include "datasets/dataset.h"
#include "engine/onnx/import.h"
#include "engine/runtime/thread_pool.h"
#include "quant/quantize.h"

namespace lode::run {

namespace {

/// The indices of /calibration, which must be there.
Result<std::vector<SampleIndex>> calibration_of(const config::ResolvedConfig& config,
                                                const std::filesystem::path& path) {
  LODE_TRY(datasets::DatasetInfo info, datasets::read_dataset_info(path));
  if (!info.calibration.empty()) return std::move(info.calibration);
  return runtime_error(
      "{}: int8-static needs calibration samples, and '{}' has no /calibration indices: import it "
      "with --calibration-samples above 0, or name another dataset with --calibration",
      config.where("precision"), path.string());
}

}  // namespace

Result<QuantizedAtLoad> quantize_at_load(const config::ResolvedConfig& config,
                                         const engine::ModelOptions& options) {
  const config::RunConfig& values = config.values;
  QuantizedAtLoad loaded;
  quant::QuantizeOptions choices;
  choices.threads = engine::usable_processors();
  choices.report_samples = 0;
  quant::QuantizeData data;
  loaded.calibration = values.calibration.empty() ? values.dataset : values.calibration;
  if (loaded.calibration.empty()) {
    return usage_error(
        "{}: int8-static needs calibration samples: name a dataset with "
        "--calibration or --dataset",
        config.where("precision"));
  }
  LODE_TRY(loaded.samples, calibration_of(config, loaded.calibration));
  LODE_TRY(const std::unique_ptr<SampleLibrary> library,
           datasets::open_dataset(loaded.calibration, 0));
  data.calibration = {library.get(), loaded.samples};
  log(LogLevel::kInfo, "calibrating on {} samples of {}", loaded.samples.size(),
      loaded.calibration.string());
  LODE_TRY(engine::Graph graph, engine::import_onnx(values.model));
  auto quantized = quant::quantize_static(std::move(graph), choices, data);
  if (!quantized.ok()) return quantized.error().within(values.model.string());
  if (const auto& choice = quantized->report.equalise_choice; choice.has_value()) {
    log(LogLevel::kInfo, "{}equalised: KL {:.3g} nats equalised, {:.3g} unchanged",
        choice->equalised.mean_kl < choice->unchanged.mean_kl ? "" : "not ",
        choice->equalised.mean_kl, choice->unchanged.mean_kl);
  }
  LODE_TRY(loaded.model, engine::Model::from_graph(std::move(quantized->graph), options));
  return loaded;
}

}  // namespace lode::run
