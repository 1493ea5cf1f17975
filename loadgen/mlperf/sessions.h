// Which test an answer belongs to: ids name the test as well as the sample, so that several tests
// in one process do not see each other, and answers to a test that is over go nowhere.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "loadgen/mlperf/loadgen.h"
#include "loadgen/system_under_test.h"

namespace mlperf {

/// A place for one running test. ResponseId: slot in bits 56 to 63, generation in bits 40 to 55,
/// sample + 1 below.
class Sessions {
 public:
  static constexpr std::size_t kSlots = 256;
  static constexpr unsigned kSampleBits = 40;
  static constexpr unsigned kGenerationBits = 16;

  struct Open {
    std::size_t slot = kSlots;
    ResponseId base = 0;  ///< of the ids of this test
    [[nodiscard]] bool ok() const { return slot < kSlots; }
  };

  [[nodiscard]] static Sessions& instance();

  /// Takes a free slot; none are left if 256 tests run at once.
  [[nodiscard]] Open open(lode::loadgen::CompletionSink& sink);
  /// After it returns, no answer is being delivered and none will be; gives up after `limit_ns` and
  /// returns false if one is.
  [[nodiscard]] bool close(const Open& session, std::int64_t limit_ns);

  enum class Part : std::uint8_t { kFirstToken, kAnswer };

  /// Takes what a SUT says of samples to the tests that issued them; to those that are over it goes
  /// not.
  void deliver(Part part, QuerySampleResponse* responses, std::size_t count,
               const ResponseCallback& callback);

 private:
  struct alignas(64) Slot {
    std::atomic<bool> is_taken{false};
    std::atomic<std::uint64_t> generation{0};
    std::atomic<lode::loadgen::CompletionSink*> sink{nullptr};
    std::atomic<std::uint64_t> users{0};
  };

  std::array<Slot, kSlots> slots_;
};

/// Inside an OutputSink: the callback of the answer that is being taken, or null.
[[nodiscard]] const ResponseCallback* current_callback();

}  // namespace mlperf
