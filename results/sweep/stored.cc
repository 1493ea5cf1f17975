#include "results/sweep/stored.h"

#include "base/file_io.h"

namespace lode::sweep {

namespace fs = std::filesystem;

std::optional<fs::path> find_sweep(const fs::path& path) {
  std::error_code ignored;
  fs::path directory = path;
  if (!fs::is_directory(path, ignored)) {
    const fs::path parent = path.parent_path();
    if (path != plan_file(parent) && path != result_file(parent)) return std::nullopt;
    directory = parent;
  }
  if (!fs::exists(plan_file(directory), ignored)) return std::nullopt;
  return directory;
}

Result<Plan> read_plan(const fs::path& directory) {
  const fs::path file = plan_file(directory);
  LODE_TRY(const std::string text, read_file(file));
  return plan_from_json(text, file.string());
}

Status check_files(const record::Record& record, const Plan& plan) {
  const auto check = [&](std::string_view what, const std::string& path,
                         const std::string& sha256) -> Status {
    for (const SubjectFile& file : plan.identity.files) {
      if (file.what != what || file.path != path || file.sha256 == sha256) continue;
      return runtime_error(
          "{} '{}' is not the one that the sweep was planned with; restore it and remove this run, "
          "or start a new sweep",
          what, path);
    }
    return {};
  };
  if (record.model.has_value()) {
    LODE_CHECK_OK(check("model", record.model->path, record.model->sha256));
  }
  if (!record.dataset.has_value()) return {};
  return check("dataset", record.dataset->path, record.dataset->sha256);
}

Result<std::optional<RunOutcome>> read_outcome(const fs::path& directory, const Plan& plan,
                                               const Step& step) {
  const Point& point = plan.points[step.point];
  RunOutcome outcome{.repeat = step.repeat, .record = {}, .failure = {}};
  const fs::path run = run_directory(directory, point, step.repeat);
  std::error_code error;
  const bool is_made = fs::exists(run, error);
  if (error) return runtime_error("cannot look at {}: {}", run.string(), error.message());
  if (is_made) {
    LODE_TRY(record::Record record, record::read_record(run));
    if (record.interrupted) return std::optional<RunOutcome>();
    const Status same = check_files(record, plan);
    if (!same.ok()) return same.error().within(run.string());
    outcome.record = std::move(record);
    return std::optional(std::move(outcome));
  }
  const fs::path failure = failure_file(directory, point, step.repeat);
  if (!fs::exists(failure, error)) return std::optional<RunOutcome>();
  LODE_TRY(outcome.failure, read_file(failure));
  while (outcome.failure.ends_with('\n')) outcome.failure.pop_back();
  return std::optional(std::move(outcome));
}

Result<std::vector<std::vector<RunOutcome>>> read_outcomes(const fs::path& directory,
                                                           const Plan& plan) {
  std::vector<std::vector<RunOutcome>> outcomes(plan.points.size());
  for (std::size_t point = 0; point < plan.points.size(); ++point) {
    for (std::uint64_t repeat = 1; repeat <= plan.repeats; ++repeat) {
      LODE_TRY(std::optional<RunOutcome> outcome,
               read_outcome(directory, plan, {.point = point, .repeat = repeat}));
      if (outcome.has_value()) outcomes[point].push_back(*std::move(outcome));
    }
  }
  return outcomes;
}

Result<Asked> read_asked(const fs::path& directory) {
  const fs::path file = result_file(directory);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return Asked{};
  LODE_TRY(const std::string text, read_file(file));
  return asked_from_json(text, file.string());
}

}  // namespace lode::sweep
