#include "engine/runtime/machine_peak.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <vector>

#include "engine/kernels/aligned_floats.h"
#include "engine/kernels/peak/peak.h"
#include "engine/runtime/thread_pool.h"

namespace lode::engine {

namespace {

constexpr double kSeconds = 0.08;
/// 64 MiB: beyond any second-level cache. Where a last-level cache is larger, the rate is that
/// cache's.
constexpr std::size_t kReadFloats = std::size_t{16} << 20U;

/// One measurement on every worker at the same time, added up.
struct OnAllWorkers {
  std::function<double(int)> measure;
  int threads = 1;
  std::atomic<int> arrived{0};
  std::vector<double> rates;

  /// Waits for the others, so that each worker gets one and all of them load the machine.
  static void task(void* context, std::int64_t index, int) {
    auto& all = *static_cast<OnAllWorkers*>(context);
    all.arrived.fetch_add(1);
    while (all.arrived.load() < all.threads) std::this_thread::yield();
    all.rates[static_cast<std::size_t>(index)] = all.measure(static_cast<int>(index));
  }
};

double sum_of_rates(ThreadPool& pool, std::function<double(int)> measure) {
  OnAllWorkers all;
  all.measure = std::move(measure);
  all.threads = pool.threads();
  all.rates.resize(static_cast<std::size_t>(pool.threads()));
  const ThreadPool::CallerScope scope(pool);
  pool.run(pool.threads(), OnAllWorkers::task, &all);
  return std::accumulate(all.rates.begin(), all.rates.end(), 0.0);
}

}  // namespace

double MachinePeak::ops_per_s(std::string_view name) const {
  if (multiplies_bytes(name)) return byte_ops_per_s;
  return multiplies_pairs(name) ? pair_flops_per_s : flops_per_s;
}

double MachinePeak::seconds(const StepInfo& step) const {
  if (step.members.empty()) return step.flops / ops_per_s(step.kernel);
  return std::accumulate(step.members.begin(), step.members.end(), 0.0,
                         [&](double sum, const KernelFlops& member) {
                           return sum + member.flops / ops_per_s(member.kernel);
                         });
}

Result<MachinePeak> measure_machine_peak(Isa cap, const SessionOptions& options) {
  LODE_TRY(const auto pool, ThreadPool::create(options.threads, options.cpus));
  const PeakKernel& kernel = select_peak(cap);
  MachinePeak peak;
  peak.kernel = kernel.name;
  peak.threads = pool->threads();
  peak.flops_per_s = sum_of_rates(*pool, [&](int) { return measure_flops(kernel, kSeconds); });
  const ProductPeakKernel& byte_kernel = select_byte_peak(cap);
  peak.byte_kernel = byte_kernel.name;
  peak.byte_ops_per_s =
      sum_of_rates(*pool, [&](int) { return measure_products(byte_kernel, kSeconds); });
  if (const ProductPeakKernel* pair_kernel = select_pair_peak(cap); pair_kernel != nullptr) {
    peak.pair_kernel = pair_kernel->name;
    peak.pair_flops_per_s =
        sum_of_rates(*pool, [&](int) { return measure_products(*pair_kernel, kSeconds); });
  }
  try {
    std::vector<AlignedFloats> memory;
    for (int i = 0; i < peak.threads; ++i) {
      memory.emplace_back(kReadFloats);
      std::fill_n(memory.back().data(), kReadFloats, 1.0F);
    }
    peak.read_bytes_per_s = sum_of_rates(*pool, [&](int worker) {
      const AlignedFloats& floats = memory[static_cast<std::size_t>(worker)];
      return measure_reads(kernel, {floats.data(), floats.size()}, kSeconds);
    });
  } catch (const NoMemoryForFloats& error) {
    return runtime_error("not enough memory to measure how fast it is read: {} bytes a thread",
                         error.bytes());
  }
  return peak;
}

}  // namespace lode::engine
