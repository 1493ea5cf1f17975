// `lode model diff`: two models of one origin, layer beside layer: what the second gets wrong, and
// what time it takes for it.
#include <algorithm>
#include <cmath>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/model_options.h"
#include "cli/quantize_options.h"
#include "cli/table.h"
#include "datasets/dataset.h"
#include "engine/onnx/import.h"
#include "quant/compare.h"

namespace lode::cli {
namespace {

using nlohmann::ordered_json;

struct DiffFlags {
  std::string a;
  std::string b;
  std::string dataset;
  std::uint64_t samples = 16;
  std::size_t top = 0;
  bool result_only = false;
  int threads = 1;
  std::string format = "text";
};

struct Row {
  quant::ValueError error;
  std::int64_t ns_a = 0;
  std::int64_t ns_b = 0;
};

struct Diff {
  std::vector<Row> rows;  ///< worst first
  quant::Score score;
  std::int64_t ns_a = 0;  ///< of all layers
  std::int64_t ns_b = 0;
};

std::int64_t sum_of(const std::map<std::string, std::int64_t>& times) {
  std::int64_t sum = 0;
  for (const auto& [node, ns] : times) sum += ns;
  return sum;
}

std::int64_t time_of(const std::map<std::string, std::int64_t>& times, const std::string& node) {
  const auto found = times.find(node);
  return found == times.end() ? 0 : found->second;
}

Result<Diff> compare(const DiffFlags& flags) {
  LODE_TRY(const engine::Graph a, engine::import_onnx(flags.a));
  LODE_TRY(const engine::Graph b, engine::import_onnx(flags.b));
  LODE_TRY(const auto library, datasets::open_dataset(flags.dataset, 0));
  quant::SampleSet samples{library.get(), {}};
  const std::uint64_t count = std::min(flags.samples, library->total_sample_count());
  for (SampleIndex i = 0; i < count; ++i) samples.indices.push_back(i);
  StageProgress progress;
  const quant::StageSink sink = progress.sink();
  Diff diff;
  LODE_TRY(diff.score, quant::score(a, b, samples, flags.threads, "score", sink));
  if (flags.result_only) return diff;
  LODE_TRY(const auto errors, quant::compare_values(a, b, samples, flags.threads, sink));
  LODE_TRY(const auto times_a, quant::time_layers(a, samples, flags.threads));
  LODE_TRY(const auto times_b, quant::time_layers(b, samples, flags.threads));
  diff.ns_a = sum_of(times_a);
  diff.ns_b = sum_of(times_b);
  for (const quant::ValueError& error : errors) {
    if (error.signal == 0.0 && error.noise == 0.0) continue;
    diff.rows.push_back({error, time_of(times_a, error.node), time_of(times_b, error.node)});
  }
  std::stable_sort(diff.rows.begin(), diff.rows.end(), [](const Row& x, const Row& y) {
    return x.error.sqnr_db() < y.error.sqnr_db();
  });
  if (flags.top > 0 && diff.rows.size() > flags.top) diff.rows.resize(flags.top);
  return diff;
}

std::string db(double value) {
  return std::isinf(value) ? "exact" : fmt::format("{:.1f}", value);
}

/// "-" of a layer that has no step of its own: another one does its work.
std::string time_text(std::int64_t ns) {
  return ns > 0 ? format_duration(ns) : "-";
}

std::string ratio_text(std::int64_t a, std::int64_t b) {
  if (a <= 0 || b <= 0) return "-";
  return fmt::format("{:.2f}", static_cast<double>(b) / static_cast<double>(a));
}

std::string as_json(const DiffFlags& flags, const Diff& diff) {
  ordered_json json = {
      {"a", flags.a},
      {"b", flags.b},
      {"samples", diff.score.samples},
      {"agreed", diff.score.agreed},
      {"sqnr_db",
       std::isinf(diff.score.sqnr_db) ? ordered_json(nullptr) : ordered_json(diff.score.sqnr_db)},
      {"mean_kl_nats", diff.score.mean_kl},
      {"labelled", diff.score.labelled},
      {"top1_a", diff.score.top1_a},
      {"top1_b", diff.score.top1_b},
      {"ns_a", diff.ns_a},
      {"ns_b", diff.ns_b},
      {"layers", ordered_json::array()}};
  for (const Row& row : diff.rows) {
    const double sqnr = row.error.sqnr_db();
    json["layers"].push_back(
        {{"node", row.error.node},
         {"op_type", row.error.op_type},
         {"sqnr_db", std::isinf(sqnr) ? ordered_json(nullptr) : ordered_json(sqnr)},
         {"largest_error", row.error.largest},
         {"ns_a", row.ns_a},
         {"ns_b", row.ns_b}});
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string as_table(const Diff& diff, Format format) {
  Table table{{{"layer"},
               {"operator"},
               {"SQNR dB", true},
               {"largest error", true},
               {"time A", true},
               {"time B", true},
               {"B/A", true}},
              {}};
  for (const Row& row : diff.rows) {
    table.rows.push_back({row.error.node, row.error.op_type, db(row.error.sqnr_db()),
                          fmt::format("{:.3g}", row.error.largest), time_text(row.ns_a),
                          time_text(row.ns_b), ratio_text(row.ns_a, row.ns_b)});
  }
  table.rows.push_back({"result", "", db(diff.score.sqnr_db), "", time_text(diff.ns_a),
                        time_text(diff.ns_b), ratio_text(diff.ns_a, diff.ns_b)});
  return render_table(table, format);
}

Result<int> run_diff(const DiffFlags& flags) {
  LODE_TRY(const Diff diff, compare(flags));
  const Format format = format_from_name(flags.format);
  if (format == Format::kJson) {
    LODE_CHECK_OK(print(as_json(flags, diff)));
    return kExitValid;
  }
  std::string text = as_table(diff, format);
  if (format == Format::kText) {
    text += fmt::format("top-1 of {} of {} samples is the same; KL {:.2e} nats\n",
                        diff.score.agreed, diff.score.samples, diff.score.mean_kl);
    if (diff.score.labelled > 0) {
      text += fmt::format("top-1 is right on {} in A, {} in B, of {}\n", diff.score.top1_a,
                          diff.score.top1_b, diff.score.labelled);
    }
  }
  LODE_CHECK_OK(print(text));
  return kExitValid;
}

}  // namespace

void add_model_diff(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<DiffFlags>();
  CLI::App* command = model.add_subcommand(
      "diff", "error and time of one model beside another's, worst layer first");
  command->add_option("a", flags->a, "the model to compare with, an ONNX file")->required();
  command->add_option("b", flags->b, "the model to judge, made from the same one")->required();
  command->add_option("--dataset", flags->dataset, "samples to run both on")->required();
  command->add_option("--samples", flags->samples, "how many of them (default: 16)")
      ->check(CLI::Range(1, 100'000'000));
  command->add_option("--top", flags->top, "show the worst so many only");
  command->add_flag("--result-only", flags->result_only, "compare the results, not the layers");
  command->add_option("--threads", flags->threads, "threads of the engine (default: 1)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return run_diff(*flags); }; });
}

}  // namespace lode::cli
