// The one random number type. A stream is always made from a seed and a name, so that two streams
// of one run never coincide and a new stream never shifts an old one.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string_view>

namespace lode {

/// mt19937: what MLPerf LoadGen uses for its streams. A 64-bit seed counts modulo 2^32, as there.
using Rng = std::mt19937;

/// A stream seeded with exactly `seed` modulo 2^32: for streams whose values others rely on.
[[nodiscard]] Rng make_rng(std::uint64_t seed);

/// The stream called `name` of the run seeded with `seed`.
[[nodiscard]] Rng make_rng(std::uint64_t seed, std::string_view name);

/// Uniform in [0, bound), bound > 0: multiply-shift on 64 bits, the same on every standard library.
[[nodiscard]] std::uint32_t uniform_below(Rng& rng, std::uint32_t bound);

/// Uniform in [0, 1) with 24 bits, the same on every standard library.
[[nodiscard]] float uniform_unit(Rng& rng);

/// Uniform in [low, high).
[[nodiscard]] float uniform_between(Rng& rng, float low, float high);

/// Normal with mean 0 and deviation 1 (Box-Muller on uniform_unit).
[[nodiscard]] float standard_normal(Rng& rng);

/// Uniform in [low, high) with 24 bits: for millions of values at once. The stream is a counter
/// (splitmix64), another one than that of make_rng(seed, name): value i depends on seed, name and i
/// alone, to the last bit on every machine.
void fill_uniform(std::span<float> values, std::uint64_t seed, std::string_view name, float low,
                  float high);

}  // namespace lode
