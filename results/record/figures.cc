#include "results/record/figures.h"

#include <array>

namespace lode::record {
namespace {

bool is_performance(const Record& record) {
  return record.mode == "performance";
}

template <std::int64_t Distribution::*kMember>
std::optional<double> latency(const Record& record) {
  // Offline's one query is as long as the run.
  if (!is_performance(record) || record.scenario == "offline") return std::nullopt;
  if (!record.metrics.latency_ns.has_value()) return std::nullopt;
  return static_cast<double>(*record.metrics.latency_ns.*kMember);
}

std::optional<double> throughput(const Record& record) {
  const double rate = record.metrics.throughput_samples_per_s;
  return is_performance(record) && rate > 0.0 ? std::optional(rate) : std::nullopt;
}

std::optional<double> memory(const Record& record) {
  // A model in a process of its own counts where it is.
  const std::uint64_t bytes =
      record.resources.peak_rss_bytes + record.resources.sut_peak_rss_bytes.value_or(0);
  return bytes > 0 ? std::optional(static_cast<double>(bytes)) : std::nullopt;
}

template <double Accuracy::*kMember>
std::optional<double> accuracy(const Record& record) {
  if (!record.accuracy.has_value()) return std::nullopt;
  return *record.accuracy.*kMember;
}

using D = Distribution;
constexpr std::array kFigures = {
    Figure{"p50", FigureUnit::kNs, false, "median latency", latency<&D::p50>},
    Figure{"p90", FigureUnit::kNs, false, "latency", latency<&D::p90>},
    Figure{"p95", FigureUnit::kNs, false, "latency", latency<&D::p95>},
    Figure{"p97", FigureUnit::kNs, false, "latency", latency<&D::p97>},
    Figure{"p99", FigureUnit::kNs, false, "latency", latency<&D::p99>},
    Figure{"p99.9", FigureUnit::kNs, false, "latency", latency<&D::p99_9>},
    Figure{"mean", FigureUnit::kNs, false, "latency", latency<&D::mean>},
    Figure{"throughput", FigureUnit::kSamplesPerS, true, "samples answered a second", throughput},
    Figure{"memory", FigureUnit::kBytes, false, "peak memory of the process, and of its SUT's",
           memory},
    Figure{"top1", FigureUnit::kFraction, true, "accuracy", accuracy<&Accuracy::top1>},
    Figure{"top5", FigureUnit::kFraction, true, "accuracy", accuracy<&Accuracy::top5>},
};

}  // namespace

std::string_view unit_name(FigureUnit unit) {
  constexpr std::array<std::string_view, 4> kNames = {"ns", "samples/s", "bytes", "fraction"};
  return kNames[static_cast<std::size_t>(unit)];
}

std::span<const Figure> all_figures() {
  return kFigures;
}

const Figure* find_figure(std::string_view name) {
  for (const Figure& figure : kFigures) {
    if (figure.name == name) return &figure;
  }
  return nullptr;
}

std::string figure_names() {
  std::string names;
  for (const Figure& figure : kFigures) {
    if (!names.empty()) names += ", ";
    names += figure.name;
  }
  return names;
}

}  // namespace lode::record
