#include "cli/timed_model.h"

#include <sched.h>

#include <cmath>

#include "base/clock.h"

namespace lode::cli {
namespace {

constexpr std::int64_t kImageSize = 224;  ///< where the model leaves height and width open

/// The first `count` processors that this process may use; fewer if there are not as many.
std::vector<int> first_processors(int count) {
  std::vector<int> cpus;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && static_cast<int>(cpus.size()) < count; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

/// Stays on --cpus, by default on as many of the processors that it may use as it has threads.
Result<std::vector<int>> pin(const TimingFlags& flags) {
  std::vector<int> cpus;
  if (flags.cpus.empty()) {
    cpus = first_processors(flags.model.threads);
    if (static_cast<int>(cpus.size()) < flags.model.threads) {
      return usage_error(
          "--threads {}: this process may use {} processors; use fewer threads, or say with --cpus "
          "which of them to share",
          flags.model.threads, cpus.size());
    }
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

Result<std::vector<Shape>> input_shapes(const TimingFlags& flags, const engine::Model& model) {
  for (const engine::PortInfo& port : model.inputs()) {
    if (port.dtype == DType::kF32) continue;
    return usage_error("input '{}' is {}; f32 inputs only can be made", port.name,
                       dtype_name(port.dtype));
  }
  const bool takes_default = flags.model.image_size == 0 && model.has_symbolic_size();
  return model.input_shapes(flags.model.batch, takes_default ? kImageSize : flags.model.image_size);
}

}  // namespace

void add_timing_flags(CLI::App& command, TimingFlags& flags) {
  add_model_flags(command, flags.model);
  add_extent_flags(command, flags.model);
  add_thread_flag(command, flags.model);
  command.add_option("--seconds", flags.seconds, "how long to measure (default: 3)")
      ->check([](const std::string& text) {
        // Not CLI::Range, which lets NaN pass.
        double seconds = 0.0;
        const bool fits =
            CLI::detail::lexical_cast(text, seconds) && seconds >= 0.0 && seconds <= 86'400.0;
        return fits ? std::string() : "'" + text + "' is no number of seconds from 0 to 86400";
      });
  command.add_option("--warmup", flags.warmup, "calls before that (default: 5)")
      ->check(CLI::Range(0, 1'000'000));
  command.add_option("--cpus", flags.cpus,
                     "processors to stay on, such as 0,1 (default: the first of those it may use)");
}

Result<TimedModel> make_timed_model(const TimingFlags& flags) {
  RealClock clock;
  TimedModel timed;
  timed.options.threads = flags.model.threads;
  LODE_TRY(timed.options.cpus, pin(flags));
  const std::int64_t begin_ns = clock.now_ns();
  LODE_TRY(timed.model, load_model(flags.model));
  LODE_TRY(const auto shapes, input_shapes(flags, *timed.model));
  LODE_TRY(timed.session, engine::Session::create(timed.model, timed.options));
  LODE_CHECK_OK(timed.session->prepare(shapes));
  timed.load_ns = clock.now_ns() - begin_ns;

  LODE_TRY(const auto ports, timed.session->output_ports(shapes));
  for (const Shape& shape : shapes) {
    timed.tensors.push_back(make_input(shape));
    timed.inputs.push_back(timed.tensors.back().view());
  }
  for (const engine::PortInfo& port : ports) {
    timed.tensors.emplace_back(port.dtype, port.shape);
    timed.outputs.push_back(timed.tensors.back().mutable_view());
  }
  for (int i = 0; i < flags.warmup; ++i) {
    LODE_CHECK_OK(timed.session->run(timed.inputs, timed.outputs));
  }
  return timed;
}

}  // namespace lode::cli
