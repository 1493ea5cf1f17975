// One live line on a terminal for long work: bar, share, rate, ETA. Silent elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace lode::cli {

class Progress {
 public:
  /// `verb`: "importing"; `unit`: "images".
  Progress(std::string_view verb, std::string_view unit);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Clears the line.
  ~Progress();

  /// Redraws at most ten times a second.
  void update(std::uint64_t done, std::uint64_t total);

  /// Redraws with a line of the caller's, at most ten times a second.
  void show(std::string_view line);

 private:
  [[nodiscard]] bool due();
  void draw(std::string_view line);

  std::string verb_;
  std::string unit_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_{};
};

/// "████░░░░" of `width` cells for a share in [0,1].
[[nodiscard]] std::string progress_bar(double share, int width);

}  // namespace lode::cli
