#include "loadgen/streams.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"

namespace lode::loadgen {
namespace {

/// The set (with the padding that lets its last query run on), shuffled for each time that
/// `queries` go round it. The reference draws this order and the one below, whichever is asked for.
std::vector<std::uint64_t> shuffled_rounds(std::uint64_t count, std::uint64_t padded,
                                           std::uint64_t queries, StreamRng& rng) {
  std::vector<std::uint64_t> rounds;
  std::vector<std::uint64_t> round(padded);
  std::iota(round.begin(), round.end(), std::uint64_t{0});
  for (std::uint64_t done = 0; done < queries; done += padded) {
    std::shuffle(round.begin(), round.end(), rng);
    for (const std::uint64_t start : round) rounds.push_back(start % count);
  }
  return rounds;
}

/// 0, stride, 2 stride, ... below count, shuffled.
std::vector<std::uint64_t> shuffled_starts(std::uint64_t count, std::uint64_t stride,
                                           StreamRng& rng) {
  std::vector<std::uint64_t> starts;
  for (std::uint64_t start = 0; start < count; start += stride) starts.push_back(start);
  std::shuffle(starts.begin(), starts.end(), rng);
  return starts;
}

}  // namespace

std::vector<std::vector<SampleIndex>> make_loaded_sets(std::uint64_t count, std::uint64_t set_size,
                                                       std::uint64_t seed) {
  LODE_ASSERT(set_size > 0);
  StreamRng rng = make_stream_rng(seed);
  std::vector<SampleIndex> samples(count);
  std::iota(samples.begin(), samples.end(), SampleIndex{0});
  std::shuffle(samples.begin(), samples.end(), rng);
  std::vector<std::vector<SampleIndex>> sets;
  for (std::uint64_t begin = 0; begin < count; begin += set_size) {
    const auto first = samples.begin() + static_cast<std::ptrdiff_t>(begin);
    const std::uint64_t size = std::min(set_size, count - begin);
    sets.emplace_back(first, first + static_cast<std::ptrdiff_t>(size));
  }
  return sets;
}

std::vector<std::vector<SampleIndex>> loaded_sets(const Settings& settings,
                                                  const SampleLibrary& library) {
  const std::uint64_t total = library.total_sample_count();
  std::uint64_t set_size = settings.performance_sample_count;
  if (set_size == 0) set_size = library.performance_sample_count();
  set_size = std::clamp<std::uint64_t>(set_size, 1, total);
  const std::uint64_t count = settings.mode == Mode::kPerformance ? set_size : total;
  return make_loaded_sets(count, set_size, settings.qsl_seed);
}

QueryStream::QueryStream(std::span<const SampleIndex> loaded, std::uint64_t samples_per_query,
                         const Settings& settings)
    : loaded_(loaded),
      query_(samples_per_query),
      order_(settings.sample_order),
      is_accuracy_(settings.mode == Mode::kAccuracy),
      same_index_(std::min<std::uint64_t>(settings.same_index, loaded.size() - 1)),
      rng_(make_stream_rng(settings.sample_index_seed)),
      start_(0, static_cast<int>(loaded.size()) - 1) {
  LODE_ASSERT(!loaded.empty() && samples_per_query > 0);
  const std::uint64_t count = loaded.size();
  if (is_accuracy_) {
    starts_ = shuffled_starts(count, samples_per_query, rng_);
    return;
  }
  // The reference ignores the setting in multi-stream.
  if (order_ == SampleOrder::kPermutations && settings.scenario == Scenario::kMultiStream) {
    order_ = SampleOrder::kRandom;
  }
  starts_ = shuffled_starts(count, samples_per_query, rng_);
  auto permutations =
      shuffled_rounds(count, count + samples_per_query - 1, settings.min_query_count, rng_);
  if (order_ == SampleOrder::kPermutations) starts_ = std::move(permutations);
}

/// `start` is within the loaded set.
std::span<const SampleIndex> QueryStream::take(std::uint64_t start, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    query_[i] = loaded_[start];
    if (++start == loaded_.size()) start = 0;
  }
  return {query_.data(), count};
}

std::span<const SampleIndex> QueryStream::next() {
  if (!is_accuracy_ && order_ == SampleOrder::kRandom) {
    return take(static_cast<std::uint64_t>(start_(rng_)), query_.size());
  }
  if (!is_accuracy_ && order_ == SampleOrder::kPermutations) {
    return take(starts_[next_start_++ % starts_.size()], query_.size());
  }
  if (!is_accuracy_ && order_ == SampleOrder::kSame) return take(same_index_, query_.size());
  if (next_start_ == starts_.size()) return {};
  const std::uint64_t start = starts_[next_start_++];
  if (!is_accuracy_) return take(start, query_.size());
  return take(start, std::min<std::uint64_t>(query_.size(), loaded_.size() - start));
}

PermutationStream::PermutationStream(std::span<const SampleIndex> loaded, const Settings& settings)
    : loaded_(loaded), round_(loaded.size()), rng_(make_stream_rng(settings.sample_index_seed)) {
  // Drawn and left, as in the reference, which counts offline's queries: one.
  (void)shuffled_starts(loaded.size(), 1, rng_);
  (void)shuffled_rounds(loaded.size(), loaded.size(), 1, rng_);
}

std::span<const SampleIndex> PermutationStream::next() {
  std::copy(loaded_.begin(), loaded_.end(), round_.begin());
  std::shuffle(round_.begin(), round_.end(), rng_);
  return round_;
}

OutputSampler::OutputSampler(const Settings& settings)
    : probability_(settings.accuracy_log_probability),
      rng_(make_stream_rng(settings.accuracy_log_seed)) {
  StreamRng offset_rng = make_stream_rng(settings.accuracy_log_seed);
  offset_ = draw_(offset_rng);
}

bool OutputSampler::next() {
  const double value = draw_(rng_) + offset_;
  return (value < 1.0 ? value : value - 1.0) <= probability_;
}

}  // namespace lode::loadgen
