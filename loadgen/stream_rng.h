// The random numbers of a test's streams.
#pragma once

#include <cstdint>
#include <random>

namespace lode::loadgen {

/// std::mt19937, number by number, with words of 32 bits where libstdc++'s are 64: each query
/// draws, and half the state is made twice as fast.
using StreamRng =
    std::mersenne_twister_engine<std::uint32_t, 32, 624, 397, 31, 0x9908b0dfU, 11, 0xffffffffU, 7,
                                 0x9d2c5680U, 15, 0xefc60000U, 18, 1812433253U>;

/// A stream seeded with `seed` modulo 2^32, as MLPerf LoadGen seeds its own.
[[nodiscard]] inline StreamRng make_stream_rng(std::uint64_t seed) {
  return StreamRng(static_cast<std::uint32_t>(seed));
}

}  // namespace lode::loadgen
