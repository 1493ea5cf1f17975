// Every system under test of this build, by name. A new one is a file and a line in sut_list.cc.
#pragma once

#include <atomic>
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

class SharedSamples;

/// What a run says of a SUT in a process of its own.
struct ProcessRequest {
  std::string command;      ///< an adapter's name or a command (sut/process/command.h)
  std::string model;        ///< path; "" if none is given
  std::string precision;    ///< "" if none is asked for
  std::string options;      ///< "a=1,b=2", in the process's own words
  std::string environment;  ///< "A=1,B=2"
  const SharedSamples* samples = nullptr;           ///< the library itself; outlives the SUT
  std::int64_t start_timeout_ns = 60'000'000'000;   ///< to get ready
  std::int64_t answer_timeout_ns = 60'000'000'000;  ///< for each batch
  std::int64_t spin_ns = 0;  ///< how long each side looks for a message before it blocks
  const std::atomic<bool>* interrupted = nullptr;  ///< set: give up what is waited for
};

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

  ProcessRequest process = {};  ///< threads, instances, batch and cpus count for it, too

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
