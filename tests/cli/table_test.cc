// Tables as text, CSV and Markdown.
#include "cli/table.h"

#include <gtest/gtest.h>

namespace lode::cli {
namespace {

const Table kTable = {{{"name"}, {"n", true}}, {{"a,b", "1"}, {"café \"x\"|y", "1000"}}};

TEST(Table, TextAlignsByCharactersAndDropsTrailingSpace) {
  EXPECT_EQ(render_table(kTable, Format::kText),
            "name           n\n"
            "a,b            1\n"
            "café \"x\"|y  1000\n");
  EXPECT_EQ(render_table({{{"a"}, {"b"}}, {{"long", ""}}}, Format::kText), "a     b\nlong\n");
}

TEST(Table, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(render_table(kTable, Format::kCsv),
            "name,n\n"
            "\"a,b\",1\n"
            "\"café \"\"x\"\"|y\",1000\n");
}

TEST(Table, MarkdownEscapesBars) {
  EXPECT_EQ(render_table(kTable, Format::kMarkdown),
            "| name | n |\n"
            "|---|---:|\n"
            "| a,b | 1 |\n"
            "| café \"x\"\\|y | 1000 |\n");
}

TEST(Table, FormatsByName) {
  EXPECT_EQ(format_from_name("text"), Format::kText);
  EXPECT_EQ(format_from_name("json"), Format::kJson);
  EXPECT_EQ(format_from_name("csv"), Format::kCsv);
  EXPECT_EQ(format_from_name("md"), Format::kMarkdown);
}

TEST(CutToColumns, CountsCharactersAndSplitsNone) {
  EXPECT_EQ(cut_to_columns("abcdef", 4), "abcd");
  EXPECT_EQ(cut_to_columns("abc", 4), "abc");
  EXPECT_EQ(cut_to_columns("", 4), "");
  EXPECT_EQ(cut_to_columns("abc", 0), "");
  EXPECT_EQ(cut_to_columns("█░█ 50%", 4), "█░█ ");
}

}  // namespace
}  // namespace lode::cli
