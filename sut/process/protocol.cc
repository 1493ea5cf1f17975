#include "sut/process/protocol.h"

#include <algorithm>
#include <cstring>

#include "base/units.h"

namespace lode::sut {
namespace {

constexpr auto kLastType = static_cast<std::uint32_t>(MessageType::kError);

Error rubbish(std::span<const std::byte> found) {
  return runtime_error(
      "wrote '{}' where a message must begin; nothing but messages may be written to file {}",
      printable({reinterpret_cast<const char*>(found.data()), found.size()}), kAnswersFile);
}

}  // namespace

std::span<std::byte> MessageReader::room() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(buffer_).subspan(end_);
}

Result<std::optional<Message>> MessageReader::next() {
  const std::span<const std::byte> found(buffer_.data() + begin_, end_ - begin_);
  // Rubbish may be shorter than a header, and is told all the same.
  std::array<std::byte, sizeof(MessageHeader::kMagic)> magic;
  std::memcpy(magic.data(), &MessageHeader::kMagic, magic.size());
  const std::size_t seen = std::min(found.size(), magic.size());
  if (!std::equal(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(seen),
                  magic.begin())) {
    return rubbish(found);
  }
  MessageHeader header;
  if (found.size() < sizeof(header)) return std::optional<Message>();
  std::memcpy(&header, found.data(), sizeof(header));
  if (header.type == 0 || header.type > kLastType) {
    return runtime_error("wrote a message of type {}; there are 1 to {}", header.type, kLastType);
  }
  if (header.payload_bytes > kPayloadMax) {
    return runtime_error("wrote a message of {} bytes; {} are the most", header.payload_bytes,
                         kPayloadMax);
  }
  if (found.size() < sizeof(header) + header.payload_bytes) return std::optional<Message>();
  begin_ += sizeof(header) + header.payload_bytes;
  return std::optional<Message>({static_cast<MessageType>(header.type), header.sequence,
                                 found.subspan(sizeof(header), header.payload_bytes)});
}

Result<std::string> write_settings(std::span<const SettingLine> lines) {
  std::string text;
  for (const SettingLine& line : lines) {
    for (const std::string& part : {line.name, line.value}) {
      if (part.find_first_of(std::string_view("\n\0", 2)) == std::string::npos) continue;
      return usage_error("{}: '{}' has a line break or a zero byte, which a process cannot be told",
                         line.name, printable(line.value));
    }
    text += fmt::format("{}={}\n", line.name, line.value);
  }
  return text;
}

Result<ReadyFacts> parse_ready(std::string_view text) {
  ReadyFacts facts;
  bool has_protocol = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return runtime_error("says '{}' when ready; wanted are lines NAME=VALUE", printable(line));
    }
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (name == "protocol") {
      if (value != std::to_string(kProtocolVersion)) {
        return runtime_error("speaks protocol {}; this version speaks {}", printable(value),
                             kProtocolVersion);
      }
      has_protocol = true;
    }
    if (name == "name") facts.name = printable(value);
    if (name == "precision") facts.precision = printable(value);
    if (name == "outputs") {
      const auto outputs = parse_integer(value, 0, static_cast<std::int64_t>(kOutputsMax));
      if (!outputs.ok()) return outputs.error().within("says outputs when ready");
      facts.outputs = static_cast<std::uint64_t>(*outputs);
    }
  }
  if (!has_protocol) {
    return runtime_error("does not say protocol={} when ready", kProtocolVersion);
  }
  return facts;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown(text.substr(0, kShown));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
  if (text.size() > kShown) shown += "...";
  return shown;
}

}  // namespace lode::sut
