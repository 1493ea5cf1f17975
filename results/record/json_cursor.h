// Strict reading of JSON: each access checks presence, type and range, and the first failure is
// kept with its path ("metrics.latency_ns.p50"). After it every access gives a default, so that
// reading code needs no check a line.
#pragma once

#include <nlohmann/json.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace lode::record {

class JsonCursor {
 public:
  using Json = nlohmann::ordered_json;

  /// `error` outlives the cursor and all made from it.
  JsonCursor(const Json& value, std::string path, std::optional<Error>& error)
      : value_(&value), path_(std::move(path)), error_(&error) {}

  /// The member `name` of an object.
  [[nodiscard]] JsonCursor at(std::string_view name) const {
    const std::string path = path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
    if (!value_->is_object()) {
      fail("expected an object");
      return {null(), path, *error_};
    }
    const auto member = value_->find(std::string(name));
    if (member == value_->end()) {
      JsonCursor absent(null(), path, *error_);
      absent.fail("is missing");
      return absent;
    }
    return {*member, path, *error_};
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return value_->is_object() && value_->contains(std::string(name));
  }
  [[nodiscard]] bool is_null() const { return value_->is_null(); }
  [[nodiscard]] const Json& json() const { return *value_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] std::string text() const {
    if (value_->is_string()) return value_->get<std::string>();
    fail("expected a text");
    return {};
  }
  /// A text, or null for "".
  [[nodiscard]] std::string text_or_null() const { return is_null() ? std::string() : text(); }

  [[nodiscard]] bool boolean() const {
    if (value_->is_boolean()) return value_->get<bool>();
    fail("expected true or false");
    return false;
  }

  [[nodiscard]] std::uint64_t count() const {
    if (value_->is_number_unsigned()) return value_->get<std::uint64_t>();
    fail("expected a whole number that is not negative");
    return 0;
  }

  [[nodiscard]] std::int64_t integer() const {
    const bool fits = value_->is_number_integer() &&
                      (!value_->is_number_unsigned() ||
                       value_->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
    if (fits) return value_->get<std::int64_t>();
    fail("expected a whole number");
    return 0;
  }

  [[nodiscard]] double number() const {
    if (value_->is_number() && std::isfinite(value_->get<double>())) return value_->get<double>();
    fail("expected a number");
    return 0.0;
  }

  /// none for null, otherwise read(*this).
  template <typename Read>
  [[nodiscard]] auto optional(Read read) const -> std::optional<decltype(read(*this))> {
    if (is_null()) return std::nullopt;
    return read(*this);
  }

  /// The items of an array, each read by read(item).
  template <typename Read>
  [[nodiscard]] auto list(Read read) const -> std::vector<decltype(read(*this))> {
    std::vector<decltype(read(*this))> items;
    if (!value_->is_array()) {
      fail("expected a list");
      return items;
    }
    for (const Json& item : *value_) {
      items.push_back(read(JsonCursor(item, fmt::format("{}[{}]", path_, items.size()), *error_)));
    }
    return items;
  }

  void fail(std::string_view message) const {
    if (error_->has_value()) return;
    *error_ = runtime_error("{}: {}{}", path_.empty() ? "the file" : path_, message, found());
  }

 private:
  [[nodiscard]] std::string found() const {
    return is_null() ? "" : fmt::format(", found {}", value_->type_name());
  }
  [[nodiscard]] static const Json& null() {
    static const Json kNull;
    return kNull;
  }

  const Json* value_;
  std::string path_;
  std::optional<Error>* error_;
};

/// What `read` makes of the root of `text`, whose member "schema" has to be `schema`. Errors begin
/// with `name`.
template <typename Read>
[[nodiscard]] auto read_json(std::string_view text, std::string_view name, std::string_view schema,
                             Read read) -> Result<decltype(read(std::declval<JsonCursor>()))> {
  const JsonCursor::Json json = JsonCursor::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return runtime_error("{}: is not JSON; the file is damaged", name);
  std::optional<Error> error;
  const JsonCursor root(json, "", error);
  const std::string found = root.at("schema").text();
  if (!error.has_value() && found != schema) {
    return runtime_error("{}: schema '{}' is not known here; this version reads {}", name, found,
                         schema);
  }
  auto read_value = read(root);
  if (error.has_value()) return error->within(name);
  return read_value;
}

}  // namespace lode::record
