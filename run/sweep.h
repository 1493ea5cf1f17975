// Works through a sweep's plan, run by run, each in a process of its own. What was made is kept
// whatever ends this process, and the next one goes on from there.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/result.h"
#include "results/sweep/plan.h"
#include "results/sweep/summary.h"

namespace lode::run {

struct SweepStatus {
  std::size_t done = 0;  ///< steps of the plan that need nothing more
  std::size_t total = 0;
  const sweep::Point* point = nullptr;  ///< the one that runs next, or has just ended
  std::uint64_t repeat = 1;
  std::int64_t elapsed_ns = 0;                 ///< of this process
  std::int64_t eta_ns = -1;                    ///< -1: not known
  const sweep::RunOutcome* outcome = nullptr;  ///< of the run that has just ended; null before it
};

struct SweepHooks {
  const std::atomic<bool>* interrupted = nullptr;
  /// Before each run, and after it with its outcome.
  std::function<void(const SweepStatus&)> progress;
};

/// The outcomes of a sweep: [point][...], by repeat.
using SweepOutcomes = std::vector<std::vector<sweep::RunOutcome>>;

/// Makes the directory, which is absent or empty, and writes the plan into it.
[[nodiscard]] Status begin_sweep(const std::filesystem::path& directory, const sweep::Plan& plan);

/// The plan of a sweep that was begun. Errors: there is none; it is damaged; the program, a model,
/// a dataset or the machine is not as it was, by name.
[[nodiscard]] Result<sweep::Plan> resume_sweep(const std::filesystem::path& directory);

/// A usage error that names what `asked` has another way than `stored`, if it does.
[[nodiscard]] Status check_same_plan(const sweep::Plan& stored, const sweep::Plan& asked);

/// Makes the runs that are missing, in the plan's order, and removes what interrupted ones left. An
/// error of kind kInterrupted: the user stopped it. Only one process at a time may work on a
/// directory.
[[nodiscard]] Result<SweepOutcomes> run_sweep(const std::filesystem::path& directory,
                                              const sweep::Plan& plan, const SweepHooks& hooks);

}  // namespace lode::run
