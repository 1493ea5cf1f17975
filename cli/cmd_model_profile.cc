// `lode model profile`: where the time of a run goes, by layer or by kernel, beside what this
// machine could do at best.
#include <algorithm>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/units.h"
#include "cli/table.h"
#include "cli/timed_model.h"
#include "engine/runtime/machine_peak.h"
#include "engine/runtime/profiler.h"

namespace lode::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kPairsMin = 5;  ///< of a plain and a timed run

struct ProfileFlags {
  TimingFlags timing;
  std::string format = "text";
  std::string by = "layer";
  std::size_t top = 0;  ///< 0: all, in the order in which they run
};

/// A layer, or all layers of one kernel.
struct Row {
  std::string node;
  std::string op_type;
  std::string kernel;
  std::string reason;
  std::string output;
  std::size_t layers = 1;
  std::int64_t time_ns = 0;
  double flops = 0.0;
  double peak_seconds = 0.0;  ///< that these take at the peak
  double bytes = 0.0;
};

/// What a row means on this machine.
struct Rates {
  double share = 0.0;  ///< of the sum of all layers
  double flops_per_s = 0.0;
  double of_peak = 0.0;
  double bytes_per_s = 0.0;
  /// Which limit is the nearer one: "compute" or "memory".
  std::string_view bound;
};

struct Report {
  std::shared_ptr<const engine::Model> model;
  engine::Profile profile;
  engine::MachinePeak peak;
  std::vector<Row> layers;
  std::vector<Row> kernels;  ///< longest first

  [[nodiscard]] Rates rates(const Row& row) const;
  [[nodiscard]] double flops() const;
  /// Seconds of all layers' operations, each at the peak of its kind.
  [[nodiscard]] double seconds_at_peak() const;
};

Rates Report::rates(const Row& row) const {
  const double seconds = std::max(1e-9, static_cast<double>(row.time_ns) / 1e9);
  Rates rates;
  rates.share = static_cast<double>(row.time_ns) / static_cast<double>(profile.steps_ns);
  rates.flops_per_s = row.flops / seconds;
  rates.of_peak = row.peak_seconds / seconds;
  rates.bytes_per_s = row.bytes / seconds;
  const bool computes = row.peak_seconds > row.bytes / peak.read_bytes_per_s;
  rates.bound = computes ? "compute" : "memory";
  return rates;
}

double Report::flops() const {
  double sum = 0.0;
  for (const Row& row : layers) sum += row.flops;
  return sum;
}

double Report::seconds_at_peak() const {
  double sum = 0.0;
  for (const Row& row : layers) sum += row.peak_seconds;
  return sum;
}

void sort_by_time(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.time_ns > b.time_ns; });
}

std::vector<Row> layer_rows(const engine::Profile& profile, const engine::MachinePeak& peak) {
  std::vector<Row> rows;
  for (const engine::ProfiledStep& step : profile.steps) {
    rows.push_back({.node = step.info.node,
                    .op_type = step.info.op_type,
                    .kernel = step.info.kernel,
                    .reason = step.info.reason,
                    .output = step.info.output_shape.to_string(),
                    .time_ns = step.time_ns,
                    .flops = step.info.flops,
                    .peak_seconds = peak.seconds(step.info),
                    .bytes = static_cast<double>(step.info.bytes)});
  }
  return rows;
}

std::vector<Row> kernel_rows(const std::vector<Row>& layers) {
  std::map<std::string, Row> by_kernel;
  for (const Row& layer : layers) {
    const auto [entry, is_new] = by_kernel.try_emplace(layer.kernel);
    Row& row = entry->second;
    if (is_new) {
      row.kernel = layer.kernel;
      row.layers = 0;
    }
    ++row.layers;
    row.time_ns += layer.time_ns;
    row.flops += layer.flops;
    row.peak_seconds += layer.peak_seconds;
    row.bytes += layer.bytes;
  }
  std::vector<Row> rows;
  for (auto& [name, row] : by_kernel) rows.push_back(std::move(row));
  sort_by_time(rows);
  return rows;
}

