#include "engine/runtime/profiler.h"

#include <algorithm>
#include <chrono>

#include "base/assert.h"

namespace lode::engine {

namespace {

std::int64_t median(std::vector<std::int64_t> values) {
  LODE_ASSERT(!values.empty());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
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
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    profile.steps.push_back({steps_[i], median(step_ns_[i])});
    profile.steps_ns += profile.steps.back().time_ns;
  }
  return profile;
}

}  // namespace lode::engine
