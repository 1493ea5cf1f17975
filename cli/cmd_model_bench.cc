// `lode model bench`: one closed loop on a fixed input, as one JSON line with the fields of the
// script that times the peer engines, so that both can be read by one reader.
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/provenance.h"
#include "base/units.h"
#include "cli/model_options.h"
#include "results/record/measurement.h"

namespace lode::cli {
namespace {

constexpr std::int64_t kImageSize = 224;  ///< where the model leaves height and width open
constexpr std::size_t kCallsMin = 5;

struct BenchFlags {
  ModelFlags model;
  double seconds = 3.0;
  int warmup = 5;
  std::string cpus;
};

/// Stays on --cpus, by default on processors 0 to threads-1, as the peers' script does.
Result<std::vector<int>> pin(const BenchFlags& flags) {
  std::vector<int> cpus;
  if (flags.cpus.empty()) {
    for (int cpu = 0; cpu < flags.model.threads; ++cpu) cpus.push_back(cpu);
  } else {
    LODE_TRY(const auto listed, parse_integers("--cpus", flags.cpus));
    for (const std::int64_t cpu : listed) {
      if (cpu < 0 || cpu >= CPU_SETSIZE) return usage_error("--cpus: no processor {}", cpu);
      cpus.push_back(static_cast<int>(cpu));
    }
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    return usage_error(
        "cannot stay on processors {}; name others with --cpus or use fewer "
        "--threads",
        fmt::join(cpus, ","));
  }
  return cpus;
}

/// The peers' input: 1.5 * sin(0.37 * i), computed in double.
engine::Tensor make_input(const Shape& shape) {
  engine::Tensor tensor(DType::kF32, shape);
  const auto values = tensor.mutable_view().as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(1.5 * std::sin(0.37 * static_cast<double>(i)));
  }
  return tensor;
}

struct Loop {
  std::vector<std::int64_t> call_ns;
  std::int64_t load_ns = 0;
};

Result<Loop> measure(const BenchFlags& flags, const std::vector<int>& cpus) {
  RealClock clock;
  Loop loop;
  const std::int64_t load_begin_ns = clock.now_ns();
  LODE_TRY(const auto model, load_model(flags.model));
  for (const engine::PortInfo& port : model->inputs()) {
    if (port.dtype == DType::kF32) continue;
    return usage_error("input '{}' is {}; bench makes f32 inputs only", port.name,
                       dtype_name(port.dtype));
  }
  const bool takes_default = flags.model.image_size == 0 && model->has_symbolic_size();
  const std::int64_t size = takes_default ? kImageSize : flags.model.image_size;
  LODE_TRY(const auto shapes, model->input_shapes(flags.model.batch, size));
  LODE_TRY(const auto session, engine::Session::create(model, {flags.model.threads, cpus}));
  LODE_CHECK_OK(session->prepare(shapes));
  loop.load_ns = clock.now_ns() - load_begin_ns;

  std::vector<engine::Tensor> tensors;
  std::vector<TensorView> inputs;
  for (const Shape& shape : shapes) {
    tensors.push_back(make_input(shape));
    inputs.push_back(tensors.back().view());
  }
  LODE_TRY(const auto ports, session->output_ports(shapes));
  std::vector<engine::Tensor> results;
  std::vector<MutableTensorView> outputs;
  for (const engine::PortInfo& port : ports) {
    results.emplace_back(port.dtype, port.shape);
    outputs.push_back(results.back().mutable_view());
  }
  for (int i = 0; i < flags.warmup; ++i) LODE_CHECK_OK(session->run(inputs, outputs));

  const auto duration_ns = static_cast<std::int64_t>(flags.seconds * 1e9);
  const std::int64_t begin_ns = clock.now_ns();
  std::int64_t before_ns = begin_ns;
  while (before_ns - begin_ns < duration_ns || loop.call_ns.size() < kCallsMin) {
    if (interrupt_flag()) return Error{ErrorKind::kInterrupted, "interrupted; nothing is printed"};
    before_ns = clock.now_ns();
    LODE_CHECK_OK(session->run(inputs, outputs));
    loop.call_ns.push_back(clock.now_ns() - before_ns);
  }
  return loop;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

Result<int> bench(const BenchFlags& flags) {
  LODE_TRY(const auto cpus, pin(flags));
  LODE_TRY(Loop loop, measure(flags, cpus));
  std::sort(loop.call_ns.begin(), loop.call_ns.end());
  const std::int64_t p50_ns = record::percentile(loop.call_ns, 0.50);
  nlohmann::ordered_json line;
  line["engine"] = "lodestone";
  line["version"] = provenance().version;
  line["model"] = std::filesystem::path(flags.model.path).filename().string();
  line["batch"] = flags.model.batch;
  line["threads"] = flags.model.threads;
  line["calls"] = loop.call_ns.size();
  line["min_ns"] = loop.call_ns.front();
  line["p50_ns"] = p50_ns;
  line["p90_ns"] = record::percentile(loop.call_ns, 0.90);
  line["p99_ns"] = record::percentile(loop.call_ns, 0.99);
  line["throughput_samples_per_s"] =
      static_cast<double>(flags.model.batch) / (static_cast<double>(p50_ns) / 1e9);
  line["load_ns"] = loop.load_ns;
  line["peak_rss_bytes"] = peak_rss_bytes();
  LODE_CHECK_OK(print(line.dump() + "\n"));
  return kExitValid;
}

}  // namespace

void add_model_bench(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = model.add_subcommand("bench", "time a model in one closed loop");
  add_model_flags(*command, flags->model);
  add_extent_flags(*command, flags->model);
  add_thread_flag(*command, flags->model);
  command->add_option("--seconds", flags->seconds, "how long to measure (default: 3)")
      ->check(CLI::Range(0.0, 86'400.0));
  command->add_option("--warmup", flags->warmup, "calls before that (default: 5)")
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("--cpus", flags->cpus,
                      "processors to stay on, such as 0,1 (default: 0 to threads-1)");
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return bench(*flags); }; });
}

}  // namespace lode::cli
