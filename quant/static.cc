// int8-static: the stages in their order.
#include <algorithm>
#include <cmath>

#include "engine/passes/rewrite.h"
#include "quant/convert.h"
#include "quant/prepare.h"
#include "quant/quantize.h"

namespace lode::quant {

namespace {

using engine::Graph;

/// A sample says much of a layer's error.
constexpr std::size_t kSensitivitySamples = 8;

/// What layers are quantized in.
struct Basis {
  Graph graph;                     ///< in float: prepared, then equalised
  std::vector<Range> ranges = {};  ///< by ValueId
  std::optional<EqualiseReport> equalisation = {};
  std::optional<CalibrationTable> table = {};
};

struct Attempt {
  Placement placement;
  Encoding encoding;
  Graph converted;
  std::optional<CorrectionReport> correction;
};

class StaticQuantizer {
 public:
  StaticQuantizer(Graph graph, const QuantizeOptions& options, const QuantizeData& data)
      : basis_{.graph = std::move(graph)}, options_(options), data_(data) {}

  Result<Quantized> run() {
    LODE_CHECK_OK(check());
    costs_.begin("load");
    LODE_CHECK_OK(prepare(basis_.graph));
    LODE_TRY(const Placement whole, place(basis_.graph, placement_options({})));
    if (quantized_layers(basis_.graph, whole).empty()) return nothing_to_do(whole);
    LODE_TRY(Attempt first, attempt_equalised_or_not(whole));
    LODE_TRY(Attempt best, attempt_until_good(std::move(first)));
    costs_.begin("report");
    LODE_CHECK_OK(describe(best));
    costs_.end();
    report_.stages = costs_.costs();
    return Quantized{std::move(best.converted), std::move(report_)};
  }

 private:
  [[nodiscard]] bool has_samples() const {
    return data_.calibration.library != nullptr && !data_.calibration.indices.empty();
  }

  [[nodiscard]] bool corrects() const {
    return options_.correct_biases || options_.feedback_rounding;
  }

  /// Ranges of equalised activations are none of others.
  Status check_table(const CalibrationTable& table) const {
    if (options_.equalise != Toggle::kAuto &&
        table.equalised != (options_.equalise == Toggle::kOn)) {
      return usage_error(
          "the calibration table is of a model that was {}equalised, and --equalise is {}: say "
          "--equalise auto, or calibrate anew",
          table.equalised ? "" : "not ", options_.equalise == Toggle::kOn ? "on" : "off");
    }
    if (table.equalised && !has_samples()) {
      return usage_error(
          "the calibration table is of a model that was equalised, which takes samples: name the "
          "--dataset that the table is of");
    }
    return {};
  }

  Status check() const {
    if (options_.table) LODE_CHECK_OK(check_table(*options_.table));
    const bool wants_target = options_.target_sqnr_db || options_.target_top1_drop;
    if (!has_samples()) {
      if (!options_.table) {
        return usage_error(
            "int8-static needs calibration samples: name a dataset with --dataset, whose "
            "/calibration holds indices, or ranges with --calibration-table");
      }
      if (corrects() || wants_target || options_.rank_layers) {
        return usage_error(
            "a calibration table alone has no samples for correction, targets or sensitivity: name "
            "a --dataset too, or leave them out (--no-bias-correction --rounding "
            "nearest)");
      }
    }
    if (options_.target_top1_drop && data_.scored.library == nullptr) {
      return usage_error("--target-top1-drop needs a dataset with labels");
    }
    return {};
  }

  [[nodiscard]] PlacementOptions placement_options(std::set<std::string> fallbacks) const {
    PlacementOptions options{.float_nodes = options_.float_nodes,
                             .fallback_nodes = std::move(fallbacks),
                             .share_concat_scales = options_.share_concat_scales};
    return options;
  }

  /// All layers quantized: equalised where that is asked for or the table is; where neither is
  /// said, whichever is nearer to the float model on the calibration samples.
  Result<Attempt> attempt_equalised_or_not(const Placement& whole) {
    if (options_.table || options_.equalise != Toggle::kAuto) {
      const bool is_wanted =
          options_.table ? options_.table->equalised : options_.equalise == Toggle::kOn;
      if (is_wanted) LODE_CHECK_OK(equalise_basis(whole));
      return attempt_whole(whole);
    }
    LODE_TRY(Attempt unchanged, attempt_whole(whole));
    Basis plain = basis_;
    LODE_CHECK_OK(equalise_basis(whole));
    if (basis_.equalisation->joints > 0) {
      LODE_TRY(Attempt equalised, attempt_whole(whole));
      EqualiseChoice choice;
      LODE_TRY(choice.unchanged, choice_score(plain.graph, unchanged));
      LODE_TRY(choice.equalised, choice_score(plain.graph, equalised));
      report_.equalise_choice = choice;
      if (choice.equalised.mean_kl < choice.unchanged.mean_kl) return equalised;
    }
    basis_ = std::move(plain);
    return unchanged;
  }

