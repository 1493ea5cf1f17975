#include "base/npy.h"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace lode {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kHeaderAlignment = 64;

struct Descriptor {
  std::string_view text;
  DType dtype;
};

constexpr std::array kDescriptors = {
    Descriptor{"<f4", DType::kF32}, Descriptor{"<f2", DType::kF16}, Descriptor{"<f8", DType::kF64},
    Descriptor{"|u1", DType::kU8},  Descriptor{"|i1", DType::kI8},  Descriptor{"<u2", DType::kU16},
    Descriptor{"<i2", DType::kI16}, Descriptor{"<u4", DType::kU32}, Descriptor{"<i4", DType::kI32},
    Descriptor{"<u8", DType::kU64}, Descriptor{"<i8", DType::kI64}, Descriptor{"|b1", DType::kBool},
};

/// The header is a Python dictionary literal with three fixed keys; this reads exactly that.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  bool accept(char c) {
    skip_space();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<std::string_view> quoted() {
    skip_space();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) return std::nullopt;
    const std::size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view result = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return result;
  }
  std::optional<bool> boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
      if (text_.starts_with(word)) {
        text_.remove_prefix(std::strlen(word));
        return value;
      }
    }
    return std::nullopt;
  }
  std::optional<std::int64_t> integer() {
    skip_space();
    std::int64_t value = 0;
    const auto [rest, code] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (code != std::errc{}) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(rest - text_.data()));
    return value;
  }

 private:
  void skip_space() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) {
      text_.remove_prefix(1);
    }
  }
  std::string_view text_;
};

struct Header {
  std::string_view descriptor;
  bool fortran_order = false;
  std::vector<std::int64_t> extents;
};

std::optional<std::vector<std::int64_t>> read_tuple(HeaderReader& reader) {
  std::vector<std::int64_t> extents;
  if (!reader.accept('(')) return std::nullopt;
  while (!reader.accept(')')) {
    const auto extent = reader.integer();
    if (!extent) return std::nullopt;
    extents.push_back(*extent);
    if (!reader.accept(',')) {
      if (!reader.accept(')')) return std::nullopt;
      break;
    }
  }
  return extents;
}

std::optional<Header> read_header(std::string_view text) {
  HeaderReader reader(text);
  Header header;
  int keys = 0;
  if (!reader.accept('{')) return std::nullopt;
  while (!reader.accept('}')) {
    const auto key = reader.quoted();
    if (!key || !reader.accept(':')) return std::nullopt;
    if (*key == "descr") {
      const auto value = reader.quoted();
      if (!value) return std::nullopt;
      header.descriptor = *value;
    } else if (*key == "fortran_order") {
      const auto value = reader.boolean();
      if (!value) return std::nullopt;
      header.fortran_order = *value;
    } else if (*key == "shape") {
      auto value = read_tuple(reader);
      if (!value) return std::nullopt;
      header.extents = std::move(*value);
    } else {
      return std::nullopt;
    }
    ++keys;
    reader.accept(',');
  }
  if (keys != 3) return std::nullopt;
  return header;
}

/// Splits a file into its header text and its data.
std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view file) {
  if (!file.starts_with(kMagic) || file.size() < 10) return std::nullopt;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(file[i]));
  };
  const std::size_t version = byte(6);
  if (version < 1 || version > 3) return std::nullopt;
  const std::size_t begin = version == 1 ? 10 : 12;
  if (file.size() < begin) return std::nullopt;
  std::size_t length = byte(8) | (byte(9) << 8);
  if (version > 1) length |= (byte(10) << 16) | (byte(11) << 24);
  if (file.size() - begin < length) return std::nullopt;
  return std::pair(file.substr(begin, length), file.substr(begin + length));
}

}  // namespace

Result<NpyArray> parse_npy(std::string_view file, std::string_view name) {
  const auto parts = split(file);
  const auto header = parts ? read_header(parts->first) : std::nullopt;
  if (!header) return runtime_error("{}: not a .npy file, or truncated in its header", name);
  if (header->fortran_order) {
    return runtime_error("{}: is in Fortran order; save numpy.ascontiguousarray(x)", name);
  }
  NpyArray array;
  bool known = false;
  for (const Descriptor& row : kDescriptors) {
    if (row.text != header->descriptor) continue;
    array.dtype = row.dtype;
    known = true;
  }
  if (!known) {
    return runtime_error("{}: element type '{}' is not supported; save little-endian numbers", name,
                         header->descriptor);
  }
  if (header->extents.size() > Shape::kMaxRank) {
    return runtime_error("{}: rank {} is above {}", name, header->extents.size(), Shape::kMaxRank);
  }
  std::size_t bytes = dtype_size(array.dtype);
  for (const std::int64_t extent : header->extents) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(extent), &bytes)) {
      return runtime_error("{}: extent {} in the header is out of range", name, extent);
    }
    array.shape.push_back(extent);
  }
  const std::string_view data = parts->second;
  if (data.size() != bytes) {
    return runtime_error("{}: shape {} of {} needs {} bytes, the file has {}", name,
                         array.shape.to_string(), dtype_name(array.dtype), bytes, data.size());
  }
  array.bytes.resize(bytes);
  if (bytes > 0) std::memcpy(array.bytes.data(), data.data(), bytes);
  return array;
}

Result<std::string> format_npy(const TensorView& tensor) {
  std::string_view descriptor;
  for (const Descriptor& row : kDescriptors) {
    if (row.dtype == tensor.dtype) descriptor = row.text;
  }
  if (descriptor.empty()) {
    return runtime_error("a {} tensor has no .npy form; cast it to f32 in the model",
                         dtype_name(tensor.dtype));
  }
  std::string extents;
  for (const std::int64_t extent : tensor.shape) extents += fmt::format("{}, ", extent);
  if (tensor.shape.rank() > 1) extents.resize(extents.size() - 2);
  if (tensor.shape.rank() == 1) extents.pop_back();
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                   descriptor, extents);
  const std::size_t unpadded = kMagic.size() + 4 + header.size() + 1;
  header.append((kHeaderAlignment - unpadded % kHeaderAlignment) % kHeaderAlignment, ' ');
  header += '\n';
  LODE_ASSERT(header.size() < 65536);

  std::string file(kMagic);
  file += '\x01';
  file += '\x00';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(tensor.data), tensor.byte_size());
  return file;
}

}  // namespace lode
