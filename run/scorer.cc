#include "run/scorer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lode::run {
namespace {

Error label_out_of_range(SampleIndex index, std::int64_t label, std::int64_t classes) {
  return runtime_error(
      "sample {}: label {} is not one of the model's {} classes; the dataset does not fit the "
      "model",
      index, label, classes);
}

}  // namespace

Scorer::Scorer(const SampleLibrary& library)
    : library_(library),
      seen_(library.total_sample_count(), false),
      predicted_(library.total_sample_count(), -1) {}

Status Scorer::add(SampleIndex index, std::span<const std::byte> output) {
  if (error_.has_value()) return *error_;
  if (seen_[index]) return {};
  seen_[index] = true;
  const Status status = score(index, output);
  if (!status.ok()) error_ = status.error();
  return status;
}

Status check_labels(const SampleLibrary& library, std::int64_t classes) {
  for (SampleIndex index = 0; index < library.total_sample_count(); ++index) {
    const std::int64_t label = library.label(index);
    if (label < 0 || label >= classes) return label_out_of_range(index, label, classes);
  }
  return {};
}

Status Scorer::score(SampleIndex index, std::span<const std::byte> output) {
  if (output.empty() || output.size() % sizeof(float) != 0) {
    return runtime_error("sample {}: an output of {} bytes is not a list of f32 class scores",
                         index, output.size());
  }
  // The bytes come from anybody's memory and need not be aligned.
  scores_.resize(output.size() / sizeof(float));
  std::memcpy(scores_.data(), output.data(), output.size());
  const std::int64_t label = library_.label(index);
  if (label < 0 || label >= static_cast<std::int64_t>(scores_.size())) {
    return label_out_of_range(index, label, static_cast<std::int64_t>(scores_.size()));
  }
  if (std::any_of(scores_.begin(), scores_.end(), [](float score) { return std::isnan(score); })) {
    return runtime_error("sample {}: the output holds a NaN; it cannot be scored", index);
  }
  const auto largest = std::max_element(scores_.begin(), scores_.end());  // The first of equals.
  const float own = scores_[static_cast<std::size_t>(label)];
  const auto larger =
      std::count_if(scores_.begin(), scores_.end(), [own](float score) { return score > own; });
  constexpr std::ptrdiff_t kTop = 5;
  predicted_[index] = largest - scores_.begin();
  ++accuracy_.samples;
  if (largest - scores_.begin() == label) ++accuracy_.top1_correct;
  if (larger < kTop) ++accuracy_.top5_correct;
  return {};
}

Result<record::Accuracy> Scorer::result() const {
  if (error_.has_value()) return *error_;
  record::Accuracy accuracy = accuracy_;
  if (accuracy.samples > 0) {
    const auto samples = static_cast<double>(accuracy.samples);
    accuracy.top1 = static_cast<double>(accuracy.top1_correct) / samples;
    accuracy.top5 = static_cast<double>(accuracy.top5_correct) / samples;
  }
  return accuracy;
}

}  // namespace lode::run
