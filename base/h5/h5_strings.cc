// The text side of h5::File: datasets of strings, and the attributes of the root group.
#include <algorithm>
#include <cstring>

#include "base/h5/h5_impl.h"

namespace lode::h5 {
namespace {

/// More than any attribute of ours; a longer one is damage.
constexpr std::uint64_t kAttributeBytesMax = std::uint64_t{16} << 20;
constexpr std::uint64_t kStringChunkBytes = std::uint64_t{1} << 20;

/// Strings of `bytes` bytes in UTF-8, padded with zeros.
TypeHandle fixed_string(std::size_t bytes) {
  TypeHandle type(H5Tcopy(H5T_C_S1));
  const bool ok = type.ok() && H5Tset_size(type.get(), std::max<std::size_t>(1, bytes)) >= 0 &&
                  H5Tset_strpad(type.get(), H5T_STR_NULLPAD) >= 0 &&
                  H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0;
  return ok ? std::move(type) : TypeHandle();
}

std::string unpadded(const char* text, std::size_t bytes) {
  return {text, ::strnlen(text, bytes)};
}

/// The number of elements in a simple space, or 0 with `ok` false.
std::uint64_t element_count(const SpaceHandle& space, bool& ok) {
  const hssize_t count = space.ok() ? H5Sget_simple_extent_npoints(space.get()) : -1;
  ok = count >= 0;
  return ok ? static_cast<std::uint64_t>(count) : 0;
}

/// An open attribute of the root group with what reading it needs.
struct OpenAttribute {
  AttributeHandle attribute;
  TypeHandle type;
  std::uint64_t count = 0;
};

Result<OpenAttribute> open_attribute(hid_t file, const std::string& name, H5T_class_t kind,
                                     std::string_view kind_name) {
  const htri_t exists = H5Aexists(file, name.c_str());
  if (exists < 0) return runtime_error("cannot read: {}", last_reason());
  if (exists == 0) return runtime_error("no such attribute in this file");
  OpenAttribute open;
  open.attribute = AttributeHandle(H5Aopen(file, name.c_str(), H5P_DEFAULT));
  if (!open.attribute.ok()) return runtime_error("cannot read: {}", last_reason());
  open.type = TypeHandle(H5Aget_type(open.attribute.get()));
  const SpaceHandle space(H5Aget_space(open.attribute.get()));
  bool counted = false;
  open.count = element_count(space, counted);
  if (!open.type.ok() || !counted) return runtime_error("cannot read: {}", last_reason());
  if (H5Tget_class(open.type.get()) != kind) return runtime_error("is not a {}", kind_name);
  if (open.count > kAttributeBytesMax / std::max<std::size_t>(1, H5Tget_size(open.type.get()))) {
    return runtime_error("is longer than {} bytes", kAttributeBytesMax);
  }
  return open;
}

std::string attribute_label(std::string_view name) {
  return fmt::format("attribute '{}'", name);
}

/// Strings of variable length lie in a heap without checksums, and HDF5 1.10 trusts the sizes that
/// it finds there: one damaged byte may crash it. Fixed lengths have no such heap.
Status check_fixed_length(const TypeHandle& type) {
  if (H5Tis_variable_str(type.get()) == 0) return {};
  return runtime_error("holds text of variable length; store it with a fixed length");
}

Result<std::string> read_text(const OpenAttribute& open) {
  if (open.count != 1) return runtime_error("holds {} strings where one is expected", open.count);
  LODE_CHECK_OK(check_fixed_length(open.type));
  std::string value(H5Tget_size(open.type.get()), '\0');
  if (H5Aread(open.attribute.get(), open.type.get(), value.data()) < 0) {
    return runtime_error("cannot read: {}", last_reason());
  }
  return unpadded(value.data(), value.size());
}

/// Replaces the attribute.
Status write_attribute(hid_t file, std::string_view name, hid_t stored, hid_t memory,
                       const SpaceHandle& space, const void* data) {
  // HDF5 wants a pointer even where there is nothing to read from it.
  static constexpr char kNothing = 0;
  if (data == nullptr) data = &kNothing;
  const std::string key(name);
  if (H5Aexists(file, key.c_str()) > 0 && H5Adelete(file, key.c_str()) < 0) {
    return runtime_error("cannot replace: {}", last_reason());
  }
  if (!space.ok()) return runtime_error("cannot write: {}", last_reason());
  const AttributeHandle attribute(
      H5Acreate2(file, key.c_str(), stored, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.ok() || H5Awrite(attribute.get(), memory, data) < 0) {
    return runtime_error("cannot write: {}", last_reason());
  }
  return {};
}

}  // namespace

Status File::write_strings(std::string_view name, std::span<const std::string> values) {
  LODE_CHECK_OK(impl_->check_writable(name));
  std::size_t longest = 1;
  for (const std::string& value : values) longest = std::max(longest, value.size());
  std::string packed(values.size() * longest, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::copy(values[i].begin(), values[i].end(),
              packed.begin() + static_cast<std::ptrdiff_t>(i * longest));
  }
  const TypeHandle type = fixed_string(longest);
  const hsize_t count = values.size();
  const hsize_t chunk =
      std::clamp<hsize_t>(kStringChunkBytes / longest, 1, std::max<hsize_t>(1, count));
  const SpaceHandle space(H5Screate_simple(1, &count, nullptr));
  const ListHandle storage(H5Pcreate(H5P_DATASET_CREATE));
  const ListHandle links(H5Pcreate(H5P_LINK_CREATE));
  if (!type.ok() || !space.ok() || !storage.ok() || !links.ok() ||
      H5Pset_create_intermediate_group(links.get(), 1) < 0 ||
      H5Pset_obj_track_times(storage.get(), false) < 0 ||
      (count > 0 &&
       (H5Pset_chunk(storage.get(), 1, &chunk) < 0 || H5Pset_fletcher32(storage.get()) < 0))) {
    return impl_->library_error(name, "cannot create");
  }
  const std::string key(name);
  DatasetHandle dataset(H5Dcreate2(impl_->file.get(), key.c_str(), type.get(), space.get(),
                                   links.get(), storage.get(), H5P_DEFAULT));
  if (!dataset.ok()) return impl_->library_error(name, "cannot create");
  if (count > 0 &&
      H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, packed.data()) < 0) {
    return impl_->library_error(name, "cannot write");
  }
  if (!dataset.close()) return impl_->library_error(name, "cannot write");
  return impl_->check_written(name);
}

Result<std::vector<std::string>> File::read_strings(std::string_view name) const {
  LODE_TRY(const hid_t dataset, impl_->dataset(name));
  const TypeHandle type(H5Dget_type(dataset));
  const SpaceHandle space(H5Dget_space(dataset));
  bool counted = false;
  const std::uint64_t count = element_count(space, counted);
  if (!type.ok() || !counted) return impl_->library_error(name, "cannot read");
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_ndims(space.get()) != 1) {
    return impl_->error(name, "is not a one-dimensional dataset of strings");
  }
  const Status fixed = check_fixed_length(type);
  if (!fixed.ok()) return impl_->error(name, fixed.error().message);
  const std::size_t size = H5Tget_size(type.get());
  if (!plausible_size(*impl_->device, count, size, true)) {
    return impl_->error(
        name, fmt::format("{} strings of {} bytes are more than the file can hold", count, size));
  }
  std::vector<std::string> values(count);
  std::vector<char> packed(count * size);
  if (count > 0 && H5Dread(dataset, type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, packed.data()) < 0) {
    return impl_->library_error(name, "cannot read");
  }
  for (std::size_t i = 0; i < count; ++i) values[i] = unpadded(packed.data() + i * size, size);
  return values;
}

