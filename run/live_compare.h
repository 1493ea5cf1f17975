// Two configurations against each other now, in turn, until the interval is as narrow as wanted.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "config/run_config.h"
#include "results/compare/comparison.h"

namespace lode::run {

struct LiveRequest {
  std::array<std::string, 2> names;  ///< of the sides, as the table shows them
  std::array<config::ResolvedConfig, 2> configs;
  std::filesystem::path directory;  ///< keeps the runs, as first/rN and second/rN
  std::uint64_t rounds = 6;         ///< at least; each is two pairs of runs
  std::uint64_t max_rounds = 30;
  double interval = 0.0075;  ///< half width that every figure of `decisive` is to reach
  std::vector<const record::Figure*> decisive;
  std::int64_t cool_down_ns = 0;
  compare::Options options;  ///< `paired` is set
};

struct LiveProgress {
  std::uint64_t round = 0;  ///< from 1
  std::uint64_t runs = 0;   ///< made so far
  std::uint64_t rounds_max = 0;
  double half_width = -1.0;  ///< of the widest decisive figure; -1: not known yet
};

struct LiveHooks {
  const std::atomic<bool>* interrupted = nullptr;
  std::function<void(const LiveProgress&)> progress;  ///< before each run
};

struct LiveOutcome {
  compare::Comparison comparison;
  std::uint64_t rounds = 0;
  bool reached = true;  ///< the interval that was wanted
};

/// A round is A B B A or B A A B, as the seed decides: run by run two pairs, in which a drift of
/// the machine cancels. After `rounds` rounds it ends as soon as the interval of each decisive
/// figure reaches no further than `interval`, or than a tenth of the change, which is then beyond
/// doubt. The width hardly depends on the change seen, so that looking after each round does not
/// bias it (Y. Chow, H. Robbins, Annals of Mathematical Statistics 36 (1965) 457-462). A run
/// without record ends the comparison with its reason.
[[nodiscard]] Result<LiveOutcome> compare_live(const LiveRequest& request, const LiveHooks& hooks);

}  // namespace lode::run
