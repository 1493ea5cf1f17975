#include "engine/runtime/profiler.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/assert.h"
#include "base/percentile.h"

namespace lode::engine {

namespace {

/// The runs that are neither of the fastest quarter nor of the slowest.
std::vector<std::size_t> middle_half(const std::vector<std::int64_t>& run_ns) {
  std::vector<std::size_t> order(run_ns.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return run_ns[a] < run_ns[b]; });
  const std::size_t quarter = order.size() / 4;
  return {order.begin() + static_cast<std::ptrdiff_t>(quarter),
          order.end() - static_cast<std::ptrdiff_t>(quarter)};
}

std::int64_t mean_of(const std::vector<std::int64_t>& values,
                     const std::vector<std::size_t>& chosen) {
  std::int64_t sum = 0;
  for (const std::size_t index : chosen) sum += values[index];
  return sum / static_cast<std::int64_t>(chosen.size());
}

template <typename Run>
Status timed(std::vector<std::int64_t>& times_ns, const Run& run) {
  const auto begin = std::chrono::steady_clock::now();
  LODE_CHECK_OK(run());
  times_ns.push_back(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  return {};
}

}  // namespace

Profiler::Profiler(Session& session, std::span<const TensorView> inputs,
                   std::span<const MutableTensorView> outputs, std::vector<StepInfo> steps)
    : session_(&session),
      inputs_(inputs),
      outputs_(outputs),
      steps_(std::move(steps)),
      row_(steps_.size()),
      step_ns_(steps_.size()) {}

Result<Profiler> Profiler::create(Session& session, std::span<const TensorView> inputs,
                                  std::span<const MutableTensorView> outputs) {
  std::vector<Shape> shapes;
  for (const TensorView& input : inputs) shapes.push_back(input.shape);
  LODE_TRY(PlanInfo plan, session.plan_info(shapes));
  if (!plan.is_static) {
    return runtime_error("there are no steps to profile: the shapes depend on the data at '{}'",
                         plan.data_dependent_nodes.front());
  }
  return Profiler(session, inputs, outputs, std::move(plan.steps));
}

Status Profiler::run() {
  LODE_CHECK_OK(timed(run_ns_, [&] { return session_->run(inputs_, outputs_); }));
  LODE_CHECK_OK(timed(timed_run_ns_, [&] { return session_->run_timed(inputs_, outputs_, row_); }));
  for (std::size_t i = 0; i < row_.size(); ++i) step_ns_[i].push_back(row_[i]);
  return {};
}

Profile Profiler::result() const {
  Profile profile;
  profile.runs = run_ns_.size();
  profile.run_ns = median(run_ns_);
  profile.timed_run_ns = median(timed_run_ns_);
  const std::vector<std::size_t> chosen = middle_half(timed_run_ns_);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    profile.steps.push_back({steps_[i], mean_of(step_ns_[i], chosen)});
    profile.steps_ns += profile.steps.back().time_ns;
  }
  return profile;
}

}  // namespace lode::engine
