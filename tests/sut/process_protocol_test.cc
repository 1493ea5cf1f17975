// What a process writes, cut into messages; and what `process:...` stands for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "sut/process/command.h"
#include "sut/process/protocol.h"

namespace lode::sut {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string message(std::uint32_t type, std::uint32_t sequence, std::string_view payload) {
  const MessageHeader header{.type = type,
                             .sequence = sequence,
                             .payload_bytes = static_cast<std::uint32_t>(payload.size())};
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes + std::string(payload);
}

void feed(MessageReader& reader, std::string_view bytes) {
  ASSERT_GE(reader.room().size(), bytes.size());
  std::memcpy(reader.room().data(), bytes.data(), bytes.size());
  reader.added(bytes.size());
}

std::string error_of(std::string_view bytes) {
  MessageReader reader;
  feed(reader, bytes);
  const auto next = reader.next();
  return next.ok() ? "" : next.error().message;
}

TEST(MessageReader, TakesMessagesInAnyParts) {
  const std::string bytes = message(6, 7, "") + message(2, 8, "protocol=1\n");
  for (const std::size_t part : {std::size_t{1}, std::size_t{5}, std::size_t{16}, bytes.size()}) {
    MessageReader reader;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < bytes.size(); at += part) {
      feed(reader, std::string_view(bytes).substr(at, part));
      while (true) {
        const auto next = reader.next();
        ASSERT_TRUE(next.ok());
        if (!next->has_value()) break;
        seen.push_back(fmt::format("{} {} {}", static_cast<unsigned>((*next)->type),
                                   (*next)->sequence, (*next)->text()));
      }
    }
    EXPECT_THAT(seen, ElementsAre("6 7 ", "2 8 protocol=1\n")) << part;
  }
}

TEST(MessageReader, TellsWhatIsNoMessage) {
  EXPECT_EQ(error_of("LSU"), "");
  EXPECT_THAT(error_of("Hi\n"), HasSubstr("wrote 'Hi.' where a message must begin"));
  EXPECT_THAT(error_of("LSUX and more of it"), HasSubstr("wrote 'LSUX and more of it'"));
  EXPECT_THAT(error_of(message(99, 1, "")), HasSubstr("type 99"));
  EXPECT_THAT(error_of(message(0, 1, "")), HasSubstr("type 0"));
  MessageHeader huge{.type = 6, .sequence = 1, .payload_bytes = 1U << 30};
  EXPECT_THAT(error_of({reinterpret_cast<const char*>(&huge), sizeof(huge)}),
              HasSubstr("1073741824 bytes; 65536 are the most"));
}

TEST(MessageReader, TheLargestMessageFits) {
  MessageReader reader;
  const std::string payload(MessageReader::kPayloadMax, 'x');
  for (int i = 0; i < 3; ++i) {
    feed(reader, message(11, 1, payload));
    const auto next = reader.next();
    ASSERT_TRUE(next.ok() && next->has_value());
    EXPECT_EQ((*next)->text(), payload);
  }
}

TEST(ReadyFacts, AreReadStrictly) {
  const auto facts =
      parse_ready("protocol=1\nname=a b 1.0\nfuture=x\nprecision=fp32\noutputs=10\n");
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->name, "a b 1.0");
  EXPECT_EQ(facts->precision, "fp32");
  EXPECT_EQ(facts->outputs, 10U);
  const auto error = [](std::string_view text) { return parse_ready(text).error().message; };
  EXPECT_THAT(error(""), HasSubstr("does not say protocol=1"));
  EXPECT_THAT(error("protocol=2\n"), HasSubstr("speaks protocol 2; this version speaks 1"));
  EXPECT_THAT(error("protocol=1\noutputs=-1\n"), HasSubstr("outputs"));
  EXPECT_THAT(error("protocol=1\noutputs=99999999999\n"), HasSubstr("outputs"));
  EXPECT_THAT(error("hello\n"), HasSubstr("says 'hello'"));
}

TEST(Settings, CannotSmuggleLines) {
  const SettingLine good[] = {{"a", "1"}, {"b", ""}};
  EXPECT_EQ(*write_settings(good), "a=1\nb=\n");
  const SettingLine bad[] = {{"model", "x\nthreads=9"}};
  EXPECT_THAT(write_settings(bad).error().message, HasSubstr("model: 'x.threads=9' has a line"));
}

TEST(Command, IsSplitAsAShellWould) {
  unsetenv("LODE_PYTHON");
  const auto words = [](std::string_view text) { return resolve_command(text)->words; };
  EXPECT_THAT(words("sh -c 'echo \"a b\"' x\\ y \"q\\\"r\" ''"),
              ElementsAre("sh", "-c", "echo \"a b\"", "x y", "q\"r", ""));
  EXPECT_THAT(words("some/where.py 3"), ElementsAre("python3", "some/where.py", "3"));
  EXPECT_THAT(resolve_command("sh 'x").error().message, HasSubstr("a ' has no end"));
  EXPECT_THAT(resolve_command("  ").error().message, HasSubstr("empty"));
}

TEST(Command, NamesAdapters) {
  setenv("LODE_PYTHON", "an/env/python", /*overwrite=*/1);
  EXPECT_THAT(adapter_names(), ElementsAre("null", "onnxruntime", "openvino"));
  EXPECT_THAT(resolve_command("null")->words,
              ElementsAre("an/env/python", "-m", "lodestone_sut.null"));
  unsetenv("LODE_PYTHON");
  EXPECT_THAT(resolve_command("nul").error().message,
              HasSubstr("'nul' is neither a program nor an adapter; the adapters are null, onnx"));
}

TEST(Assignments, AreRead) {
  const auto lines = parse_assignments("a=1,b=,c.d=x=y");
  ASSERT_TRUE(lines.ok());
  ASSERT_EQ(lines->size(), 3U);
  EXPECT_EQ((*lines)[2].name, "c.d");
  EXPECT_EQ((*lines)[2].value, "x=y");
  EXPECT_TRUE(parse_assignments("")->empty());
  EXPECT_THAT(parse_assignments("a=1,b").error().message, HasSubstr("'b' is no NAME=VALUE"));
  EXPECT_THAT(parse_assignments("=1").error().message, HasSubstr("'=1' is no NAME=VALUE"));
  EXPECT_THAT(parse_assignments("a=1,a=2").error().message, HasSubstr("a is set twice"));
}

}  // namespace
}  // namespace lode::sut
