// Top-1 and top-5 of a classifier's outputs against a dataset's labels.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "datasets/sample_library.h"
#include "results/record/record.h"

namespace lode::run {

/// Scores samples as they are answered. A sample is top-1 if the first of its largest outputs is
/// the label's, and top-5 if fewer than five outputs are strictly larger than the label's: outputs
/// equal to the label's count for it, as in the common scoring scripts. So a sample that is top-1
/// is top-5, too.
class Scorer {
 public:
  /// `library` has labels and outlives the scorer.
  explicit Scorer(const SampleLibrary& library);

  /// `output`: the class scores as native f32. A second answer to a sample is not counted. Keeps
  /// the first error, after which nothing is scored, and returns it. One call at a time.
  Status add(SampleIndex index, std::span<const std::byte> output);

  /// What was scored so far; fails with the first output that could not be scored.
  [[nodiscard]] Result<record::Accuracy> result() const;

  /// The class with a sample's largest score; -1 if it was not scored.
  [[nodiscard]] std::int64_t predicted(SampleIndex index) const { return predicted_[index]; }

 private:
  Status score(SampleIndex index, std::span<const std::byte> output);

  const SampleLibrary& library_;
  std::vector<bool> seen_;
  std::vector<std::int64_t> predicted_;  ///< by index
  std::vector<float> scores_;
  record::Accuracy accuracy_;
  std::optional<Error> error_;
};

/// An error that names the first sample whose label is not in [0, classes).
[[nodiscard]] Status check_labels(const SampleLibrary& library, std::int64_t classes);

}  // namespace lode::run
