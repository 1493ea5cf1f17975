// Reads single configuration values. Errors show the value and how to write it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode::config {

/// A whole number in [low, high].
[[nodiscard]] Status read_count(std::string_view text, std::uint64_t low, std::uint64_t high,
                                std::uint64_t& out);

/// A number from 0 to 1.
[[nodiscard]] Status read_fraction(std::string_view text, double& out);

/// A number above 0.
[[nodiscard]] Status read_positive(std::string_view text, double& out);

[[nodiscard]] Status read_duration(std::string_view text, std::int64_t& out_ns);

/// "512MiB", "1GB", "100kB", "5B" -> bytes. A bare number is an error.
[[nodiscard]] Status read_bytes(std::string_view text, std::uint64_t& out);

/// The shortest exact spelling that read_bytes takes: 1073741824 -> "1GiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

/// The shortest decimal spelling that reads back to the same double.
[[nodiscard]] std::string number_text(double value);

[[nodiscard]] Status read_path(std::string_view text, std::filesystem::path& out);

/// "0,1,4-7", in any order.
[[nodiscard]] Status read_cpu_list(std::string_view text, std::vector<int>& out);

/// One of `choices`.
[[nodiscard]] Status read_choice(std::string_view text, std::span<const std::string_view> choices,
                                 std::string& out);

}  // namespace lode::config
