#include "run/sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/file_io.h"
#include "results/sweep/stored.h"
#include "run/child_process.h"
#include "run/point.h"
#include "run/sweep_expand.h"

namespace lode::run {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using sweep::Plan;
using sweep::Point;
using sweep::RunOutcome;

/// Held by the one process that works on a sweep; the system releases it whatever ends that.
class SweepLock {
 public:
  explicit SweepLock(const fs::path& directory)
      : fd_(::open(sweep::plan_file(directory).c_str(), O_RDONLY | O_CLOEXEC)) {}
  SweepLock(const SweepLock&) = delete;
  SweepLock& operator=(const SweepLock&) = delete;
  ~SweepLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool held() const { return fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }

 private:
  int fd_;
};

/// Makes one run, and what stands for it if it leaves no record.
Result<PointOutcome> make_run(const fs::path& directory, const Point& point, std::uint64_t repeat,
                              const std::atomic<bool>* interrupted) {
  const fs::path config = sweep::config_file(directory, point);
  std::error_code error;
  fs::create_directories(config.parent_path(), error);
  if (error) {
    return runtime_error("cannot create '{}': {}", config.parent_path().string(), error.message());
  }
  LODE_CHECK_OK(write_file_atomically(config, point.config));
  LODE_TRY(PointOutcome outcome,
           run_point(config, sweep::run_directory(directory, point, repeat), interrupted));
  if (!outcome.failure.empty()) {
    LODE_CHECK_OK(write_file_atomically(sweep::failure_file(directory, point, repeat),
                                        outcome.failure + "\n"));
  }
  return outcome;
}

/// How long the rest will take, by how long the runs made so far took.
class Forecast {
 public:
  void add(const Point& point, std::int64_t wall_ns, std::int64_t pause_ns) {
    ++runs_;
    wall_ns_ += wall_ns + pause_ns;
    expected_ns_ += point.expected_ns;
  }
  /// `expected_ns`, `runs`: of what is left.
  [[nodiscard]] std::int64_t eta_ns(std::int64_t expected_ns, std::size_t runs) const {
    if (runs_ == 0) return -1;
    const double each = static_cast<double>(wall_ns_) / static_cast<double>(runs_);
    if (expected_ns_ == 0 || expected_ns == 0) {
      return static_cast<std::int64_t>(each * static_cast<double>(runs));
    }
    // Beside its planned time each run takes what those before took beside theirs.
    const double beside = static_cast<double>(wall_ns_ - expected_ns_) / static_cast<double>(runs_);
    return std::max<std::int64_t>(
        0, expected_ns + static_cast<std::int64_t>(beside * static_cast<double>(runs)));
  }

 private:
  std::size_t runs_ = 0;
  std::int64_t wall_ns_ = 0;
  std::int64_t expected_ns_ = 0;
};

/// One process's work on a sweep.
class Worker {
 public:
  Worker(const fs::path& directory, const Plan& plan, const SweepHooks& hooks)
      : directory_(directory), plan_(plan), hooks_(hooks), outcomes_(plan.points.size()) {}

  Result<SweepOutcomes> work() {
    LODE_CHECK_OK(find_missing());
    for (std::size_t i = 0; i < missing_.size(); ++i) {
      const auto pause = std::chrono::nanoseconds(plan_.cool_down_ns);
      if (i > 0) pause_for(std::chrono::ceil<std::chrono::milliseconds>(pause), hooks_.interrupted);
      LODE_CHECK_OK(make(missing_[i], i));
    }
    for (auto& runs : outcomes_) {
      std::sort(runs.begin(), runs.end(),
                [](const RunOutcome& a, const RunOutcome& b) { return a.repeat < b.repeat; });
    }
    return std::move(outcomes_);
  }

 private:
  Status find_missing() {
    for (const sweep::Step& step : plan_.order) {
      LODE_TRY(std::optional<RunOutcome> outcome, sweep::read_outcome(directory_, plan_, step));
      if (outcome.has_value()) {
        outcomes_[step.point].push_back(*std::move(outcome));
      } else {
        // An interrupted run may have left a record.
        std::error_code ignored;
        fs::remove_all(sweep::run_directory(directory_, plan_.points[step.point], step.repeat),
                       ignored);
        missing_.push_back(step);
        expected_left_ns_ += plan_.points[step.point].expected_ns;
      }
    }
    return {};
  }

