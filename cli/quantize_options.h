// The flags that say how to quantize, and the samples to look at.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/progress.h"
#include "quant/quantize.h"

namespace lode::cli {

/// As given: "" and nothing where a flag was left out.
struct QuantizeChoices {
  std::string scheme;
  std::string dataset;
  std::string calibration;
  std::optional<double> percentile;
  std::optional<double> momentum;
  std::string weights;
  std::string weight_symmetry;
  std::string weight_ranges;
  std::optional<int> weight_bits;
  std::string activation_symmetry;
  std::optional<double> scale_floor;
  std::string equalise;
  bool no_bias_correction = false;
  std::string rounding;
  std::optional<std::uint64_t> correction_samples;
  std::optional<std::uint64_t> calibration_samples;
  bool own_concat_scales = false;
  std::vector<std::string> float_nodes;
  std::string table;
  std::optional<std::uint64_t> report_samples;
  bool sensitivity = false;
  std::optional<double> target_sqnr;
  std::string target_top1_drop;
  std::uint64_t score_samples = 1000;
  int threads = 0;
};

void add_quantize_choices(CLI::App& command, QuantizeChoices& choices);

struct ResolvedChoices {
  const quant::Quantizer* quantizer = nullptr;
  quant::QuantizeOptions options;
  std::vector<std::pair<std::string, std::string>> settings;  ///< all that had an effect
};

/// The scheme's choices, then the flags'. A flag that means nothing for the precision is an error.
[[nodiscard]] Result<ResolvedChoices> resolve(const QuantizeChoices& choices,
                                              const std::string& precision);

/// A dataset with the indices that a quantizer may see.
struct Samples {
  std::unique_ptr<SampleLibrary> library;
  quant::SampleSet calibration;
  quant::SampleSet scored;  ///< labelled ones that are not for calibration; null library: none
};

/// Fails if the dataset has no /calibration indices.
[[nodiscard]] Result<Samples> open_samples(const QuantizeChoices& choices);

/// A line of progress with an ETA for each stage.
class StageProgress {
 public:
  [[nodiscard]] quant::StageSink sink();
  void finish() { line_.reset(); }

 private:
  std::string stage_;
  std::unique_ptr<Progress> line_;
};

}  // namespace lode::cli
