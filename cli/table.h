// Tables for people and for scripts: one content, printed as aligned text, CSV or Markdown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lode::cli {

enum class Format : std::uint8_t { kText, kJson, kCsv, kMarkdown };

/// What --format takes, for CLI11's check: text, json, csv, md.
[[nodiscard]] const std::vector<std::string>& format_names();
/// One of format_names().
[[nodiscard]] Format format_from_name(const std::string& name);

struct Column {
  std::string name;
  bool is_number = false;  ///< aligned to the right
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  ///< each as long as `columns`
};

/// The table in a format other than JSON, whose content has its own shape.
[[nodiscard]] std::string render_table(const Table& table, Format format);

/// The first `columns` characters of UTF-8 text.
[[nodiscard]] std::string_view cut_to_columns(std::string_view line, std::size_t columns);

}  // namespace lode::cli