  Status equalise_basis(const Placement& whole) {
    costs_.begin("equalise");
    LODE_TRY(basis_.equalisation,
             equalise(basis_.graph, whole, options_.encoding.weights.granularity, data_.calibration,
                      options_.threads, data_.progress));
    return {};
  }

  Result<Attempt> attempt_whole(const Placement& whole) {
    costs_.begin("calibrate");
    LODE_CHECK_OK(find_ranges(whole));
    return attempt({});
  }

  Result<Score> choice_score(const Graph& reference, const Attempt& made) {
    costs_.begin("choose");
    return score(reference, made.converted, data_.calibration.first(options_.correction_samples),
                 options_.threads, "choose", data_.progress);
  }

  static Error nothing_to_do(const Placement& placement) {
    if (placement.kept_float.empty()) return runtime_error("there is no Conv, Gemm or MatMul");
    return runtime_error("no layer can be quantized: '{}': {}", placement.kept_float.front().node,
                         placement.kept_float.front().why);
  }

  Status find_ranges(const Placement& placement) {
    CalibrationTable table;
    if (options_.table) {
      LODE_CHECK_OK(take_ranges(placement, *options_.table));
      table = *options_.table;
    } else {
      LODE_TRY(const ObserverDef* method, find_observer(options_.calibration));
      const ObserverOptions observing{
          .is_symmetric = options_.encoding.activations != Symmetry::kAsymmetric,
          .percentile = options_.percentile,
          .momentum = options_.momentum};
      LODE_TRY(Calibration calibration,
               calibrate(basis_.graph, placement, data_.calibration, *method, observing,
                         options_.threads, data_.progress));
      basis_.ranges = std::move(calibration.ranges);
      table.method = method->name;
      table.samples = data_.calibration.indices.size();
      table.equalised = basis_.equalisation.has_value();
    }
    table.ranges.clear();
    // Not of all values: equalisation may have added constants, of which the placement knows
    // nothing.
    for (const engine::ValueId id : quantized_values(basis_.graph, placement)) {
      table.ranges[basis_.graph.value(id).name] = basis_.ranges[static_cast<std::size_t>(id)];
    }
    basis_.table = std::move(table);
    return {};
  }

  Status take_ranges(const Placement& placement, const CalibrationTable& table) {
    basis_.ranges.resize(basis_.graph.value_capacity());
    std::size_t used = 0;
    for (const engine::ValueId id : quantized_values(basis_.graph, placement)) {
      const auto found = table.ranges.find(basis_.graph.value(id).name);
      if (found == table.ranges.end()) {
        return runtime_error("the calibration table has no range for '{}': it is of another model",
                             basis_.graph.value(id).name);
      }
      basis_.ranges[static_cast<std::size_t>(id)] = found->second;
      ++used;
    }
    if (used == table.ranges.size()) return {};
    for (const auto& [name, range] : table.ranges) {
      if (!names_quantized(placement, name)) {
        return runtime_error(
            "the calibration table has a range for '{}', which the model does not "
            "quantize: it is of another model",
            name);
      }
    }
    return {};
  }

  [[nodiscard]] bool names_quantized(const Placement& placement, std::string_view name) const {
    const std::vector<engine::ValueId> values = quantized_values(basis_.graph, placement);
    return std::any_of(values.begin(), values.end(),
                       [&](engine::ValueId id) { return basis_.graph.value(id).name == name; });
  }

  Result<Attempt> attempt(std::set<std::string> fallbacks) {
    Attempt made;
    costs_.begin("convert");
    LODE_TRY(made.placement, place(basis_.graph, placement_options(std::move(fallbacks))));
    LODE_TRY(made.encoding, encode(basis_.graph, made.placement, basis_.ranges, options_.encoding));
    if (corrects()) {
      costs_.begin("correct");
      const CorrectionOptions correction{.biases = options_.correct_biases,
                                         .feedback = options_.feedback_rounding,
                                         .weights = options_.encoding.weights,
                                         .threads = options_.threads};
      LODE_TRY(made.correction, correct_biases(basis_.graph, made.placement, made.encoding,
                                               data_.calibration.first(options_.correction_samples),
                                               correction, data_.progress));
      costs_.begin("convert");
    }
    made.converted = basis_.graph;
    LODE_CHECK_OK(convert_to_qdq(made.converted, made.placement, made.encoding));
    return made;
  }

