#include "engine/onnx/weight_scan.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <climits>
#include <utility>

#include "engine/onnx/proto.h"

namespace lode::engine {

namespace {

namespace io = google::protobuf::io;
using google::protobuf::internal::WireFormatLite;

constexpr std::uint32_t bytes_tag(int field) {
  return static_cast<std::uint32_t>(field) << 3U | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}
constexpr std::uint32_t kGraph = bytes_tag(onnx::ModelProto::kGraphFieldNumber);
constexpr std::uint32_t kInitialiser = bytes_tag(onnx::GraphProto::kInitializerFieldNumber);
constexpr std::uint32_t kRawData = bytes_tag(onnx::TensorProto::kRawDataFieldNumber);

class Scanner {
 public:
  explicit Scanner(io::CodedInputStream& input) : input_(input) {}

  /// Copies fields up to the limit, but hands those of tag `watched` to `take(length, output)`.
  template <typename Take>
  bool copy(std::uint32_t watched, std::string& to, const Take& take) {
    io::StringOutputStream stream(&to);
    io::CodedOutputStream output(&stream);
    while (const std::uint32_t tag = input_.ReadTag()) {
      if (tag != watched) {
        if (!WireFormatLite::SkipField(&input_, tag, &output)) return false;
        continue;
      }
      std::uint32_t length = 0;
      if (!input_.ReadVarint32(&length)) return false;
      if (length > static_cast<std::uint32_t>(input_.BytesUntilLimit())) return false;
      if (!take(static_cast<int>(length), output)) return false;
    }
    return input_.ConsumedEntireMessage() && input_.BytesUntilLimit() == 0;
  }

  /// A message inside a field: its fields by `copy_fields(inner)`, then the field itself.
  template <typename CopyFields>
  bool nest(std::uint32_t tag, int length, io::CodedOutputStream& output,
            const CopyFields& copy_fields) {
    const auto outer = input_.PushLimit(length);
    std::string inner;
    if (!copy_fields(inner)) return false;
    input_.PopLimit(outer);
    output.WriteTag(tag);
    output.WriteVarint32(static_cast<std::uint32_t>(inner.size()));
    output.WriteString(inner);
    return true;
  }

  bool model(WeightScan& scan) {
    bool has_graph = false;
    return copy(kGraph, scan.rest, [&](int length, io::CodedOutputStream& output) {
      if (std::exchange(has_graph, true)) return false;
      return nest(kGraph, length, output, [&](std::string& inner) { return graph(scan, inner); });
    });
  }

 private:
  bool graph(WeightScan& scan, std::string& to) {
    return copy(kInitialiser, to, [&](int length, io::CodedOutputStream& output) {
      auto& raw = scan.initialisers.emplace_back();
      return nest(kInitialiser, length, output,
                  [&](std::string& inner) { return tensor(raw, inner); });
    });
  }

  bool tensor(std::optional<RawRange>& raw, std::string& to) {
    bool has_raw = false;
    return copy(kRawData, to, [&](int length, io::CodedOutputStream& output) {
      if (std::exchange(has_raw, true)) return false;
      if (length >= kLargeBytes) {
        raw = RawRange{input_.CurrentPosition(), length};
        return input_.Skip(length);
      }
      std::string small;
      if (!input_.ReadString(&small, length)) return false;
      output.WriteTag(kRawData);
      output.WriteVarint32(static_cast<std::uint32_t>(length));
      output.WriteString(small);
      return true;
    });
  }

  io::CodedInputStream& input_;
};

}  // namespace

std::optional<WeightScan> scan_weights(io::ZeroCopyInputStream& stream, std::int64_t size) {
  if (size <= 0 || size >= INT_MAX) return std::nullopt;
  io::CodedInputStream input(&stream);
  input.SetTotalBytesLimit(INT_MAX);
  input.PushLimit(static_cast<int>(size));
  WeightScan scan;
  if (!Scanner(input).model(scan)) return std::nullopt;
  return scan;
}

}  // namespace lode::engine