Status File::set_attribute(std::string_view name, std::string_view value) {
  LODE_CHECK_OK(impl_->check_writable(name));
  const TypeHandle type = fixed_string(value.size());
  if (!type.ok()) return impl_->library_error(attribute_label(name), "cannot write");
  // HDF5 reads at least one byte, which an empty string_view need not have.
  const std::string text(value);
  const Status status = write_attribute(impl_->file.get(), name, type.get(), type.get(),
                                        SpaceHandle(H5Screate(H5S_SCALAR)), text.c_str());
  if (!status.ok()) return impl_->error(attribute_label(name), status.error().message);
  return impl_->check_written(attribute_label(name));
}

Status File::set_attribute(std::string_view name, std::int64_t value) {
  LODE_CHECK_OK(impl_->check_writable(name));
  const Status status = write_attribute(impl_->file.get(), name, H5T_STD_I64LE, H5T_NATIVE_INT64,
                                        SpaceHandle(H5Screate(H5S_SCALAR)), &value);
  if (!status.ok()) return impl_->error(attribute_label(name), status.error().message);
  return impl_->check_written(attribute_label(name));
}

Status File::set_attribute(std::string_view name, std::span<const float> values) {
  LODE_CHECK_OK(impl_->check_writable(name));
  const hsize_t count = values.size();
  const Status status =
      write_attribute(impl_->file.get(), name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                      SpaceHandle(H5Screate_simple(1, &count, nullptr)), values.data());
  if (!status.ok()) return impl_->error(attribute_label(name), status.error().message);
  return impl_->check_written(attribute_label(name));
}

Result<std::string> File::string_attribute(std::string_view name) const {
  auto open = open_attribute(impl_->file.get(), std::string(name), H5T_STRING, "string");
  if (!open.ok()) return impl_->error(attribute_label(name), open.error().message);
  Result<std::string> value = read_text(*open);
  if (!value.ok()) return impl_->error(attribute_label(name), value.error().message);
  return value;
}

Result<std::int64_t> File::int_attribute(std::string_view name) const {
  const auto open =
      open_attribute(impl_->file.get(), std::string(name), H5T_INTEGER, "whole number");
  if (!open.ok()) return impl_->error(attribute_label(name), open.error().message);
  if (open.value().count != 1) return impl_->error(attribute_label(name), "is not one number");
  std::int64_t value = 0;
  if (H5Aread(open.value().attribute.get(), H5T_NATIVE_INT64, &value) < 0) {
    return impl_->library_error(attribute_label(name), "cannot read");
  }
  return value;
}

Result<std::vector<float>> File::float_attribute(std::string_view name) const {
  const auto open = open_attribute(impl_->file.get(), std::string(name), H5T_FLOAT, "float");
  if (!open.ok()) return impl_->error(attribute_label(name), open.error().message);
  std::vector<float> values(open.value().count);
  if (!values.empty() &&
      H5Aread(open.value().attribute.get(), H5T_NATIVE_FLOAT, values.data()) < 0) {
    return impl_->library_error(attribute_label(name), "cannot read");
  }
  return values;
}

}  // namespace lode::h5
