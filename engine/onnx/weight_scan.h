// A model's message without its weights: they are most of the file, and a parser that owns what it
// parses would hold them once more. Private to this folder.
#pragma once

#include <google/protobuf/io/zero_copy_stream.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lode::engine {

/// Where raw data lies in the file.
struct RawRange {
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
};

struct WeightScan {
  std::string rest;  ///< the message, the large raw_data of its graph's initialisers left out
  std::vector<std::optional<RawRange>> initialisers;  ///< by position: what was left out
};

/// Copies the ModelProto of `size` bytes that `stream` begins with, but for raw_data of kLargeBytes
/// or more. Nothing where the bytes are no message or say a thing twice: parsing them as they are
/// tells what they mean, or what is wrong.
[[nodiscard]] std::optional<WeightScan> scan_weights(
    google::protobuf::io::ZeroCopyInputStream& stream, std::int64_t size);

inline constexpr int kLargeBytes = 4096;

}  // namespace lode::engine
