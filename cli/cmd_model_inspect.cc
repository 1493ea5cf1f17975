// `lode model inspect`: what is in a model, what the passes made of it, and which kernels run.
#include <algorithm>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/model_options.h"
#include "engine/graph/graph.h"
#include "engine/passes/pass.h"

namespace lode::cli {
namespace {

using nlohmann::ordered_json;

struct InspectFlags {
  ModelFlags model;
  std::string format = "text";
  bool explain = false;
  bool dump = false;
};

ordered_json port_json(const engine::PortInfo& port) {
  ordered_json extents = ordered_json::array();
  for (std::size_t axis = 0; axis < port.shape.rank(); ++axis) {
    const bool symbolic = port.shape[axis] < 0;
    extents.push_back(symbolic ? ordered_json(port.symbols.empty() ? "?" : port.symbols[axis])
                               : ordered_json(port.shape[axis]));
  }
  return {{"name", port.name}, {"dtype", dtype_name(port.dtype)}, {"shape", std::move(extents)}};
}

ordered_json pass_json(const engine::PassReport& report, bool explain) {
  ordered_json json = {
      {"name", report.name}, {"changes", report.changes}, {"duration_ns", report.duration_ns}};
  if (!explain) return json;
  json["refused"] = ordered_json::array();
  for (const engine::PassNote& note : report.refused) {
    json["refused"].push_back({{"node", note.node}, {"why", note.why}});
  }
  return json;
}

ordered_json plan_json(const engine::PlanInfo& plan, bool explain) {
  ordered_json json = {{"static", plan.is_static},
                       {"arena_bytes", plan.arena_bytes},
                       {"packed_weight_bytes", plan.packed_weight_bytes},
                       {"data_dependent_nodes", plan.data_dependent_nodes},
                       {"decisions", ordered_json::array()},
                       {"steps", ordered_json::array()}};
  for (const engine::PassReport& decision : plan.decisions) {
    ordered_json row = pass_json(decision, explain);
    row.erase("duration_ns");
    json["decisions"].push_back(std::move(row));
  }
  for (const engine::StepInfo& step : plan.steps) {
    json["steps"].push_back({{"node", step.node},
                             {"op_type", step.op_type},
                             {"kernel", step.kernel},
                             {"reason", step.reason},
                             {"output_shape", step.output_shape.to_string()},
                             {"scratch_bytes", step.scratch_bytes}});
  }
  return json;
}

/// Everything that is shown, once; the text form is made from it.
Result<ordered_json> collect(const InspectFlags& flags, const engine::Model& model,
                             engine::Session& session) {
  const engine::Graph& graph = model.graph();
  ordered_json json = {{"model", std::filesystem::path(flags.model.path).filename().string()},
                       {"precision", model.precision()},
                       {"isa", model.isa()},
                       {"nodes", graph.node_count()},
                       {"weight_bytes", model.weight_bytes()},
                       {"inputs", ordered_json::array()},
                       {"outputs", ordered_json::array()},
                       {"operators", ordered_json::object()},
                       {"passes", ordered_json::array()}};
  for (const auto& port : model.inputs()) json["inputs"].push_back(port_json(port));
  for (const auto& port : model.outputs()) json["outputs"].push_back(port_json(port));
  std::map<std::string, int> counts;
  for (const engine::NodeId id : graph.topological_order()) ++counts[graph.node(id).op_type];
  json["operators"] = counts;
  for (const auto& report : model.passes()) {
    json["passes"].push_back(pass_json(report, flags.explain));
  }
  auto shapes = model.input_shapes(flags.model.batch, flags.model.image_size);
  if (!shapes.ok()) {
    // Extents that were asked for and do not fit are an error; ones left open are only told.
    if (flags.model.image_size > 0 || flags.model.batch != 1) return shapes.error();
    json["plan"] = nullptr;
    json["plan_absent"] = shapes.error().message;
    return json;
  }
  LODE_TRY(const engine::PlanInfo plan, session.plan_info(*shapes));
  json["plan"] = plan_json(plan, flags.explain);
  return json;
}

std::string port_text(const ordered_json& port) {
  std::string extents;
  for (const auto& extent : port["shape"]) {
    if (!extents.empty()) extents += ',';
    extents += extent.is_string() ? extent.get<std::string>() : extent.dump();
  }
  return fmt::format("{} {}[{}]", port["name"].get<std::string>(), port["dtype"].get<std::string>(),
                     extents);
}

std::string refused_text(const ordered_json& report) {
  std::string text;
  for (const auto& refused : report.value("refused", ordered_json::array())) {
    text += fmt::format("               not {}: {}\n", refused["node"].get<std::string>(),
                        refused["why"].get<std::string>());
  }
  return text;
}

std::string plan_text(const ordered_json& json) {
  const ordered_json& plan = json["plan"];
  if (plan.is_null())
    return fmt::format("plan         {}\n", json["plan_absent"].get<std::string>());
  if (!plan["static"].get<bool>()) {
    return fmt::format(
        "plan         none: shapes depend on data at {}; runs in the reference "
        "executor, which allocates\n",
        plan["data_dependent_nodes"].dump());
  }
  std::string text;
  for (const auto& decision : plan["decisions"]) {
    text += fmt::format("decision     {:<22} {:>4} changes\n", decision["name"].get<std::string>(),
                        decision["changes"].get<std::int64_t>());
    text += refused_text(decision);
  }
  text += fmt::format("plan         {} steps, arena {}, packed weights {}\n\n",
                      plan["steps"].size(), format_bytes(plan["arena_bytes"].get<std::uint64_t>()),
                      format_bytes(plan["packed_weight_bytes"].get<std::uint64_t>()));
  std::size_t widest = 4;
  for (const auto& step : plan["steps"]) {
    widest = std::max(widest, std::min<std::size_t>(step["node"].get<std::string>().size(), 40));
  }
  for (const auto& step : plan["steps"]) {
    text +=
        fmt::format("  {:<{}} {:<18} {:<28} {:<18} {}\n", step["node"].get<std::string>(), widest,
                    step["op_type"].get<std::string>(), step["kernel"].get<std::string>(),
                    step["output_shape"].get<std::string>(), step["reason"].get<std::string>());
  }
  return text;
}

std::string as_text(const ordered_json& json) {
  std::string text = fmt::format(
      "model        {} ({}, weights {})\nisa cap      {}\n", json["model"].get<std::string>(),
      json["precision"].get<std::string>(), format_bytes(json["weight_bytes"].get<std::uint64_t>()),
      json["isa"].get<std::string>());
  for (const auto& port : json["inputs"]) text += fmt::format("input        {}\n", port_text(port));
  for (const auto& port : json["outputs"])
    text += fmt::format("output       {}\n", port_text(port));
  std::string operators;
  for (const auto& [op_type, count] : json["operators"].items()) {
    operators += fmt::format("{}{} {}", operators.empty() ? "" : ", ", op_type, count.get<int>());
  }
  text +=
      fmt::format("operators    {} after the passes: {}\n", json["nodes"].get<int>(), operators);
  for (const auto& pass : json.value("passes", ordered_json::array())) {
    text += fmt::format("pass         {:<22} {:>4} changes  {}\n", pass["name"].get<std::string>(),
                        pass["changes"].get<std::int64_t>(),
                        format_duration(pass["duration_ns"].get<std::int64_t>()));
    text += refused_text(pass);
  }
  return text + plan_text(json);
}

Result<int> inspect(const InspectFlags& flags) {
  LODE_TRY(const auto model, load_model(flags.model));
  if (flags.dump) {
    LODE_CHECK_OK(print(engine::dump(model->graph())));
    return kExitValid;
  }
  LODE_TRY(const auto session,
           engine::Session::create(model, {.threads = flags.model.threads, .cpus = {}}));
  LODE_TRY(const ordered_json json, collect(flags, *model, *session));
  LODE_CHECK_OK(print(flags.format == "json" ? json.dump(2) + "\n" : as_text(json)));
  return kExitValid;
}

}  // namespace

void add_model_inspect(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = model.add_subcommand("inspect", "operators, passes, plan and kernels");
  add_model_flags(*command, flags->model);
  add_extent_flags(*command, flags->model);
  command->add_flag("--explain", flags->explain, "say why a pass or a decision left a node alone");
  command->add_flag("--dump", flags->dump, "print the graph after the passes, a line a node");
  add_thread_flag(*command, flags->model);
  command->add_option("--format", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return inspect(*flags); }; });
}

}  // namespace lode::cli
