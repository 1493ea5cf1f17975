#include "cli/figure_text.h"

#include "base/units.h"
#include "config/values.h"

namespace lode::cli {
namespace {

using record::Figure;
using record::FigureUnit;

Result<double> parse_value(const Figure& figure, std::string_view text) {
  switch (figure.unit) {
    case FigureUnit::kNs: {
      LODE_TRY(const std::int64_t ns, parse_duration_ns(text));
      return static_cast<double>(ns);
    }
    case FigureUnit::kBytes: {
      std::uint64_t bytes = 0;
      LODE_CHECK_OK(config::read_bytes(text, bytes));
      return static_cast<double>(bytes);
    }
    case FigureUnit::kSamplesPerS:
      return parse_number(text);
    case FigureUnit::kFraction:
      break;
  }
  if (!text.ends_with('%')) return parse_number(text);
  LODE_TRY(const double percent, parse_number(text.substr(0, text.size() - 1)));
  return percent / 100.0;
}

/// "sut=engine,precision=fp32".
Result<std::vector<sweep::Named>> parse_baseline(std::string_view text) {
  std::vector<sweep::Named> baseline;
  // As for --set: values that hold commas are separated by semicolons.
  const char separator = text.find(';') == std::string_view::npos ? ',' : ';';
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, comma);
    const std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos || equals + 1 == part.size()) {
      return usage_error("--baseline: '{}' is no KEY=VALUE, as in precision=fp32", part);
    }
    baseline.push_back({std::string(part.substr(0, equals)), std::string(part.substr(equals + 1))});
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return baseline;
}

}  // namespace

std::string figure_text(const Figure& figure, double value) {
  switch (figure.unit) {
    case FigureUnit::kNs:
      return format_duration(static_cast<std::int64_t>(value + 0.5));
    case FigureUnit::kSamplesPerS:
      return fmt::format("{}/s", format_rate(value));
    case FigureUnit::kBytes:
      return format_bytes(static_cast<std::uint64_t>(value + 0.5));
    case FigureUnit::kFraction:
      break;
  }
  return fmt::format("{:.2f}%", value * 100.0);
}

Result<const Figure*> figure_from_name(std::string_view flag, std::string_view name) {
  const Figure* figure = record::find_figure(name);
  if (figure != nullptr) return figure;
  return usage_error("{}: '{}' is no figure; there are {}", flag, name, record::figure_names());
}

Result<std::vector<const Figure*>> figures_from_list(std::string_view flag, std::string_view text) {
  std::vector<const Figure*> figures;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    LODE_TRY(const Figure* figure, figure_from_name(flag, text.substr(0, comma)));
    figures.push_back(figure);
    if (comma == text.size()) return figures;
    text.remove_prefix(comma + 1);
  }
}

Result<double> parse_share(std::string_view flag, std::string_view text) {
  if (!text.ends_with('%')) {
    return usage_error("{}: '{}' is no share; write it with its sign, as in 3%", flag, text);
  }
  const auto percent = parse_number(text.substr(0, text.size() - 1));
  if (!percent.ok()) return percent.error().within(flag);
  constexpr double kMost = 1000.0;
  if (*percent < 0.0 || *percent > kMost) {
    return usage_error("{}: '{}' is not from 0% to {}%", flag, text, kMost);
  }
  return *percent / 100.0;
}

Result<sweep::Constraint> parse_constraint(std::string_view flag, const std::string& text) {
  const std::size_t at = text.find_first_of("<>");
  if (at == std::string::npos) {
    return usage_error("{}: '{}' is no bound; write one as in p99<15ms or throughput>100", flag,
                       text);
  }
  sweep::Constraint constraint{.below = text[at] == '<', .text = text};
  LODE_TRY(constraint.figure, figure_from_name(flag, std::string_view(text).substr(0, at)));
  const auto bound = parse_value(*constraint.figure, std::string_view(text).substr(at + 1));
  if (!bound.ok()) return bound.error().within(fmt::format("{}: {}", flag, text));
  constraint.bound = *bound;
  return constraint;
}

Result<sweep::Question> question_of(const sweep::Asked& asked) {
  sweep::Question question;
  if (asked.front != "none") {
    LODE_TRY(question.front, figures_from_list("--front", asked.front));
  }
  if (!asked.best.empty()) {
    LODE_TRY(question.best, figure_from_name("--best", asked.best));
  }
  for (const std::string& text : asked.where) {
    LODE_TRY(sweep::Constraint constraint, parse_constraint("--where", text));
    question.constraints.push_back(std::move(constraint));
  }
  LODE_TRY(question.baseline, parse_baseline(asked.baseline));
  if (question.best == nullptr && !question.constraints.empty()) {
    return usage_error("--where {} says which points may be the best; add --best FIGURE",
                       asked.where.front());
  }
  return question;
}

}  // namespace lode::cli
