// Every system under test of this build, by name. A new one is a file and a line in sut_list.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "datasets/sample_library.h"
#include "engine/runtime/session.h"
#include "loadgen/system_under_test.h"

namespace lode::sut {

/// What a run says of its SUT; each kind reads its own part.
struct SutRequest {
  std::string name = "engine";

  // engine
  std::shared_ptr<const engine::Model> model = nullptr;
  int threads = 1;          ///< of each instance
  int instances = 1;        ///< sessions that work side by side
  std::uint64_t batch = 1;  ///< the most samples in one engine call
  std::vector<int> cpus =
      {};  ///< instance i's worker t is pinned to cpus[(i x threads + t) % size]

  // delay
  std::string delay = "constant:1ms";  ///< sut/latency_distribution.h has the spelling
  int delay_workers = 1;               ///< samples that are in service at once
  std::uint64_t seed = 0;

  double slowdown = 0.0;  ///< above 0: whichever it is, made slower by this share (slowed_sut.h)
};

struct SutKind {
  std::string_view name;
  std::string_view doc;
  bool needs_model;
};

[[nodiscard]] std::span<const SutKind> sut_kinds();

/// A SUT over a library and a clock that outlive it. Usage errors name what does not fit.
[[nodiscard]] Result<std::unique_ptr<loadgen::SystemUnderTest>> make_sut(
    const SutRequest& request, const SampleLibrary& library, Clock& clock);

}  // namespace lode::sut
