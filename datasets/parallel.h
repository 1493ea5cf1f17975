// A loop over independent items on a few threads, for import: decoding is most of its time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace lode::datasets {

/// Calls work(i) for every i in [0, count), in no order, on up to `threads` threads of which the
/// caller is one. `work` does not throw.
template <typename Work>
void for_each_index(std::size_t count, unsigned threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto drain = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min<std::size_t>(threads, count); ++i) {
    helpers.emplace_back(drain);
  }
  drain();
}

/// Threads for import: what the machine has, up to a number that decoding can use.
[[nodiscard]] inline unsigned import_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 1U, 16U);
}

}  // namespace lode::datasets
