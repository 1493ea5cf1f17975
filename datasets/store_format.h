// The names in a dataset file; dataset.h says what stands under them.
#pragma once

#include <cstdint>
#include <string_view>

namespace lode::datasets {

inline constexpr std::string_view kSchema = "lodestone.dataset/1";

inline constexpr std::string_view kSamples = "/samples";
inline constexpr std::string_view kLabels = "/labels";
inline constexpr std::string_view kIds = "/ids";
inline constexpr std::string_view kCalibration = "/calibration";

inline constexpr std::string_view kSchemaAttribute = "schema";
inline constexpr std::string_view kLayoutAttribute = "layout";
inline constexpr std::string_view kDtypeAttribute = "dtype";
inline constexpr std::string_view kColorAttribute = "color";
inline constexpr std::string_view kMeanAttribute = "mean";
inline constexpr std::string_view kStdAttribute = "std";
inline constexpr std::string_view kSourceAttribute = "source";
inline constexpr std::string_view kPreprocessingAttribute = "preprocessing";
inline constexpr std::string_view kDecoderAttribute = "decoder";
inline constexpr std::string_view kClassesAttribute = "classes";
inline constexpr std::string_view kLeftOutAttribute = "left_out";

inline constexpr std::string_view kNhwc = "nhwc";
inline constexpr std::string_view kNchw = "nchw";
inline constexpr std::string_view kRgb = "rgb";
inline constexpr std::string_view kGrey = "grey";

/// Sample indices fit the generator's 32-bit draws.
inline constexpr std::uint64_t kSamplesMax = UINT32_MAX;

}  // namespace lode::datasets
