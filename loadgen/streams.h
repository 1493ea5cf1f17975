// The seeded sequences of a test: which samples are loaded together, and which of them each query
// asks for. They are those of MLPerf LoadGen to the number, so they rest on std::shuffle and
// std::uniform_int_distribution as libstdc++ has them.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "base/rng.h"
#include "datasets/sample_library.h"
#include "loadgen/settings.h"

namespace lode::loadgen {

/// The qsl stream: [0, count) shuffled and cut into sets of `set_size` (the last may be smaller).
/// Performance mode takes count = set_size and has one set; accuracy mode takes the whole library.
[[nodiscard]] std::vector<std::vector<SampleIndex>> make_loaded_sets(std::uint64_t count,
                                                                     std::uint64_t set_size,
                                                                     std::uint64_t seed);

/// The sample stream of the closed loops and of server. Each query takes `samples_per_query`
/// neighbours of the loaded set, from a start drawn uniformly with replacement (performance; past
/// the set's end it goes on at its begin), or from every multiple of samples_per_query once, in
/// shuffled order (accuracy; the set's last query has what is left).
class QueryStream {
 public:
  /// `loaded` must outlive the stream. Everything that is shuffled is shuffled here.
  QueryStream(std::span<const SampleIndex> loaded, std::uint64_t samples_per_query,
              const Settings& settings);

  /// The samples of the next query, valid until the next call; empty once accuracy mode has asked
  /// for all. Does not allocate.
  [[nodiscard]] std::span<const SampleIndex> next();

 private:
  [[nodiscard]] std::span<const SampleIndex> take(std::uint64_t start, std::uint64_t count);

  std::span<const SampleIndex> loaded_;
  std::vector<SampleIndex> query_;
  Mode mode_;
  Rng rng_;
  std::uniform_int_distribution<> start_;
  std::vector<std::uint64_t> unique_starts_;  ///< accuracy mode
  std::size_t next_unique_ = 0;
};

}  // namespace lode::loadgen
