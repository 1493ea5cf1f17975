#include "run/subject.h"

#include <algorithm>
#include <thread>

#include "base/file_io.h"
#include "base/log.h"
#include "datasets/dataset.h"
#include "run/index_library.h"
#include "run/quantize_at_load.h"
#include "run/scorer.h"
#include "sut/process/command.h"
#include "sut/process/shared_samples.h"
#include "sut/sut_list.h"

namespace lode::run {
namespace {

using config::ResolvedConfig;
using config::RunConfig;
using config::SutKind;

/// Samples of a library without data, if the configuration does not say.
constexpr std::uint64_t kIndexSamples = 1024;

Result<std::uint64_t> file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return runtime_error("cannot read '{}': {}", path.string(), error.message());
  return static_cast<std::uint64_t>(bytes);
}

/// Classes that the model declares; -1 if it leaves them open until it runs.
std::int64_t declared_classes(const engine::Model& model) {
  if (model.outputs().size() != 1) return -1;
  const Shape& shape = model.outputs().front().shape;
  return shape.rank() >= 2 ? shape[1] : -1;
}

Status open_samples(const ResolvedConfig& config, const engine::Model* model, Subject& subject) {
  const RunConfig& values = config.values;
  const std::uint64_t at_once = values.settings.performance_sample_count;
  if (values.dataset.empty()) {
    subject.library = std::make_unique<IndexLibrary>(at_once > 0 ? at_once : kIndexSamples);
    return {};
  }
  LODE_TRY(subject.library, datasets::open_dataset(values.dataset, at_once));
  const std::uint64_t samples = subject.library->total_sample_count();
  if (samples == 0) return runtime_error("dataset '{}' has no samples", values.dataset.string());
  const bool scored = values.settings.mode == loadgen::Mode::kAccuracy;
  if (scored && subject.library->label(0) < 0) {
    return runtime_error(
        "dataset '{}' has no labels, and accuracy mode needs them; import it with "
        "--labels",
        values.dataset.string());
  }
  const std::int64_t classes = scored && model != nullptr ? declared_classes(*model) : -1;
  if (classes >= 0) {
    const Status fit = check_labels(*subject.library, classes);
    if (!fit.ok()) return fit.error().within(values.dataset.string());
  }
  LODE_TRY(std::string digest, sha256_file(values.dataset));
  subject.dataset = record::DatasetInfo{values.dataset.string(), std::move(digest), samples};
  return {};
}

/// Most precisions use no calibration dataset, but a wrong name is still a mistake worth telling.
Status check_calibration(const ResolvedConfig& config) {
  if (config.values.calibration.empty()) return {};
  const auto info = datasets::read_dataset_info(config.values.calibration);
  if (!info.ok()) return info.error().within(config.where("calibration"));
  return {};
}

/// Of a list separated by commas.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    names.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

Status load_model(const ResolvedConfig& config, Subject& subject, sut::SutRequest& request) {
  const RunConfig& values = config.values;
  // First, so that a missing file is told in one way whatever would read it.
  LODE_TRY(const std::uint64_t bytes, file_bytes(values.model));
  engine::ModelOptions options;
  if (values.isa != "best") options.isa = values.isa;
  options.disabled_passes = names_in(values.disable_passes);
  options.release_constants = true;
  // What needs samples is made by the quantizer; the engine brings weights to the others itself.
  const bool needs_samples = values.precision == "int8-static";
  if (!needs_samples) options.precision = values.precision;
  options.round_activations = values.round_activations;
  LODE_TRY(request.model, engine::Model::load(values.model, options));
  std::string precision = request.model->precision();
  if (needs_samples && precision == "fp32") {
    options.release_constants = false;  // there is no file to read them from again
    LODE_TRY(QuantizedAtLoad loaded, quantize_at_load(config, options));
    request.model = std::move(loaded.model);
    precision = values.precision;
    if (loaded.calibration == values.dataset) subject.calibration_seen = std::move(loaded.samples);
    subject.calibration = std::move(loaded.calibration);
  }
  const engine::Model& model = *request.model;
  if (!values.precision.empty() && values.precision != precision) {
    return usage_error(
        "{}: precision {} was asked for, but '{}' holds {}; name what it holds or "
        "leave precision out",
        config.where("precision"), values.precision, values.model.string(), precision);
  }
  LODE_TRY(std::string digest, sha256_file(values.model));
  subject.model = record::ModelInfo{.path = values.model.string(),
                                    .sha256 = std::move(digest),
                                    .precision = precision,
                                    .file_bytes = bytes,
                                    .weight_bytes = model.weight_bytes(),
                                    .isa_cap = model.isa()};
  return {};
}

/// So long each side of a pipe looks for a message, if a processor is left over: what a process
/// does in less, it may be asked without anybody having to wake up, which takes some 30 us each way
/// in a virtual machine.
constexpr std::int64_t kPipeSpinNs = 60'000;

/// A process has to answer a little sooner than a query: it is then the process that is named.
std::int64_t answer_timeout_ns(std::int64_t query_timeout_ns) {
  constexpr std::int64_t kSoonerNs = 200'000'000;
  return query_timeout_ns - std::min(query_timeout_ns / 10, kSoonerNs);
}

/// The model is the process's to load; here it only gets its place in the record.
Result<sut::ProcessRequest> process_request(const ResolvedConfig& config, Subject& subject) {
  const RunConfig& values = config.values;
  for (const auto& [key, text] : {std::pair("sut_options", values.sut_options),
                                  std::pair("sut_environment", values.sut_environment)}) {
    const auto read = sut::parse_assignments(text);
    if (!read.ok()) return read.error().within(config.where(key));
  }
  if (!values.model.empty()) {
    LODE_TRY(const std::uint64_t bytes, file_bytes(values.model));
    LODE_TRY(std::string digest, sha256_file(values.model));
    subject.model = record::ModelInfo{.path = values.model.string(),
                                      .sha256 = std::move(digest),
                                      .precision = values.precision,
                                      .file_bytes = bytes,
                                      .weight_bytes = std::nullopt,
                                      .isa_cap = ""};
  }
  LODE_TRY(auto shared, sut::SharedSamples::create(std::move(subject.library)));
  sut::ProcessRequest request;
  request.command = values.process;
  request.model = values.model.string();
  request.precision = values.precision;
  request.options = values.sut_options;
  request.environment = values.sut_environment;
  request.samples = shared.get();
  request.start_timeout_ns = values.start_timeout_ns;
  request.answer_timeout_ns = answer_timeout_ns(values.settings.query_timeout_ns);
  if (has_spare_processor(values, read_system_info())) request.spin_ns = kPipeSpinNs;
  subject.library = std::move(shared);
  return request;
}

/// With a processor to spare, waiting by spinning spares the next query the time that waking a
/// thread takes; without one it would take that processor from the system under test. Server spins
/// a little even then: what a sleep is late by would count for every query.
std::unique_ptr<Clock> make_clock(const RunConfig& values) {
  constexpr std::int64_t kSpinNs = 20'000'000;
  constexpr std::int64_t kSmallSpinNs = 50'000;
  const bool is_server = values.settings.scenario == loadgen::Scenario::kServer;
  std::int64_t spin_ns = is_server ? kSmallSpinNs : 0;
  if (has_spare_processor(values, read_system_info())) spin_ns = kSpinNs;
  return std::make_unique<RealClock>(values.spin_ns.value_or(spin_ns));
}

}  // namespace

