#include "loadgen/streams.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"

namespace lode::loadgen {
namespace {

/// 0, stride, 2 stride, ... below count, shuffled.
std::vector<std::uint64_t> shuffled_starts(std::uint64_t count, std::uint64_t stride, Rng& rng) {
  std::vector<std::uint64_t> starts;
  for (std::uint64_t start = 0; start < count; start += stride) starts.push_back(start);
  std::shuffle(starts.begin(), starts.end(), rng);
  return starts;
}

}  // namespace

std::vector<std::vector<SampleIndex>> make_loaded_sets(std::uint64_t count, std::uint64_t set_size,
                                                       std::uint64_t seed) {
  LODE_ASSERT(set_size > 0);
  Rng rng = make_rng(seed);
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

QueryStream::QueryStream(std::span<const SampleIndex> loaded, std::uint64_t samples_per_query,
                         const Settings& settings)
    : loaded_(loaded),
      query_(samples_per_query),
      mode_(settings.mode),
      rng_(make_rng(settings.sample_index_seed)),
      start_(0, static_cast<int>(loaded.size()) - 1) {
  LODE_ASSERT(!loaded.empty() && samples_per_query > 0);
  const std::uint64_t count = loaded.size();
  if (mode_ == Mode::kAccuracy) {
    unique_starts_ = shuffled_starts(count, samples_per_query, rng_);
    return;
  }
  // The reference shuffles two orders that this mode never asks for; their draws come first all
  // the same: one over the queries of the set, and one over the set (with the padding that lets
  // its last query run on) for each time that min_query_count goes round it.
  (void)shuffled_starts(count, samples_per_query, rng_);
  const std::uint64_t padded = count + samples_per_query - 1;
  for (std::uint64_t done = 0; done < settings.min_query_count; done += padded) {
    (void)shuffled_starts(padded, 1, rng_);
  }
}

std::span<const SampleIndex> QueryStream::take(std::uint64_t start, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    query_[i] = loaded_[start];
    if (++start == loaded_.size()) start = 0;
  }
  return {query_.data(), count};
}

std::span<const SampleIndex> QueryStream::next() {
  if (mode_ == Mode::kPerformance) {
    return take(static_cast<std::uint64_t>(start_(rng_)), query_.size());
  }
  if (next_unique_ == unique_starts_.size()) return {};
  const std::uint64_t start = unique_starts_[next_unique_++];
  return take(start, std::min<std::uint64_t>(query_.size(), loaded_.size() - start));
}

}  // namespace lode::loadgen
