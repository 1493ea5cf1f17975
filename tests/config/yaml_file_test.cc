// Strict YAML: what is read, what is refused, and at which place.
#include "config/yaml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lode::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(std::string_view text) {
  const auto entries = parse_flat_yaml(text, "f.yaml");
  EXPECT_FALSE(entries.ok()) << text;
  if (entries.ok()) return {};
  EXPECT_EQ(entries.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(entries.error().message.find('\n'), std::string::npos) << "one line";
  return entries.error().message;
}

TEST(FlatYaml, KeepsOrderTextAndPlaces) {
  const auto entries = parse_flat_yaml(
      "# a comment\nmodel: m.onnx\n\nbatch:   4  # trailing\ncpus: [0, 2]\nname: \"a: b\"\n",
      "f.yaml");
  ASSERT_TRUE(entries.ok()) << entries.error().message;
  ASSERT_EQ(entries->size(), 4U);
  EXPECT_EQ((*entries)[0].key, "model");
  EXPECT_EQ((*entries)[0].value, "m.onnx");
  EXPECT_EQ((*entries)[0].key_at, "f.yaml:2:1");
  EXPECT_EQ((*entries)[1].value, "4");
  EXPECT_EQ((*entries)[1].value_at, "f.yaml:4:10");
  EXPECT_EQ((*entries)[2].value, "0,2");
  EXPECT_EQ((*entries)[3].value, "a: b");
}

TEST(FlatYaml, TheWordNullIsAValueAndNothingIsNone) {
  const auto entries = parse_flat_yaml("# é\n\nbatch: 1\nsut:  null\n", "f.yaml");
  ASSERT_TRUE(entries.ok()) << entries.error().message;
  EXPECT_EQ(entries->back().value, "null");
  EXPECT_THAT(error_of("sut:\nnull: 3\n"), HasSubstr("sut has no value"));
  EXPECT_THAT(error_of("sut:\nnullable: 3\n"), HasSubstr("sut has no value"));
  EXPECT_THAT(error_of("null: 3\n"), HasSubstr("a key is missing"));
  EXPECT_THAT(error_of("cpus: [null]\n"), HasSubstr("empty item"));
}

TEST(FlatYaml, NothingButCommentsSetsNothing) {
  for (const char* text : {"", "# only a comment\n", "\n\n", "---\n", "{}"}) {
    const auto entries = parse_flat_yaml(text, "f.yaml");
    ASSERT_TRUE(entries.ok()) << "'" << text << "': " << entries.error().message;
    EXPECT_TRUE(entries->empty());
  }
}

TEST(FlatYaml, RefusesWhatIsNotFlat) {
  EXPECT_THAT(error_of("model:\n  path: m.onnx\n"),
              StartsWith("f.yaml:2:3: model holds a mapping"));
  EXPECT_THAT(error_of("- a\n- b\n"), StartsWith("f.yaml:1:1: the file must hold lines"));
  EXPECT_THAT(error_of("just text\n"), StartsWith("f.yaml:1:1: the file must hold lines"));
  EXPECT_THAT(error_of("cpus: [[0], 1]\n"), HasSubstr("cpus holds a list in a list"));
  EXPECT_THAT(error_of("cpus: [{a: 1}]\n"), HasSubstr("cpus holds a mapping"));
  EXPECT_THAT(error_of("[a, b]: 1\n"), HasSubstr("a list cannot be a key"));
  EXPECT_THAT(error_of("{a: 1}: 2\n"), HasSubstr("a mapping cannot be a key"));
  EXPECT_THAT(error_of("a: 1\n---\na: 2\n"), HasSubstr("several documents"));
}

TEST(FlatYaml, RefusesAnchorsAliasesAndTags) {
  EXPECT_THAT(error_of("a: &x 1\nb: 2\n"), StartsWith("f.yaml:1:4: anchors"));
  EXPECT_THAT(error_of("a: &x 1\nb: *x\n"), HasSubstr("not supported"));
  EXPECT_THAT(error_of("a: !!int 1\n"), HasSubstr("tags"));
}

TEST(FlatYaml, RefusesMissingAndRepeated) {
  EXPECT_THAT(error_of("batch:"), StartsWith("f.yaml:1:1: batch has no value"));
  EXPECT_THAT(error_of("batch:\n"), StartsWith("f.yaml:1:1: batch has no value"));
  EXPECT_THAT(error_of("a: 1\nbatch:\n\nb: 2\n"), StartsWith("f.yaml:2:1: batch has no value"));
  EXPECT_THAT(error_of("batch: ~\n"), HasSubstr("batch has no value"));
  EXPECT_THAT(error_of("a: 1\nb: 2\na: 3\n"),
              StartsWith("f.yaml:3:1: a is set twice (first at f.yaml:1:1)"));
}

TEST(FlatYaml, SyntaxErrorsHaveTheirPlace) {
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\n"), StartsWith("f.yaml:"));
  EXPECT_THAT(error_of("a: 1\n\tb: 2\n"), StartsWith("f.yaml:2:"));
  EXPECT_THAT(error_of("a: \"unfinished\nb: 2\n"),
              StartsWith("f.yaml:1:4: this quote is never closed"));
  EXPECT_THAT(error_of("a: 1\nb: 'unfinished"), StartsWith("f.yaml:2:4: this quote is never"));
}

TEST(FlatYaml, HostileInputIsRefusedCheaply) {
  EXPECT_THAT(error_of(std::string(2U << 20, 'a')), HasSubstr("too many"));
  EXPECT_FALSE(parse_flat_yaml(std::string(100'000, '['), "f.yaml").ok());
  EXPECT_FALSE(parse_flat_yaml(std::string(100'000, '{'), "f.yaml").ok());
  EXPECT_FALSE(parse_flat_yaml("a: \"\\0\"\n", "f.yaml").ok());
  EXPECT_FALSE(parse_flat_yaml(std::string("a\0b: 1", 6), "f.yaml").ok() &&
               parse_flat_yaml(std::string("a\0b: 1", 6), "f.yaml")->empty());
  // Only that it returns: what these bytes mean is yaml-cpp's business.
  (void)parse_flat_yaml("\xff\xfe a \x80\x81: \xc3", "f.yaml").ok();
}

TEST(FlatYaml, ScalarsReadBackAsWritten) {
  for (const char* text : {"plain",     "10s",
                           "a b",       "with: colon",
                           "# hash",    "quote\"and\\slash",
                           "-dash",     "null",
                           "~",         "",
                           "tab\there", "new\nline",
                           "[x]",       "{y}",
                           "*star",     "&and",
                           "!bang",     "täglich/ü",
                           "%a",        "@at",
                           "trailing ", "a #b",
                           "'single'"}) {
    const auto entries = parse_flat_yaml("k: " + yaml_scalar(text) + "  # note\n", "f.yaml");
    ASSERT_TRUE(entries.ok()) << text << ": " << entries.error().message;
    ASSERT_EQ(entries->size(), 1U) << text;
    EXPECT_EQ((*entries)[0].value, text);
  }
}

}  // namespace
}  // namespace lode::config
