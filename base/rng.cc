#include "base/rng.h"

#include <cmath>
#include <numbers>

#include "base/assert.h"

namespace lode {
namespace {

/// What splitmix64's counter goes up by.
constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15ULL;

/// splitmix64's finaliser.
std::uint64_t scramble(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

/// FNV-1a, 64 bits, then the finaliser: nearby seeds and names give unrelated streams.
std::uint64_t mix(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return scramble(seed + hash + kGoldenGamma);
}

}  // namespace

Rng make_rng(std::uint64_t seed) {
  return Rng(static_cast<Rng::result_type>(seed));
}

Rng make_rng(std::uint64_t seed, std::string_view name) {
  return make_rng(mix(seed, name));
}

std::uint32_t uniform_below(Rng& rng, std::uint32_t bound) {
  LODE_ASSERT(bound > 0);
  return static_cast<std::uint32_t>((std::uint64_t{rng()} * bound) >> 32);
}

float uniform_unit(Rng& rng) {
  return static_cast<float>(rng() >> 8) * 0x1p-24F;
}

float uniform_between(Rng& rng, float low, float high) {
  return low + (high - low) * uniform_unit(rng);
}

float standard_normal(Rng& rng) {
  const float radius = std::sqrt(-2.0F * std::log(1.0F - uniform_unit(rng)));
  return radius * std::cos(2.0F * std::numbers::pi_v<float> * uniform_unit(rng));
}

void fill_uniform(std::span<float> values, std::uint64_t seed, std::string_view name, float low,
                  float high) {
  const std::uint64_t start = mix(seed, name);
  const float width = high - low;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bits = scramble(start + (i + 1) * kGoldenGamma);
    // 24 bits convert exactly from a signed integer, which vectors can do.
    const float unit = static_cast<float>(static_cast<std::int32_t>(bits >> 40)) * 0x1p-24F;
    values[i] = low + width * unit;
  }
}

}  // namespace lode
