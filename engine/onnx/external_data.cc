#include "engine/onnx/external_data.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "base/units.h"
#include "engine/graph/quote.h"

namespace lode::engine {

namespace fs = std::filesystem;

namespace {

struct Location {
  std::string path;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
};

Result<Location> read_location(const onnx::TensorProto& proto) {
  Location location;
  for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") {
      location.path = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      Result<std::int64_t> number = parse_integer(entry.value(), 0, INT64_MAX);
      if (!number.ok()) {
        return runtime_error("external data: {} {} is not a byte count", entry.key(),
                             quote(entry.value()));
      }
      if (entry.key() == "offset") {
        location.offset = *number;
      } else {
        location.length = *number;
      }
    } else if (entry.key() != "checksum") {
      // The checksum is optional in ONNX and nearly nobody writes it; the size is checked anyway.
      return runtime_error("external data: key {} is not known", quote(entry.key()));
    }
  }
  if (location.path.empty()) return runtime_error("external data: no location is given");
  return location;
}

// The real path of `location` below `folder`, or an error if it could be anywhere else.
Result<fs::path> confine(const std::string& location, const fs::path& folder) {
  const fs::path relative(location);
  const bool climbs = std::find(relative.begin(), relative.end(), fs::path("..")) != relative.end();
  if (relative.is_absolute() || climbs || location.find('\0') != std::string::npos) {
    return runtime_error("external data {}: the location must be a path below the model's folder",
                         quote(location));
  }
  std::error_code code;
  const fs::path root = fs::canonical(folder, code);
  if (code) return runtime_error("external data {}: {}", quote(location), code.message());
  const fs::path target = fs::canonical(root / relative, code);
  if (code) return runtime_error("external data {}: {}", quote(location), code.message());
  const auto [root_end, _] = std::mismatch(root.begin(), root.end(), target.begin(), target.end());
  if (root_end != root.end()) {
    return runtime_error("external data {}: a symbolic link leaves the model's folder",
                         quote(location));
  }
  if (!fs::is_regular_file(target, code)) {
    return runtime_error("external data {}: is not a regular file", quote(location));
  }
  return target;
}

}  // namespace

Result<Tensor> read_external_tensor(const onnx::TensorProto& proto, DType dtype, const Shape& shape,
                                    const fs::path& folder) {
  if (folder.empty()) {
    return runtime_error("external data is not allowed here: the model has no folder");
  }
  LODE_TRY(const Location location, read_location(proto));
  LODE_TRY(const fs::path path, confine(location.path, folder));
  const auto needed = shape.element_count() * static_cast<std::int64_t>(dtype_size(dtype));
  if (location.length.has_value() && *location.length != needed) {
    return runtime_error("external data {}: length {} does not fit {} {}, which is {} bytes",
                         quote(location.path), *location.length, dtype_name(dtype),
                         shape.to_string(), needed);
  }
  std::error_code code;
  const std::uintmax_t file_size = fs::file_size(path, code);
  if (code) return runtime_error("external data {}: {}", quote(location.path), code.message());
  const auto offset = static_cast<std::uintmax_t>(location.offset);
  if (offset > file_size || file_size - offset < static_cast<std::uintmax_t>(needed)) {
    return runtime_error("external data {}: the file has {} bytes, {} from offset {} are needed",
                         quote(location.path), file_size, needed, location.offset);
  }
  std::ifstream file(path, std::ios::binary);
  file.seekg(location.offset);
  Tensor tensor(dtype, shape);
  file.read(reinterpret_cast<char*>(tensor.mutable_view().data), needed);
  if (!file.good()) {
    return runtime_error("external data {}: cannot be read", quote(location.path));
  }
  return tensor;
}

}  // namespace lode::engine
