#include "cli/table.h"

#include <algorithm>

#include "base/assert.h"

namespace lode::cli {
namespace {

/// Of UTF-8, whose other bytes begin with the bits 10.
bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
}

/// Columns on a terminal: code points, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return to_the_right ? space + text : text + space;
}

std::string as_text(const Table& table) {
  std::vector<std::size_t> widths;
  for (const Column& column : table.columns) widths.push_back(width_of(column.name));
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  const auto add_row = [&](const auto& cell) {
    std::string line;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (c > 0) line += "  ";
      line += padded(cell(c), widths[c], table.columns[c].is_number);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
    text += '\n';
  };
  add_row([&](std::size_t c) { return table.columns[c].name; });
  for (const auto& row : table.rows) add_row([&](std::size_t c) { return row[c]; });
  return text;
}

/// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string as_csv(const Table& table) {
  std::string text;
  const auto add_row = [&](const auto& cell) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (c > 0) text += ',';
      text += csv_field(cell(c));
    }
    text += '\n';
  };
  add_row([&](std::size_t c) { return table.columns[c].name; });
  for (const auto& row : table.rows) add_row([&](std::size_t c) { return row[c]; });
  return text;
}

std::string markdown_field(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string as_markdown(const Table& table) {
  std::string text = "|";
  for (const Column& column : table.columns) text += " " + markdown_field(column.name) + " |";
  text += "\n|";
  for (const Column& column : table.columns) text += column.is_number ? "---:|" : "---|";
  text += '\n';
  for (const auto& row : table.rows) {
    text += '|';
    for (const std::string& cell : row) text += " " + markdown_field(cell) + " |";
    text += '\n';
  }
  return text;
}

}  // namespace

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> kNames = {"text", "json", "csv", "md"};
  return kNames;
}

Format format_from_name(const std::string& name) {
  const auto& names = format_names();
  const auto at = std::find(names.begin(), names.end(), name);
  LODE_ASSERT(at != names.end());
  return static_cast<Format>(at - names.begin());
}

std::string render_table(const Table& table, Format format) {
  for (const auto& row : table.rows) LODE_ASSERT(row.size() == table.columns.size());
  switch (format) {
    case Format::kCsv:
      return as_csv(table);
    case Format::kMarkdown:
      return as_markdown(table);
    case Format::kText:
    case Format::kJson:
      break;
  }
  return as_text(table);
}

std::string_view cut_to_columns(std::string_view line, std::size_t columns) {
  std::size_t shown = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (starts_character(line[at]) && ++shown > columns) return line.substr(0, at);
  }
  return line;
}

}  // namespace lode::cli
