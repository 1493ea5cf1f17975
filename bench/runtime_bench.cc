// What the runtime adds to the kernels: handing a step's tasks to the workers and getting them
// back. Tasks do nothing, so that all of the time is the hand-out's.
//
//   runtime_bench --benchmark_filter=hand_out/2
#include <benchmark/benchmark.h>

#include "engine/runtime/thread_pool.h"

namespace lode::engine {
namespace {

void do_nothing(void* /*context*/, std::int64_t index, int /*worker*/) {
  benchmark::DoNotOptimize(index);
}

/// Workers are awake: one job follows the other, as the steps of a run do.
void bench_hand_out(benchmark::State& state) {
  const auto pool = ThreadPool::create(static_cast<int>(state.range(0)), {});
  if (!pool.ok()) return state.SkipWithError(pool.error().message.c_str());
  const ThreadPool::CallerScope scope(**pool);
  for (auto _ : state) (*pool)->run(state.range(1), do_nothing, nullptr);
}

/// About 30 ns of work that nothing can shorten.
void do_a_little(void* /*context*/, std::int64_t index, int /*worker*/) {
  float value = static_cast<float>(index);
  for (int i = 0; i < 16; ++i) benchmark::DoNotOptimize(value = value * 0.5F + 1.0F);
}

/// Work that should take half the time on two workers.
void bench_shared_work(benchmark::State& state) {
  const auto pool = ThreadPool::create(static_cast<int>(state.range(0)), {});
  if (!pool.ok()) return state.SkipWithError(pool.error().message.c_str());
  const ThreadPool::CallerScope scope(**pool);
  for (auto _ : state) (*pool)->run(state.range(1), do_a_little, nullptr);
}

BENCHMARK(bench_shared_work)
    ->Name("shared_work")
    ->ArgNames({"threads", "tasks"})
    ->UseRealTime()
    ->ArgsProduct({{1, 2}, {16, 128, 1024}});

BENCHMARK(bench_hand_out)
    ->Name("hand_out")
    ->ArgNames({"threads", "tasks"})
    ->UseRealTime()
    ->ArgsProduct({{1, 2}, {2, 16, 128}});

}  // namespace
}  // namespace lode::engine

BENCHMARK_MAIN();
