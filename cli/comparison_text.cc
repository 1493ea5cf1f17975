#include "cli/comparison_text.h"

#include "base/units.h"
#include "cli/figure_text.h"

namespace lode::cli {
namespace {

using compare::AccuracyRow;
using compare::Comparison;
using compare::Mark;
using compare::Row;
using stats::Estimate;

std::string_view mark_sign(Mark mark) {
  switch (mark) {
    case Mark::kSame:
      return "✓";
    case Mark::kWatch:
      return "!";
    case Mark::kUnknown:
      return "?";
    case Mark::kRefused:
      break;
  }
  return "✗";
}

std::string checks_line(const Comparison& comparison) {
  std::string line;
  for (const compare::Check& check : comparison.checks) {
    if (!line.empty()) line += "  ";
    line += fmt::format("{} {} {}", check.name, check.value, mark_sign(check.mark));
  }
  return line + "\n";
}

bool has_interval(const Estimate& estimate) {
  return estimate.method != stats::IntervalMethod::kNone;
}

std::string with_interval(const record::Figure& figure, const Estimate& estimate) {
  std::string text = figure_text(figure, estimate.value);
  if (!has_interval(estimate)) return text;
  return fmt::format("{} [{}, {}]", text, figure_text(figure, estimate.lower),
                     figure_text(figure, estimate.upper));
}

std::string ratio_text(const Estimate& ratio) {
  std::string text = fmt::format("{:.3f}x", ratio.value);
  if (has_interval(ratio)) text += fmt::format(" [{:.3f}, {:.3f}]", ratio.lower, ratio.upper);
  return text;
}

std::string p_text(double p) {
  return p < 0.001 ? "<.001" : fmt::format("{:.3f}", p);
}

/// "top-1", which is how people write it.
std::string accuracy_difference(const AccuracyRow& row) {
  if (!row.test.has_value()) {
    return fmt::format("{:+.2f}pp", (row.second - row.first) * 100.0);
  }
  return fmt::format("{:+.2f}pp [{:+.2f}, {:+.2f}]", row.test->difference * 100.0,
                     row.test->lower * 100.0, row.test->upper * 100.0);
}

Table people_table(const Comparison& comparison) {
  const std::string interval = fmt::format(" [{:g}% CI]", comparison.options.confidence * 100.0);
  Table table{{{"figure"},
               {comparison.first + interval},
               {comparison.second + interval},
               {"ratio" + interval},
               {"p", true},
               {"p (U)", true},
               {"change"}},
              {}};
  for (const Row& row : comparison.rows) {
    const record::Figure& figure = *row.figure;
    const bool tested = has_interval(row.ratio.ratio);
    table.rows.push_back(
        {fmt::format("{} {}", figure.name, figure.higher_is_better ? "↑" : "↓"),
         with_interval(figure, row.first), with_interval(figure, row.second),
         ratio_text(row.ratio.ratio), tested ? p_text(row.p_holm) : "-",
         row.second_opinion.has_value() ? p_text(row.second_opinion->p_value) : "-",
         std::string(compare::change_name(row.change, figure))});
  }
  if (comparison.accuracy.has_value()) {
    const AccuracyRow& row = *comparison.accuracy;
    const record::Figure& top1 = *record::find_figure("top1");
    table.rows.push_back({"top-1 ↑", figure_text(top1, row.first), figure_text(top1, row.second),
                          accuracy_difference(row), row.test.has_value() ? p_text(row.p_holm) : "-",
                          "-", std::string(compare::change_name(row.change, top1))});
  }
  return table;
}

std::string plain(double value) {
  return fmt::format("{}", value);
}

std::string plain_bound(const Estimate& estimate, double bound) {
  return has_interval(estimate) ? plain(bound) : "";
}

/// Numbers in the unit that stands beside them.
Table plain_table(const Comparison& comparison) {
  Table table{{{"first"},
               {"second"},
               {"figure"},
               {"unit"},
               {"first_value"},
               {"first_lower"},
               {"first_upper"},
               {"second_value"},
               {"second_lower"},
               {"second_upper"},
               {"ratio"},
               {"ratio_lower"},
               {"ratio_upper"},
               {"p"},
               {"p_holm"},
               {"p_mann_whitney"},
               {"change"}},
              {}};
  for (const Row& row : comparison.rows) {
    const Estimate& ratio = row.ratio.ratio;
    table.rows.push_back({comparison.first, comparison.second, std::string(row.figure->name),
                          std::string(record::unit_name(row.figure->unit)), plain(row.first.value),
                          plain_bound(row.first, row.first.lower),
                          plain_bound(row.first, row.first.upper), plain(row.second.value),
                          plain_bound(row.second, row.second.lower),
                          plain_bound(row.second, row.second.upper), plain(ratio.value),
                          plain_bound(ratio, ratio.lower), plain_bound(ratio, ratio.upper),
                          plain_bound(ratio, row.ratio.p_value), plain_bound(ratio, row.p_holm),
                          row.second_opinion.has_value() ? plain(row.second_opinion->p_value) : "",
                          std::string(compare::change_name(row.change, *row.figure))});
  }
  if (comparison.accuracy.has_value()) {
    const AccuracyRow& row = *comparison.accuracy;
    const bool tested = row.test.has_value();
    table.rows.push_back(
        {comparison.first, comparison.second, "top1", "fraction", plain(row.first), "", "",
         plain(row.second), "", "", "", "", "", tested ? plain(row.test->p_value) : "",
         tested ? plain(row.p_holm) : "", "",
         std::string(compare::change_name(row.change, *record::find_figure("top1")))});
  }
  return table;
}

std::string verdict_line(const Comparison& comparison) {
  const compare::Options& options = comparison.options;
  std::string limits;
  for (const compare::Limit& limit : options.limits) {
    limits += fmt::format("{}{} {:g}%", limits.empty() ? "" : ", ", limit.figure->name,
                          limit.share * 100.0);
  }
  if (limits.empty()) limits = fmt::format("threshold {:g}%", options.threshold * 100.0);
  std::string text = fmt::format("VERDICT {} ({}, alpha {:g}, Holm)\n",
                                 comparison.regressions.empty() ? "no regression" : "REGRESSION",
                                 limits, options.alpha);
  for (const std::string& regression : comparison.regressions) {
    text += fmt::format("  {}\n", regression);
  }
  return text;
}

}  // namespace

std::string render_comparison(const Comparison& comparison, const std::string& runs,
                              Format format) {
  if (format == Format::kJson) return compare::to_json(comparison);
  if (format == Format::kCsv) return render_table(plain_table(comparison), format);
  if (format == Format::kMarkdown) return render_table(people_table(comparison), format);
  std::string text = fmt::format("{} · {}\n", comparison.subject, runs);
  text += checks_line(comparison);
  text += render_table(people_table(comparison), format);
  if (comparison.accuracy.has_value() && !comparison.accuracy->note.empty()) {
    text += fmt::format("note: top-1: {}\n", comparison.accuracy->note);
  }
  for (const std::string& note : comparison.notes) text += fmt::format("note: {}\n", note);
  return text + verdict_line(comparison);
}

}  // namespace lode::cli
