#include "quant/calibration_table.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <set>

#include "base/file_io.h"

namespace lode::quant {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "lodestone.calibration/2";

Result<float> read_bound(const std::string& value, const Json& json) {
  if (!json.is_number()) {
    return runtime_error("ranges['{}']: a bound is {}, where a number belongs", value,
                         json.type_name());
  }
  const double bound = json.get<double>();
  const auto narrow = static_cast<float>(bound);
  if (!std::isfinite(bound) || !std::isfinite(narrow)) {
    return runtime_error("ranges['{}']: a bound of {} is no finite f32", value, bound);
  }
  return narrow;
}

Result<Range> read_range(const std::string& value, const Json& json) {
  if (!json.is_array() || json.size() != 2) {
    return runtime_error("ranges['{}']: expected [low, high]", value);
  }
  Range range;
  LODE_TRY(range.low, read_bound(value, json[0]));
  LODE_TRY(range.high, read_bound(value, json[1]));
  if (range.low > 0.0F || range.high < 0.0F) {
    return runtime_error("ranges['{}']: [{}, {}] does not hold 0, which every scheme keeps exact",
                         value, range.low, range.high);
  }
  return range;
}

Status check_keys(const Json& json) {
  if (!json.is_object()) return runtime_error("expected an object with the key 'schema'");
  if (json.contains("schema") && json["schema"] != kSchema) {
    return runtime_error(
        "schema is {}; this version reads '{}': calibrate anew with --write-calibration-table",
        json["schema"].dump(), kSchema);
  }
  const std::set<std::string> known = {"schema", "method", "samples", "equalised", "ranges"};
  for (const auto& [key, value] : json.items()) {
    if (!known.contains(key)) return runtime_error("key '{}' is unknown", key);
  }
  for (const std::string& key : known) {
    if (!json.contains(key)) return runtime_error("key '{}' is missing", key);
  }
  if (!json["method"].is_string()) return runtime_error("method: expected a text");
  if (!json["samples"].is_number_unsigned()) {
    return runtime_error("samples: expected a whole number that is not negative");
  }
  if (!json["equalised"].is_boolean()) return runtime_error("equalised: expected true or false");
  if (!json["ranges"].is_object()) return runtime_error("ranges: expected an object");
  return {};
}

/// Tells a key that stands twice in one object, of which nlohmann keeps the last.
class DuplicateKeys {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    (void)depth;
    if (event == Json::parse_event_t::object_start) open_.emplace_back();
    if (event == Json::parse_event_t::object_end) open_.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (!open_.back().insert(key).second && found.empty()) found = key;
    }
    return true;
  }
  std::string found;

 private:
  std::vector<std::set<std::string>> open_;
};

}  // namespace

std::string to_json(const CalibrationTable& table) {
  Json ranges = Json::object();
  for (const auto& [value, range] : table.ranges) ranges[value] = {range.low, range.high};
  const Json json = {{"schema", kSchema},
                     {"method", table.method},
                     {"samples", table.samples},
                     {"equalised", table.equalised},
                     {"ranges", std::move(ranges)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<CalibrationTable> parse_calibration_table(std::string_view text) {
  DuplicateKeys duplicates;
  const Json json = Json::parse(text, std::ref(duplicates), /*allow_exceptions=*/false);
  if (json.is_discarded()) return runtime_error("is not JSON");
  if (!duplicates.found.empty()) return runtime_error("key '{}' stands twice", duplicates.found);
  LODE_CHECK_OK(check_keys(json));
  CalibrationTable table;
  table.method = json["method"].get<std::string>();
  table.samples = json["samples"].get<std::uint64_t>();
  table.equalised = json["equalised"].get<bool>();
  for (const auto& [value, range] : json["ranges"].items()) {
    LODE_TRY(const Range read, read_range(value, range));
    table.ranges.emplace(value, read);
  }
  return table;
}

Result<CalibrationTable> read_calibration_table(const std::filesystem::path& path) {
  LODE_TRY(const std::string text, read_file(path));
  auto table = parse_calibration_table(text);
  if (!table.ok()) return table.error().within(path.string());
  return table;
}

}  // namespace lode::quant
