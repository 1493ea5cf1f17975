// Plan -> plan.json and back, strictly.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "results/record/json_cursor.h"
#include "results/sweep/plan.h"

namespace lode::sweep {
namespace {

using record::JsonCursor;
using Json = nlohmann::ordered_json;

Json named_json(const std::vector<Named>& list) {
  Json json = Json::object();
  for (const Named& each : list) json[each.name] = each.value;
  return json;
}

Json points_json(const std::vector<Point>& points) {
  Json list = Json::array();
  for (const Point& point : points) {
    list.push_back({{"name", point.name},
                    {"values", named_json(point.values)},
                    {"expected_ns", point.expected_ns},
                    {"config", point.config}});
  }
  return list;
}

Json identity_json(const Identity& identity) {
  Json files = Json::array();
  for (const SubjectFile& file : identity.files) {
    files.push_back({{"what", file.what}, {"path", file.path}, {"sha256", file.sha256}});
  }
  return {{"program_sha256", identity.program_sha256},
          {"files", std::move(files)},
          {"machine", named_json(identity.machine)}};
}

std::vector<Named> as_named(const JsonCursor& cursor) {
  std::vector<Named> list;
  if (!cursor.json().is_object()) {
    cursor.fail("expected an object");
    return list;
  }
  for (const auto& [name, value] : cursor.json().items()) {
    list.push_back({name, cursor.at(name).text()});
  }
  return list;
}

std::string as_sha256(const JsonCursor& cursor) {
  std::string text = cursor.text();
  const bool hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (text.size() != 64 || !hex) cursor.fail("expected 64 lower-case hex digits");
  return text;
}

std::int64_t as_duration(const JsonCursor& cursor) {
  const std::int64_t ns = cursor.integer();
  if (ns < 0) cursor.fail("is negative");
  return ns;
}

Axis as_axis(const JsonCursor& cursor) {
  return {cursor.at("key").text(),
          cursor.at("values").list([](const JsonCursor& value) { return value.text(); })};
}

/// A name becomes a path below the sweep's directory, and must not leave it.
std::string as_point_name(const JsonCursor& cursor) {
  std::string name = cursor.text();
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._=-";
  const bool plain = name.find_first_not_of(kPlain) == std::string::npos;
  if (name.empty() || name.size() > 255 || name.front() == '.' || !plain) {
    cursor.fail("is no name of a point");
  }
  return name;
}

Point as_point(const JsonCursor& cursor) {
  return {as_point_name(cursor.at("name")), as_named(cursor.at("values")),
          cursor.at("config").text(), as_duration(cursor.at("expected_ns"))};
}

Step as_step(const JsonCursor& cursor) {
  const auto numbers = cursor.list([](const JsonCursor& item) { return item.count(); });
  if (numbers.size() == 2) return {numbers[0], numbers[1]};
  cursor.fail("expected a point and a repeat");
  return {};
}

Identity as_identity(const JsonCursor& cursor) {
  Identity identity;
  identity.program_sha256 = as_sha256(cursor.at("program_sha256"));
  identity.files = cursor.at("files").list([](const JsonCursor& file) {
    return SubjectFile{file.at("what").text(), file.at("path").text(),
                       as_sha256(file.at("sha256"))};
  });
  identity.machine = as_named(cursor.at("machine"));
  return identity;
}

void check_points(const JsonCursor& root, const Plan& plan) {
  if (plan.points.empty()) root.at("points").fail("is empty");
  std::set<std::string> names;
  for (const Point& point : plan.points) {
    if (!names.insert(point.name).second) {
      root.at("points").fail(fmt::format("'{}' is there twice", point.name));
    }
  }
}

/// Every point in every repeat, once.
void check_order(const JsonCursor& root, const Plan& plan) {
  const JsonCursor order = root.at("order");
  const bool sane = plan.repeats >= 1 && plan.repeats <= kMostRepeats;
  if (!sane) return root.at("repeats").fail(fmt::format("is not from 1 to {}", kMostRepeats));
  if (plan.order.size() > kMostSteps || plan.order.size() != plan.points.size() * plan.repeats) {
    return order.fail("does not have every point and repeat once");
  }
  std::set<std::pair<std::size_t, std::uint64_t>> seen;
  for (const Step& step : plan.order) {
    const bool known =
        step.point < plan.points.size() && step.repeat >= 1 && step.repeat <= plan.repeats;
    if (!known || !seen.insert({step.point, step.repeat}).second) {
      return order.fail("does not have every point and repeat once");
    }
  }
}

Plan as_plan(const JsonCursor& root) {
  Plan plan;
  plan.created_at = root.at("created_at").text();
  plan.command = root.at("command").text();
  plan.seed = root.at("seed").count();
  plan.repeats = root.at("repeats").count();
  plan.cool_down_ns = as_duration(root.at("cool_down_ns"));
  plan.axes = root.at("axes").list(as_axis);
  plan.points = root.at("points").list(as_point);
  plan.order = root.at("order").list(as_step);
  plan.identity = as_identity(root.at("identity"));
  check_points(root, plan);
  check_order(root, plan);
  return plan;
}

}  // namespace

std::string to_json(const Plan& plan) {
  Json axes = Json::array();
  for (const Axis& axis : plan.axes) axes.push_back({{"key", axis.key}, {"values", axis.values}});
  Json order = Json::array();
  for (const Step& step : plan.order) order.push_back(Json::array({step.point, step.repeat}));
  const Json json = {{"schema", kPlanSchema},     {"created_at", plan.created_at},
                     {"command", plan.command},   {"seed", plan.seed},
                     {"repeats", plan.repeats},   {"cool_down_ns", plan.cool_down_ns},
                     {"axes", std::move(axes)},   {"points", points_json(plan.points)},
                     {"order", std::move(order)}, {"identity", identity_json(plan.identity)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Plan> plan_from_json(std::string_view text, std::string_view name) {
  return record::read_json(text, name, kPlanSchema, as_plan);
}

}  // namespace lode::sweep
