// The synthetic image task: labelled 32x32 RGB images of ten procedurally drawn classes, made from
// a seed alone. It needs no download, has as many samples as wanted, and is hard enough that
// accuracy means something.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lode::datasets {

inline constexpr int kSynthSize = 32;
inline constexpr int kSynthChannels = 3;
inline constexpr int kSynthClasses = 10;

/// The class names, kSynthClasses of them, indexed by label:
/// disc, ring, triangle, square, cross, star, crescent, arrow, stripes, checker.
[[nodiscard]] std::span<const std::string_view> synth_class_names();

/// Draws sample `index` of stream `seed`: a function of (seed, index) alone, so that any part of a
/// stream can be made in any order, and the same to the byte on every IEEE 754 machine.
/// pixels: kSynthSize * kSynthSize * kSynthChannels bytes, HWC, RGB, 0..255.
/// Returns the label, 0..kSynthClasses-1, drawn uniformly.
int synth_image(std::uint64_t seed, std::uint64_t index, std::span<std::uint8_t> pixels);

}  // namespace lode::datasets
