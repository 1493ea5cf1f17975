#include "config/yaml_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace lode::config {
namespace {

/// Far above any honest configuration; keeps hostile input cheap.
constexpr std::size_t kMostBytes = 1U << 20;

/// Put behind the text: the parser takes a quote that is never closed for closed at the end of the
/// file, and would swallow every line in between without a word. Such a value ends with this.
constexpr std::string_view kEndMark = "#end-of-configuration#";

/// Takes the parser's events as they come, so that nothing is built for input that is refused.
class FlatReader final : public YAML::EventHandler {
 public:
  FlatReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::vector<YamlEntry> take() { return std::move(entries_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (refused(mark, "?", anchor)) return;
    switch (state_) {
      case State::kTop:  // An empty file sets nothing.
        return;
      case State::kKey:
        return fail(mark, "a key is missing; write key: value");
      case State::kValue:
        if (is_the_word_null(mark)) {
          add(mark, "null");
          state_ = State::kKey;
          return;
        }
        // The parser looks for the value up to the next key, so the mark may be lines below.
        return fail(key_mark_,
                    fmt::format("{} has no value; give it one or remove the line", key_));
      case State::kList:
        return fail(mark, fmt::format("the list of {} has an empty item", key_));
      case State::kDone:
        return;
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases (*name) are not supported; write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (refused(mark, tag, anchor)) return;
    if (value.find('\0') != std::string::npos) return fail(mark, "a value holds a zero byte");
    if (value.find(kEndMark) != std::string::npos) return fail(mark, "this quote is never closed");
    switch (state_) {
      case State::kTop:
        return fail(mark, "the file must hold lines of key: value");
      case State::kKey:
        return take_key(mark, value);
      case State::kValue:
        add(mark, value);
        state_ = State::kKey;
        return;
      case State::kList:
        if (!list_.empty()) list_ += ',';
        list_ += value;
        return;
      case State::kDone:
        return;
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (refused(mark, tag, anchor)) return;
    if (state_ == State::kTop)
      return fail(mark, "the file must hold lines of key: value, not a list");
    if (state_ == State::kKey) return fail(mark, "a list cannot be a key");
    if (state_ == State::kList) return fail(mark, fmt::format("{} holds a list in a list", key_));
    state_ = State::kList;
    list_mark_ = mark;
    list_.clear();
  }

  void OnSequenceEnd() override {
    if (error_.has_value()) return;
    add(list_mark_, list_);
    state_ = State::kKey;
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (refused(mark, tag, anchor)) return;
    if (state_ == State::kKey) return fail(mark, "a mapping cannot be a key");
    if (state_ != State::kTop) {
      return fail(mark, fmt::format("{} holds a mapping; keys are flat, one a line", key_));
    }
    state_ = State::kKey;
  }

  void OnMapEnd() override {
    if (!error_.has_value()) state_ = State::kDone;
  }

  [[nodiscard]] std::string place(const YAML::Mark& mark) const {
    if (mark.is_null()) return std::string(name_);
    return fmt::format("{}:{}:{}", name_, mark.line + 1, mark.column + 1);
  }

 private:
  enum class State { kTop, kKey, kValue, kList, kDone };

  void fail(const YAML::Mark& mark, const std::string& message) {
    if (!error_.has_value()) error_ = usage_error("{}: {}", place(mark), message);
  }

  bool refused(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) fail(mark, "anchors (&name) are not supported; write the value out");
    // "?" marks a plain value and "!" a quoted one.
    if (!tag.empty() && tag != "?" && tag != "!") {
      fail(mark, fmt::format("tags ({}) are not supported; write the plain value", tag));
    }
    return error_.has_value();
  }

  /// The parser reports no value and the word null alike, and `sut: null` is one of ours.
  [[nodiscard]] bool is_the_word_null(const YAML::Mark& mark) const {
    std::string_view rest = text_;
    for (int line = 0; line < mark.line && !rest.empty(); ++line) {
      rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    }
    const auto column = static_cast<std::size_t>(mark.column);
    constexpr std::string_view kNull = "null";
    rest.remove_prefix(std::min(column, rest.size()));
    if (!rest.starts_with(kNull)) return false;
    rest.remove_prefix(kNull.size());
    return rest.empty() || std::string_view(" \t\r\n,}").find(rest.front()) != rest.npos;
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    const auto earlier = std::find_if(entries_.begin(), entries_.end(),
                                      [&](const YamlEntry& entry) { return entry.key == key; });
    if (earlier != entries_.end()) {
      return fail(mark,
                  fmt::format("{} is set twice (first at {}); keep one", key, earlier->key_at));
    }
    key_ = key;
    key_mark_ = mark;
    state_ = State::kValue;
  }

  void add(const YAML::Mark& mark, const std::string& value) {
    entries_.push_back({key_, value, place(key_mark_), place(mark)});
  }

  std::string_view text_;
  std::string_view name_;
  State state_ = State::kTop;
  std::string key_;
  YAML::Mark key_mark_;
  YAML::Mark list_mark_;
  std::string list_;
  std::vector<YamlEntry> entries_;
  std::optional<Error> error_;
};

bool is_plain(std::string_view text) {
  // What YAML could read as anything but this text is quoted.
  constexpr std::string_view kSafe =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";
  if (text.empty() || text.front() == '-' || text == "~") return false;
  for (const std::string_view word : {"null", "Null", "NULL"}) {
    if (text == word) return false;
  }
  return text.find_first_not_of(kSafe) == std::string_view::npos;
}

}  // namespace

Result<std::vector<YamlEntry>> parse_flat_yaml(std::string_view text, std::string_view name) {
  if (text.size() > kMostBytes) {
    return usage_error("{}: {} bytes are too many for a configuration (at most {})", name,
                       text.size(), kMostBytes);
  }
  FlatReader reader(text, name);
  try {
    std::istringstream stream(fmt::format("{}\n{}\n", text, kEndMark));
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(reader) && !reader.error().has_value()) {
      FlatReader second(text, name);
      if (parser.HandleNextDocument(second)) {
        return usage_error("{}: holds several documents (---); keep one", name);
      }
    }
  } catch (const YAML::Exception& error) {
    if (reader.error().has_value()) return *reader.error();
    return usage_error("{}: not readable as YAML: {}", reader.place(error.mark), error.msg);
  } catch (const std::exception& error) {
    return usage_error("{}: not readable as YAML: {}", name, error.what());
  }
  if (reader.error().has_value()) return *reader.error();
  return reader.take();
}

std::string yaml_scalar(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace lode::config