  Status make(const sweep::Step& step, std::size_t index) {
    const Point& point = plan_.points[step.point];
    tell(point, step.repeat, index, nullptr);
    if (is_interrupted()) return stopped(index);
    LODE_TRY(PointOutcome made, make_run(directory_, point, step.repeat, hooks_.interrupted));
    if (made.interrupted) return stopped(index);
    if (made.record.has_value()) LODE_CHECK_OK(sweep::check_files(*made.record, plan_));
    forecast_.add(point, made.wall_ns, plan_.cool_down_ns);
    expected_left_ns_ -= point.expected_ns;
    outcomes_[step.point].push_back({step.repeat, std::move(made.record), std::move(made.failure)});
    tell(point, step.repeat, index + 1, &outcomes_[step.point].back());
    return {};
  }

  [[nodiscard]] bool is_interrupted() const {
    return hooks_.interrupted != nullptr && hooks_.interrupted->load();
  }

  [[nodiscard]] Error stopped(std::size_t made) const {
    const std::size_t done = plan_.order.size() - missing_.size() + made;
    return {ErrorKind::kInterrupted,
            fmt::format("interrupted; {} of {} runs are kept in '{}', and --resume goes on", done,
                        plan_.order.size(), directory_.string())};
  }

  void tell(const Point& point, std::uint64_t repeat, std::size_t made,
            const RunOutcome* outcome) const {
    if (!hooks_.progress) return;
    SweepStatus status;
    status.total = plan_.order.size();
    status.done = status.total - missing_.size() + made;
    status.point = &point;
    status.repeat = repeat;
    status.elapsed_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(steady_clock::now() - begin_).count();
    status.eta_ns = forecast_.eta_ns(expected_left_ns_, missing_.size() - made);
    status.outcome = outcome;
    hooks_.progress(status);
  }

  const fs::path& directory_;
  const Plan& plan_;
  const SweepHooks& hooks_;
  SweepOutcomes outcomes_;
  std::vector<sweep::Step> missing_;
  std::int64_t expected_left_ns_ = 0;
  Forecast forecast_;
  steady_clock::time_point begin_ = steady_clock::now();
};

}  // namespace

Status begin_sweep(const fs::path& directory, const Plan& plan) {
  std::error_code error;
  const bool used = fs::exists(directory, error) &&
                    !(fs::is_directory(directory, error) && fs::is_empty(directory, error));
  if (used) {
    const bool begun = fs::exists(sweep::plan_file(directory), error);
    return runtime_error("output '{}' exists already and is not an empty directory; {}",
                         directory.string(),
                         begun ? "go on with its sweep by --resume, or choose another"
                               : "choose another or remove it");
  }
  fs::create_directories(directory, error);
  if (error) return runtime_error("cannot create '{}': {}", directory.string(), error.message());
  return write_file_atomically(sweep::plan_file(directory), sweep::to_json(plan));
}

Result<Plan> resume_sweep(const fs::path& directory) {
  const fs::path file = sweep::plan_file(directory);
  std::error_code error;
  if (!fs::exists(file, error)) {
    return runtime_error("'{}' holds no sweep to resume: there is no {}", directory.string(),
                         file.filename().string());
  }
  LODE_TRY(Plan plan, sweep::read_plan(directory));
  LODE_TRY(const sweep::Identity now, identify(plan.points));
  const std::string changed = sweep::difference(plan.identity, now);
  if (!changed.empty()) {
    return runtime_error("cannot resume '{}': {}; restore it, or start a new sweep",
                         directory.string(), changed);
  }
  return plan;
}

Status check_same_plan(const Plan& stored, const Plan& asked) {
  const auto differs = [](std::string_view what) {
    return usage_error(
        "--resume: {} not what the sweep was begun with; leave file and settings out to go on with "
        "it as it was",
        what);
  };
  if (stored.axes != asked.axes) return differs("the axes are");
  if (stored.repeats != asked.repeats) return differs("--repeats is");
  if (stored.seed != asked.seed) return differs("--seed is");
  if (stored.cool_down_ns != asked.cool_down_ns) return differs("--cool-down is");
  if (stored.points != asked.points) return differs("the settings are");
  return {};
}

Result<SweepOutcomes> run_sweep(const fs::path& directory, const Plan& plan,
                                const SweepHooks& hooks) {
  const SweepLock lock(directory);
  if (!lock.held()) {
    return runtime_error("another process works on the sweep in '{}'; wait until it has ended",
                         directory.string());
  }
  return Worker(directory, plan, hooks).work();
}

}  // namespace lode::run