bool has_spare_processor(const RunConfig& values, const SystemInfo& system) {
  std::uint64_t workers = 0;
  if (values.sut == SutKind::kEngine) workers = values.instances * values.threads;
  if (values.sut == SutKind::kProcess) workers = values.instances * values.threads;
  if (values.sut == SutKind::kDelay) workers = values.instances;
  double processors = static_cast<double>(system.affinity.size());
  if (system.affinity.empty()) processors = std::max(1U, std::thread::hardware_concurrency());
  processors = std::min(processors, system.cgroup_cpus.value_or(processors));
  const bool is_server = values.settings.scenario == loadgen::Scenario::kServer;
  const std::uint64_t issuers = is_server ? values.settings.issue_threads : 1;
  return static_cast<double>(workers + issuers) <= processors;
}

Result<Subject> open_subject(const ResolvedConfig& config, const std::atomic<bool>* interrupted) {
  const RunConfig& values = config.values;
  Subject subject;
  subject.clock = make_clock(values);
  LODE_CHECK_OK(check_calibration(config));
  sut::SutRequest request;
  request.name = sut_name(values.sut);
  if (values.sut == SutKind::kEngine) {
    LODE_CHECK_OK(load_model(config, subject, request));
  }
  LODE_CHECK_OK(open_samples(config, request.model.get(), subject));
  request.threads = static_cast<int>(values.threads);
  request.instances = static_cast<int>(values.instances);
  request.batch = values.batch;
  request.cpus = values.cpus;
  request.delay = values.delay;
  request.delay_workers = static_cast<int>(values.instances);
  request.seed = values.settings.schedule_seed;
  request.slowdown = values.sut_slowdown_percent / 100.0;
  if (values.sut == SutKind::kProcess) {
    LODE_TRY(request.process, process_request(config, subject));
    request.process.interrupted = interrupted;
  }
  auto made = sut::make_sut(request, *subject.library, *subject.clock);
  if (!made.ok()) {
    const bool own = values.sut == SutKind::kDelay;
    return own ? made.error().within(config.where("delay")) : made.error();
  }
  subject.sut = *std::move(made);
  if (subject.model.has_value() && values.sut == SutKind::kProcess) {
    const std::string said = subject.sut->facts().precision;
    subject.model->precision = said.empty() ? values.precision : said;
  }
  log(LogLevel::kInfo, "under test: {}; samples: {}", subject.sut->name(), subject.library->name());
  return subject;
}

}  // namespace lode::run
