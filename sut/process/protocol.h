// The messages between Lodestone and a system under test in a process of its own: version 1.
// docs/adding-a-sut.md describes them byte by byte.
//
// Tensors never travel here: samples and outputs are in memory that both sides map, and messages
// name places in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lode::sut {

inline constexpr std::uint32_t kProtocolVersion = 1;

/// What the process finds open, in file numbers.
inline constexpr int kRequestsFile = 3;  ///< messages to it
inline constexpr int kAnswersFile = 4;   ///< messages from it
inline constexpr int kSamplesFile = 5;   ///< shared memory: the samples
inline constexpr int kOutputsFile = 6;   ///< shared memory: outputs, sized before the first kStart

enum class MessageType : std::uint32_t {
  kConfigure = 1,  ///< settings: what to load
  kReady = 2,      ///< settings: what was loaded
  kStart = 3,      ///< settings: a test begins
  kStarted = 4,
  kRun = 5,   ///< slots of samples, u32 each: compute them
  kDone = 6,  ///< they are computed, and their outputs in place
  kPing = 7,  ///< any payload
  kPong = 8,  ///< nothing
  kStop = 9,  ///< the test is over
  kStopped = 10,
  kError = 11,  ///< text: the process cannot go on
};

/// What each message begins with; native byte order.
struct MessageHeader {
  std::uint32_t magic = kMagic;
  std::uint32_t type = 0;
  std::uint32_t sequence = 0;  ///< an answer has that of the message it answers
  std::uint32_t payload_bytes = 0;

  static constexpr std::uint32_t kMagic = 0x5455534C;  // The bytes "LSUT".
};
static_assert(sizeof(MessageHeader) == 16);

struct Message {
  MessageType type = MessageType::kError;
  std::uint32_t sequence = 0;
  std::span<const std::byte> payload;  ///< valid until the reader is touched again

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
  }
};

/// Cuts what a process writes into messages. Whatever comes, it is either that or an error.
class MessageReader {
 public:
  /// Most bytes of a message's payload.
  static constexpr std::size_t kPayloadMax = 1U << 16;

  MessageReader() : buffer_(sizeof(MessageHeader) + kPayloadMax) {}

  /// Where the next bytes go; never empty after next() had no message to give.
  [[nodiscard]] std::span<std::byte> room();
  void added(std::size_t bytes) { end_ += bytes; }

  /// The next whole message, or none yet. Errors say what stands where a message must begin.
  [[nodiscard]] Result<std::optional<Message>> next();

 private:
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// One "name=value" line of a settings payload.
struct SettingLine {
  std::string name;
  std::string value;
};

/// Lines as a payload. Usage error: a name or a value with a line break in it.
[[nodiscard]] Result<std::string> write_settings(std::span<const SettingLine> lines);

/// What a process says of itself once it can take work.
struct ReadyFacts {
  std::string name;           ///< "onnxruntime 1.20.1"
  std::string precision;      ///< what it computes in; "" if it does not say
  std::uint64_t outputs = 0;  ///< f32 values that it gives for each sample; 0: none
};

/// Most outputs of one sample.
inline constexpr std::uint64_t kOutputsMax = 1U << 24;

/// Reads the payload of kReady; lines that are not known are left out. Errors name the line.
[[nodiscard]] Result<ReadyFacts> parse_ready(std::string_view text);

/// `text` made fit to show: what is no printable ASCII becomes '.', and it ends after 60 bytes.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace lode::sut
