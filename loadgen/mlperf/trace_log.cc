// mlperf_log_trace.json, in Chrome's trace format: a million events are formatted in well under a
// second, so digits are written by hand.
#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "loadgen/mlperf/logs.h"

namespace mlperf {
namespace {

constexpr std::size_t kEventBytes = 320;

class Writer {
 public:
  explicit Writer(std::string& text) : text_(text) {}

  Writer& operator<<(std::string_view piece) {
    text_.append(piece);
    return *this;
  }
  Writer& operator<<(std::int64_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
    text_.append(digits, end);
    return *this;
  }
  /// The format counts in microseconds.
  Writer& us(std::int64_t ns) {
    *this << ns / 1000 << ".";
    const auto rest = static_cast<int>(ns % 1000);
    const char digits[3] = {static_cast<char>('0' + rest / 100),
                            static_cast<char>('0' + rest / 10 % 10),
                            static_cast<char>('0' + rest % 10)};
    text_.append(digits, 3);
    return *this;
  }

 private:
  std::string& text_;
};

}  // namespace

std::string trace_log(const lode::record::RawTimes& raw, std::string_view sut_name, bool overlaps) {
  std::string text = R"({"traceEvents":[{"name":"process_name","ph":"M","pid":1,"args":{"name":)";
  text += nlohmann::json(sut_name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text += "}}";
  text.reserve(text.size() + raw.scheduled_ns.size() * kEventBytes / 2 + 64);
  Writer out(text);
  std::size_t sample = 0;
  for (std::size_t q = 0; q < raw.scheduled_ns.size(); ++q) {
    const std::size_t first = sample;
    while (sample < raw.sample_query.size() &&
           raw.sample_query[sample] == static_cast<std::int64_t>(q)) {
      ++sample;
    }
    if (raw.completed_ns[q] < 0) continue;
    const std::int64_t begin_ns = std::max<std::int64_t>(raw.scheduled_ns[q], 0);
    const auto id = static_cast<std::int64_t>(q);
    out << ",\n{\"name\":\"query\",\"pid\":1,\"tid\":1,\"ts\":";
    out.us(begin_ns) << ",\"ph\":\"" << (overlaps ? "b" : "X") << "\"";
    if (overlaps) {
      out << ",\"cat\":\"query\",\"id\":" << id;
    } else {
      out << ",\"dur\":";
      out.us(raw.completed_ns[q] - begin_ns);
    }
    out << ",\"args\":{\"query\":" << id
        << ",\"samples\":" << static_cast<std::int64_t>(sample - first)
        << ",\"first_index\":" << (first < sample ? raw.sample_index[first] : -1)
        << ",\"issue_lag_us\":";
    out.us(std::max<std::int64_t>(raw.issued_ns[q] - begin_ns, 0)) << "}}";
    if (!overlaps) continue;
    out << ",\n{\"name\":\"query\",\"pid\":1,\"tid\":1,\"ph\":\"e\",\"cat\":\"query\",\"id\":" << id
        << ",\"ts\":";
    out.us(raw.completed_ns[q]) << "}";
  }
  text += "\n]}\n";
  return text;
}

}  // namespace mlperf
