// Where the time of a run goes, step by step. Runs with and without the clock take turns, so that
// the cost of looking shows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/runtime/session.h"

namespace lode::engine {

struct ProfiledStep {
  StepInfo info;
  /// Mean over the middle half of the timed runs, by their whole time: interrupted runs do not
  /// count, and unlike medians these add up to the time of a run.
  std::int64_t time_ns = 0;
};

struct Profile {
  std::vector<ProfiledStep> steps;  ///< in the order in which they run
  std::size_t runs = 0;             ///< of each kind
  std::int64_t steps_ns = 0;        ///< sum of the steps' times
  std::int64_t timed_run_ns = 0;    ///< median of whole runs with the clock on
  std::int64_t run_ns = 0;          ///< median of whole runs as anybody makes them
};

class Profiler {
 public:
  /// Session and memory must outlive the profiler; arguments as for Session::run(). Fails for a
  /// plan that is not static.
  [[nodiscard]] static Result<Profiler> create(Session& session, std::span<const TensorView> inputs,
                                               std::span<const MutableTensorView> outputs);

  /// One plain run and one timed one.
  [[nodiscard]] Status run();

  /// Of all runs so far, at least one.
  [[nodiscard]] Profile result() const;

 private:
  Profiler(Session& session, std::span<const TensorView> inputs,
           std::span<const MutableTensorView> outputs, std::vector<StepInfo> steps);

  Session* session_;
  std::span<const TensorView> inputs_;
  std::span<const MutableTensorView> outputs_;
  std::vector<StepInfo> steps_;
  std::vector<std::int64_t> row_;                    ///< step times of the run going on
  std::vector<std::vector<std::int64_t>> step_ns_;   ///< by step, then run
  std::vector<std::int64_t> run_ns_, timed_run_ns_;  ///< by run
};

}  // namespace lode::engine
