// The seeded sequences of a test: which samples are loaded together, and which of them each query
// asks for. They are those of MLPerf LoadGen to the number, so they rest on std::shuffle and
// std::uniform_int_distribution as libstdc++ has them.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "datasets/sample_library.h"
#include "loadgen/settings.h"
#include "loadgen/stream_rng.h"

namespace lode::loadgen {

/// The qsl stream: [0, count) shuffled and cut into sets of `set_size` (the last may be smaller).
/// Performance mode takes count = set_size and has one set; accuracy mode takes the whole library.
[[nodiscard]] std::vector<std::vector<SampleIndex>> make_loaded_sets(std::uint64_t count,
                                                                     std::uint64_t set_size,
                                                                     std::uint64_t seed);

/// The sets that a test loads one after the other: one in performance mode. The library is not
/// empty.
[[nodiscard]] std::vector<std::vector<SampleIndex>> loaded_sets(const Settings& settings,
                                                                const SampleLibrary& library);

/// The sample stream of the closed loops and of server. Each query takes `samples_per_query`
/// neighbours of the loaded set from a start (past the set's end it goes on at its begin):
///   performance  a start drawn as the settings' sample_order says, uniformly with replacement at
///                first hand; kUnique ends after every multiple of samples_per_query
///   accuracy     every multiple of samples_per_query once, in shuffled order; the set's last query
///                has what is left
class QueryStream {
 public:
  /// `loaded` must outlive the stream. Everything that is shuffled is shuffled here.
  QueryStream(std::span<const SampleIndex> loaded, std::uint64_t samples_per_query,
              const Settings& settings);

  /// The samples of the next query, valid until the next call; empty at the end, which accuracy
  /// mode and kUnique have. Does not allocate.
  [[nodiscard]] std::span<const SampleIndex> next();

 private:
  [[nodiscard]] std::span<const SampleIndex> take(std::uint64_t start, std::uint64_t count);

  std::span<const SampleIndex> loaded_;
  std::vector<SampleIndex> query_;
  SampleOrder order_;
  bool is_accuracy_;
  std::uint64_t same_index_;
  StreamRng rng_;
  std::uniform_int_distribution<> start_;
  std::vector<std::uint64_t> starts_;  ///< an order drawn in advance
  std::size_t next_start_ = 0;
};

/// Offline's rounds in performance mode with kPermutations.
class PermutationStream {
 public:
  /// `loaded` must outlive the stream.
  PermutationStream(std::span<const SampleIndex> loaded, const Settings& settings);
  /// The loaded set in its next order, valid until the next call.
  [[nodiscard]] std::span<const SampleIndex> next();

 private:
  std::span<const SampleIndex> loaded_;
  std::vector<SampleIndex> round_;
  StreamRng rng_;
};

/// Which samples of performance mode have their output kept: the two accuracy streams. Sample i is
/// kept if the i-th draw, shifted by an offset drawn once, is within the probability.
class OutputSampler {
 public:
  explicit OutputSampler(const Settings& settings);
  /// Of the next sample in order of issue.
  [[nodiscard]] bool next();

 private:
  double probability_;
  double offset_;
  StreamRng rng_;
  std::uniform_real_distribution<double> draw_{0.0, 1.0};
};

}  // namespace lode::loadgen
