// `lode model bench`: one closed loop on a fixed input, as one JSON line with the fields of the
// script that times the peer engines, so that both can be read by one reader.
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/percentile.h"
#include "base/provenance.h"
#include "cli/timed_model.h"

namespace lode::cli {
namespace {

constexpr std::size_t kCallsMin = 5;

Result<std::vector<std::int64_t>> time_calls(TimedModel& timed, double seconds) {
  RealClock clock;
  std::vector<std::int64_t> call_ns;
  const auto duration_ns = static_cast<std::int64_t>(seconds * 1e9);
  const std::int64_t begin_ns = clock.now_ns();
  std::int64_t before_ns = begin_ns;
  while (before_ns - begin_ns < duration_ns || call_ns.size() < kCallsMin) {
    if (interrupt_flag()) return Error{ErrorKind::kInterrupted, "interrupted; nothing is printed"};
    before_ns = clock.now_ns();
    LODE_CHECK_OK(timed.session->run(timed.inputs, timed.outputs));
    call_ns.push_back(clock.now_ns() - before_ns);
  }
  return call_ns;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

Result<int> bench(const TimingFlags& flags) {
  LODE_TRY(TimedModel timed, make_timed_model(flags));
  LODE_TRY(auto call_ns, time_calls(timed, flags.seconds));
  std::sort(call_ns.begin(), call_ns.end());
  // As the peers' scripts have it, beside whose figures these stand.
  const std::int64_t p50_ns = nearest_rank(call_ns, 0.50);
  nlohmann::ordered_json line;
  line["engine"] = "lodestone";
  line["version"] = provenance().version;
  line["model"] = std::filesystem::path(flags.model.path).filename().string();
  line["batch"] = flags.model.batch;
  line["threads"] = flags.model.threads;
  line["calls"] = call_ns.size();
  line["min_ns"] = call_ns.front();
  line["p50_ns"] = p50_ns;
  line["p90_ns"] = nearest_rank(call_ns, 0.90);
  line["p99_ns"] = nearest_rank(call_ns, 0.99);
  line["throughput_samples_per_s"] =
      static_cast<double>(flags.model.batch) / (static_cast<double>(p50_ns) / 1e9);
  line["load_ns"] = timed.load_ns;
  line["peak_rss_bytes"] = peak_rss_bytes();
  LODE_CHECK_OK(print(line.dump() + "\n"));
  return kExitValid;
}

}  // namespace

void add_model_bench(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<TimingFlags>();
  CLI::App* command = model.add_subcommand("bench", "time a model in one closed loop");
  add_timing_flags(*command, *flags);
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return bench(*flags); }; });
}

}  // namespace lode::cli