Result<Report> measure(const ProfileFlags& flags) {
  Report report;
  LODE_TRY(TimedModel timed, make_timed_model(flags.timing));
  report.model = timed.model;
  LODE_TRY(report.peak,
           engine::measure_machine_peak(
               engine::parse_isa(timed.model->isa()).value_or(engine::best_isa()), timed.options));
  LODE_TRY(auto profiler, engine::Profiler::create(*timed.session, timed.inputs, timed.outputs));
  RealClock clock;
  const auto duration_ns = static_cast<std::int64_t>(flags.timing.seconds * 1e9);
  const std::int64_t begin_ns = clock.now_ns();
  for (std::size_t i = 0; i < kPairsMin || clock.now_ns() - begin_ns < duration_ns; ++i) {
    if (interrupt_flag()) return Error{ErrorKind::kInterrupted, "interrupted; nothing is printed"};
    LODE_CHECK_OK(profiler.run());
  }
  report.profile = profiler.result();
  report.layers = layer_rows(report.profile, report.peak);
  report.kernels = kernel_rows(report.layers);
  return report;
}

// ---- for scripts: plain numbers in base units

ordered_json row_json(const Report& report, const Row& row, bool is_layer) {
  const Rates rates = report.rates(row);
  ordered_json json;
  if (is_layer) json = {{"node", row.node}, {"op_type", row.op_type}};
  json["kernel"] = row.kernel;
  if (is_layer) json["output_shape"] = row.output;
  if (!is_layer) json["layers"] = row.layers;
  json["time_ns"] = row.time_ns;
  json["share"] = rates.share;
  json["flops"] = row.flops;
  json["flops_per_s"] = rates.flops_per_s;
  json["of_peak"] = rates.of_peak;
  json["bytes"] = row.bytes;
  json["bytes_per_s"] = rates.bytes_per_s;
  json["bound"] = rates.bound;
  if (is_layer) json["reason"] = row.reason;
  return json;
}

std::string as_json(const Report& report, const ProfileFlags& flags) {
  const engine::Profile& profile = report.profile;
  ordered_json json = {
      {"model", std::filesystem::path(flags.timing.model.path).filename().string()},
      {"precision", report.model->precision()},
      {"isa", report.model->isa()},
      {"batch", flags.timing.model.batch},
      {"threads", flags.timing.model.threads},
      {"peak",
       {{"kernel", report.peak.kernel},
        {"flops_per_s", report.peak.flops_per_s},
        {"byte_kernel", report.peak.byte_kernel},
        {"byte_ops_per_s", report.peak.byte_ops_per_s},
        {"pair_kernel", report.peak.pair_kernel},
        {"pair_flops_per_s", report.peak.pair_flops_per_s},
        {"read_bytes_per_s", report.peak.read_bytes_per_s}}},
      {"runs", profile.runs},
      {"run_ns", profile.run_ns},
      {"timed_run_ns", profile.timed_run_ns},
      {"layers_ns", profile.steps_ns},
      {"layers", ordered_json::array()},
      {"kernels", ordered_json::array()}};
  for (const Row& row : report.layers) json["layers"].push_back(row_json(report, row, true));
  for (const Row& row : report.kernels) json["kernels"].push_back(row_json(report, row, false));
  return json.dump(2) + "\n";
}

/// The columns are the members of row_json().
std::string as_csv(const Report& report, const std::vector<Row>& rows, bool is_layer) {
  Table table;
  for (const Row& row : rows) {
    const ordered_json json = row_json(report, row, is_layer);
    const bool is_first = table.columns.empty();
    std::vector<std::string> cells;
    for (const auto& [name, value] : json.items()) {
      if (is_first) table.columns.push_back({name});
      cells.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    }
    table.rows.push_back(std::move(cells));
  }
  return render_table(table, Format::kCsv);
}

// ---- for people

/// The last characters of a long name: the first ones tend to be those of all others too.
std::string shortened_name(const std::string& name) {
  constexpr std::size_t kColumns = 32;
  std::size_t shown = 0;
  for (std::size_t at = name.size(); at-- > 0;) {
    const bool is_start = (static_cast<unsigned char>(name[at]) & 0xc0U) != 0x80U;
    if (is_start && ++shown == kColumns && at > 0) return "…" + name.substr(at + 1);
  }
  return name;
}

std::string shortened_reason(const std::string& reason) {
  constexpr std::size_t kColumns = 60;
  const std::string_view cut = cut_to_columns(reason, kColumns);
  return cut.size() == reason.size() ? reason : std::string(cut) + "…";
}