  /// Whether the targets are met.
  Result<bool> is_good(const Attempt& made) {
    costs_.begin("score");
    if (options_.target_sqnr_db) {
      LODE_TRY(const Score result, score(basis_.graph, made.converted, data_.calibration,
                                         options_.threads, "score", data_.progress));
      if (result.sqnr_db < *options_.target_sqnr_db) return false;
    }
    if (options_.target_top1_drop) {
      LODE_TRY(report_.target_score, score(basis_.graph, made.converted, data_.scored,
                                           options_.threads, "score", data_.progress));
      const Score& result = *report_.target_score;
      const double lost = static_cast<double>(result.top1_a) - static_cast<double>(result.top1_b);
      if (result.labelled == 0) return Error{usage_error("--target-top1-drop needs labels")};
      if (lost / static_cast<double>(result.labelled) > *options_.target_top1_drop) return false;
    }
    return true;
  }

  /// With as few layers in float as the targets allow: doubling their number until it is enough,
  /// then halving the last step.
  Result<Attempt> attempt_until_good(Attempt best) {
    const bool has_target = options_.target_sqnr_db || options_.target_top1_drop;
    if (has_target || options_.rank_layers) {
      costs_.begin("sensitivity");
      LODE_TRY(report_.sensitivity, rank_layers(basis_.graph, basis_.ranges, options_.encoding,
                                                data_.calibration.first(kSensitivitySamples),
                                                options_.threads, data_.progress));
    }
    if (!has_target) return best;
    LODE_TRY(bool good, is_good(best));
    std::size_t too_few = 0;
    std::size_t enough = 0;
    while (!good) {
      if (enough == report_.sensitivity.size()) return target_missed();
      too_few = enough;
      enough = std::min(report_.sensitivity.size(), std::max<std::size_t>(1, enough * 2));
      LODE_TRY(best, attempt(worst(enough)));
      LODE_TRY(good, is_good(best));
    }
    while (enough - too_few > 1) {
      const std::size_t middle = (too_few + enough) / 2;
      LODE_TRY(Attempt fewer, attempt(worst(middle)));
      LODE_TRY(good, is_good(fewer));
      (good ? enough : too_few) = middle;
      if (good) best = std::move(fewer);
    }
    LODE_TRY(good, is_good(best));  // leaves the score of what is returned
    return best;
  }

  [[nodiscard]] std::set<std::string> worst(std::size_t count) const {
    std::set<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.insert(report_.sensitivity[i].node);
    return names;
  }

  [[nodiscard]] Error target_missed() const {
    return runtime_error("the target is not met even with all {} layers in float",
                         report_.sensitivity.size());
  }

  Status describe(const Attempt& made) {
    report_.precision = "int8-static";
    report_.equalisation = basis_.equalisation;
    report_.table = basis_.table;
    report_.kept_float = made.placement.kept_float;
    report_.correction = made.correction;
    const std::vector<Layer> layers = quantized_layers(basis_.graph, made.placement);
    report_.layers_quantized = static_cast<std::int64_t>(layers.size());
    std::map<std::string, double> sqnr;
    if (has_samples() && options_.report_samples > 0) {
      const SampleSet samples = data_.calibration.first(options_.report_samples);
      LODE_TRY(report_.codes, measure_codes(basis_.graph, made.placement, made.encoding, samples,
                                            options_.threads, data_.progress));
      LODE_TRY(const auto errors, compare_values(basis_.graph, made.converted, samples,
                                                 options_.threads, data_.progress));
      for (const ValueError& error : errors) sqnr[error.node] = error.sqnr_db();
      LODE_TRY(report_.score, score(basis_.graph, made.converted, samples, options_.threads,
                                    "report", data_.progress));
    }
    for (const Layer& layer : layers) {
      const engine::Node& node = basis_.graph.node(layer.node);
      const LayerEncoding& own = made.encoding.layers.at(layer.node);
      report_.layers.push_back({.node = node.name,
                                .op_type = node.op_type,
                                .sqnr_db = sqnr.contains(node.name) ? sqnr[node.name] : NAN,
                                .weight_sqnr_db = weight_sqnr(layer, own),
                                .is_widened = own.is_widened});
    }
    return {};
  }

  static double weight_sqnr(const Layer& layer, const LayerEncoding& own) {
    const engine::Tensor decoded = own.weights.decode();
    const auto wanted = layer.weights.as<float>();
    const auto got = decoded.as<float>();
    double signal = 0.0;
    double noise = 0.0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double error = double{got[i]} - wanted[i];
      signal += double{wanted[i]} * wanted[i];
      noise += error * error;
    }
    return decibels(signal, noise);
  }

  Basis basis_;
  const QuantizeOptions& options_;
  const QuantizeData& data_;
  QuantizeReport report_;
  StageCosts costs_;
};

}  // namespace

Result<Quantized> quantize_static(Graph graph, const QuantizeOptions& options,
                                  const QuantizeData& data) {
  return StaticQuantizer(std::move(graph), options, data).run();
}

}  // namespace lode::quant
