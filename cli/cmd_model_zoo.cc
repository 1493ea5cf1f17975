// `lode model zoo`: lists the networks that can be built, and builds one as an ONNX file.
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/model_options.h"
#include "cli/table.h"
#include "engine/onnx/export.h"
#include "models/zoo.h"

namespace lode::cli {
namespace {

using models::Costs;
using models::ZooEntry;
using nlohmann::ordered_json;

struct ZooFlags {
  std::string name;
  std::string output;
  std::string batch = "symbolic";
  std::string format = "text";
  models::ZooOptions options;
};

/// One entry with what it costs at the size and class count asked for.
struct Listed {
  const ZooEntry* entry;
  std::int64_t size;
  Costs costs;
};

ordered_json listed_json(const Listed& listed) {
  return {{"name", listed.entry->name},
          {"parameters", listed.costs.parameters},
          {"multiply_adds", listed.costs.multiply_adds},
          {"size", listed.size},
          {"exercises", listed.entry->exercises}};
}

/// Numbers with units for people in text and Markdown, plain ones in CSV.
std::string listed_table(std::span<const Listed> all, Format format) {
  const bool plain = format == Format::kCsv;
  const auto number = [plain](std::int64_t count) {
    return plain ? std::to_string(count) : format_rate(static_cast<double>(count));
  };
  Table table{{{"name"},
               {"parameters", true},
               {plain ? "multiply_adds" : "multiply-adds", true},
               {"size", true},
               {"exercises"}},
              {}};
  for (const Listed& listed : all) {
    table.rows.push_back({std::string(listed.entry->name), number(listed.costs.parameters),
                          number(listed.costs.multiply_adds), std::to_string(listed.size),
                          std::string(listed.entry->exercises)});
  }
  return render_table(table, format);
}

Result<Listed> look_up(const ZooEntry& entry, const models::ZooOptions& options) {
  LODE_TRY(const Costs costs, models::zoo_costs(entry, options));
  return Listed{&entry, options.size == 0 ? entry.default_size : options.size, costs};
}

Result<int> list(const ZooFlags& flags) {
  if (!flags.output.empty()) {
    return usage_error("--output {}: which model? Give its name; `lode model zoo` lists them",
                       flags.output);
  }
  std::vector<Listed> all;
  for (const ZooEntry& entry : models::zoo()) {
    LODE_TRY(const Listed listed, look_up(entry, flags.options));
    all.push_back(listed);
  }
  const Format format = format_from_name(flags.format);
  if (format != Format::kJson) {
    LODE_CHECK_OK(print(listed_table(all, format)));
    return kExitValid;
  }
  ordered_json json = ordered_json::array();
  for (const Listed& listed : all) json.push_back(listed_json(listed));
  LODE_CHECK_OK(print(json.dump(2) + "\n"));
  return kExitValid;
}

Result<int> build(ZooFlags flags) {
  LODE_TRY(const ZooEntry* entry, models::find_zoo_entry(flags.name));
  if (flags.output.empty()) {
    return usage_error("zoo model '{}': name the file to write with --output", flags.name);
  }
  if (flags.batch != "symbolic") {
    const auto batch = parse_integer(flags.batch, 1, 1'000'000);
    if (!batch.ok()) {
      return usage_error("--batch {}: is neither 'symbolic' nor a number from 1 to 1000000",
                         flags.batch);
    }
    flags.options.batch = *batch;
  }
  LODE_TRY(const Listed listed, look_up(*entry, flags.options));
  LODE_TRY(const engine::Graph graph, models::build_zoo_model(*entry, flags.options));
  LODE_CHECK_OK(engine::export_onnx(graph, flags.output));
  if (flags.format == "json") {
    ordered_json json = listed_json(listed);
    json["classes"] = flags.options.classes;
    json["seed"] = flags.options.seed;
    json["output"] = flags.output;
    LODE_CHECK_OK(print(json.dump(2) + "\n"));
    return kExitValid;
  }
  LODE_CHECK_OK(print(
      fmt::format("{}: {} at {}x{}, {} classes, seed {}: {} parameters, {} "
                  "multiply-adds an image\n",
                  flags.output, entry->name, listed.size, listed.size, flags.options.classes,
                  flags.options.seed, format_rate(static_cast<double>(listed.costs.parameters)),
                  format_rate(static_cast<double>(listed.costs.multiply_adds)))));
  return kExitValid;
}

}  // namespace

void add_model_zoo(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<ZooFlags>();
  CLI::App* command =
      model.add_subcommand("zoo", "list known networks, or build one with seeded weights");
  command->add_option("name", flags->name, "the network; without it, all are listed");
  command->add_option("-o,--output", flags->output, "the model to write, an ONNX file");
  command
      ->add_option("--size", flags->options.size,
                   "height and width of the image (default: the network's own)")
      ->check(CLI::Range(1, 65'536));
  command->add_option("--classes", flags->options.classes, "how many (default: 1000)")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--seed", flags->options.seed, "of the weights (default: 1)")
      ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
  command->add_option("--batch", flags->batch,
                      "samples in one call, or 'symbolic' for any number (default: symbolic)");
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback([flags, &invocation] {
    invocation.action = [flags] { return flags->name.empty() ? list(*flags) : build(*flags); };
  });
}

}  // namespace lode::cli
