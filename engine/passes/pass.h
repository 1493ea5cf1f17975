// Graph rewrites, portable ones first. A pass is one file and one line in passes/pass_list.cc; it
// is verified after it ran, timed, and can be left out by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"

namespace lode::engine {

struct PassNote {
  std::string node;  ///< the node looked at
  std::string why;   ///< why the rewrite did not happen there, one clause
};

struct PassReport {
  std::string_view name;
  std::int64_t changes = 0;
  std::int64_t duration_ns = 0;
  std::vector<PassNote> refused;  ///< near misses, for `inspect --explain`
};

struct Pass {
  std::string_view name;    ///< "fuse_activation"
  std::string_view reason;  ///< what it buys and why it stands here in the order
  Status (*run)(Graph&, PassReport&);
  /// Changes what weights hold: runs only where PassOptions ask for this precision. "": always.
  std::string_view precision = {};
};

/// All portable passes in the order in which they run.
[[nodiscard]] std::span<const Pass> all_passes();

struct PassOptions {
  /// Names, those of ops/machine_pass.h included, which are somebody else's to heed; an unknown one
  /// is a usage error.
  std::vector<std::string> disabled;
  std::string stop_after;      ///< run no pass behind this one; "" runs all
  std::string precision = {};  ///< run the passes that bring weights to it, too: "fp16", ...
};

/// Runs the list, verifying the graph after each pass that changed it.
[[nodiscard]] Result<std::vector<PassReport>> optimise(Graph& graph, const PassOptions& options);

}  // namespace lode::engine