Table text_table(const Report& report, const std::vector<Row>& rows, bool is_layer) {
  Table table;
  if (is_layer) {
    table.columns = {{"layer"}, {"op"}, {"kernel"}, {"output"}};
  } else {
    table.columns = {{"kernel"}, {"layers", true}};
  }
  for (const char* name : {"ms", "share", "GFLOP/s", "of peak", "MB", "GB/s"}) {
    table.columns.push_back({name, true});
  }
  table.columns.push_back({"bound"});
  if (is_layer) table.columns.push_back({"why"});
  for (const Row& row : rows) {
    const Rates rates = report.rates(row);
    std::vector<std::string> cells;
    if (is_layer) {
      cells = {shortened_name(row.node), row.op_type, row.kernel, row.output};
    } else {
      cells = {row.kernel, std::to_string(row.layers)};
    }
    const bool counts = row.flops > 0;
    cells.push_back(fmt::format("{:.3f}", static_cast<double>(row.time_ns) / 1e6));
    cells.push_back(fmt::format("{:.1f}%", 100 * rates.share));
    cells.push_back(counts ? fmt::format("{:.1f}", rates.flops_per_s / 1e9) : "-");
    cells.push_back(counts ? fmt::format("{:.1f}%", 100 * rates.of_peak) : "-");
    cells.push_back(fmt::format("{:.2f}", row.bytes / 1e6));
    cells.push_back(fmt::format("{:.1f}", rates.bytes_per_s / 1e9));
    cells.emplace_back(rates.bound);
    if (is_layer) cells.push_back(shortened_reason(row.reason));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string footer(const Report& report) {
  const engine::Profile& profile = report.profile;
  const auto of_run = [&](double ns) { return 100 * ns / static_cast<double>(profile.run_ns); };
  const double best_ns = report.seconds_at_peak() * 1e9;
  std::string text = fmt::format(
      "\n{} layers take {}, {:.1f}% of a run's {} (median of {} runs; under the clock {})\n",
      profile.steps.size(), format_duration(profile.steps_ns),
      of_run(static_cast<double>(profile.steps_ns)), format_duration(profile.run_ns), profile.runs,
      format_duration(profile.timed_run_ns));
  const engine::MachinePeak& peak = report.peak;
  text +=
      fmt::format("peak of {} {}: {:.1f} GFLOP/s ({}), ", peak.threads,
                  peak.threads == 1 ? "thread" : "threads", peak.flops_per_s / 1e9, peak.kernel);
  if (peak.pair_flops_per_s > 0) {
    text += fmt::format("{:.1f} GFLOP/s as pairs of bfloat16 ({}), ", peak.pair_flops_per_s / 1e9,
                        peak.pair_kernel);
  }
  text += fmt::format(
      "{:.1f} GOP/s of bytes ({}), reading {:.1f} GB/s; with each layer at the peak of its kind "
      "the model's {:.2f} GFLOP take {}, {:.1f}% of the run\n",
      peak.byte_ops_per_s / 1e9, peak.byte_kernel, peak.read_bytes_per_s / 1e9,
      report.flops() / 1e9, format_duration(static_cast<std::int64_t>(best_ns)), of_run(best_ns));
  return text;
}

Result<int> profile(const ProfileFlags& flags) {
  LODE_TRY(const Report report, measure(flags));
  const Format format = format_from_name(flags.format);
  const bool is_layer = flags.by == "layer";
  std::vector<Row> rows = is_layer ? report.layers : report.kernels;
  if (flags.top > 0) {
    sort_by_time(rows);
    rows.resize(std::min(rows.size(), flags.top));
  }
  std::string text;
  if (format == Format::kJson) {
    text = as_json(report, flags);
  } else if (format == Format::kCsv) {
    text = as_csv(report, rows, is_layer);
  } else {
    text = render_table(text_table(report, rows, is_layer), format) + footer(report);
  }
  LODE_CHECK_OK(print(text));
  return kExitValid;
}

}  // namespace

void add_model_profile(CLI::App& model, Invocation& invocation) {
  auto flags = std::make_shared<ProfileFlags>();
  CLI::App* command =
      model.add_subcommand("profile", "time of each layer beside the machine's peak");
  add_timing_flags(*command, flags->timing);
  command->add_option("--by", flags->by, "a row a layer or a kernel (default: layer)")
      ->check(CLI::IsMember({"layer", "kernel"}));
  command->add_option("--top", flags->top, "the slowest rows only; json has them all")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--format", flags->format, "text, json, csv or md")
      ->check(CLI::IsMember(format_names()));
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return profile(*flags); }; });
}

}  // namespace lode::cli
