// What a sweep is going to measure, written before it begins ("lodestone.sweep-plan/1",
// docs/sweep-plan.schema.json): points, order, and what must not change while it runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode::sweep {

inline constexpr std::string_view kPlanSchema = "lodestone.sweep-plan/1";

/// A key and one of its values, or something's name and what it is.
struct Named {
  std::string name;
  std::string value;

  friend bool operator==(const Named&, const Named&) = default;
};

struct Axis {
  std::string key;
  std::vector<std::string> values;

  friend bool operator==(const Axis&, const Axis&) = default;
};

struct Point {
  std::string name;              ///< of its folder: "001_batch=4"; letters, digits and ._=-
  std::vector<Named> values;     ///< of the axes that mean something here
  std::string config;            ///< YAML, complete
  std::int64_t expected_ns = 0;  ///< least time of one run; 0: not known

  friend bool operator==(const Point&, const Point&) = default;
};

/// One run: a point and its repeat, from 1.
struct Step {
  std::size_t point = 0;
  std::uint64_t repeat = 1;

  friend bool operator==(const Step&, const Step&) = default;
};

struct SubjectFile {
  std::string what;  ///< "model", "dataset"
  std::string path;
  std::string sha256;  ///< 64 lower-case hex digits

  friend bool operator==(const SubjectFile&, const SubjectFile&) = default;
};

/// What a resumed sweep has to find as it was.
struct Identity {
  std::string program_sha256;
  std::vector<SubjectFile> files;
  std::vector<Named> machine;  ///< "processor", "usable processors", "memory", "kernel"

  friend bool operator==(const Identity&, const Identity&) = default;
};

struct Plan {
  std::string created_at;  ///< ISO 8601, UTC
  std::string command;
  std::uint64_t seed = 0;
  std::uint64_t repeats = 1;
  std::int64_t cool_down_ns = 0;
  std::vector<Axis> axes;
  std::vector<Point> points;
  std::vector<Step> order;  ///< every point and repeat once
  Identity identity;

  friend bool operator==(const Plan&, const Plan&) = default;
};

inline constexpr std::uint64_t kMostRepeats = 10'000;
inline constexpr std::size_t kMostSteps = 1'000'000;

/// Every point once a repeat, each repeat in an order of its own, drawn from `seed`: what changes
/// on the machine meanwhile meets all points alike.
[[nodiscard]] std::vector<Step> interleave(std::size_t points, std::uint64_t repeats,
                                           std::uint64_t seed);

/// "001_batch=4_precision=fp32" of the point number `index` of `count`, from 0.
[[nodiscard]] std::string point_name(std::size_t index, std::size_t count,
                                     const std::vector<Named>& values);

[[nodiscard]] std::string to_json(const Plan& plan);

/// Reads what to_json() writes; errors name the member. Members not known are ignored.
[[nodiscard]] Result<Plan> plan_from_json(std::string_view text, std::string_view name);

/// "", or what of `now` is not as in `then`, by name: "model 'm.onnx' has changed since the sweep
/// was planned (sha256 12ab... then, 34cd... now)".
[[nodiscard]] std::string difference(const Identity& then, const Identity& now);

/// Where the parts of a sweep's directory are.
[[nodiscard]] std::filesystem::path plan_file(const std::filesystem::path& sweep);
[[nodiscard]] std::filesystem::path result_file(const std::filesystem::path& sweep);
[[nodiscard]] std::filesystem::path config_file(const std::filesystem::path& sweep,
                                                const Point& point);
[[nodiscard]] std::filesystem::path run_directory(const std::filesystem::path& sweep,
                                                  const Point& point, std::uint64_t repeat);
/// What is there instead of a run that left no record: one line, why.
[[nodiscard]] std::filesystem::path failure_file(const std::filesystem::path& sweep,
                                                 const Point& point, std::uint64_t repeat);

}  // namespace lode::sweep
