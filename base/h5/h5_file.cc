#include "base/h5/h5_file.h"

#include <algorithm>
#include <array>
#include <limits>
#include <system_error>

#include "base/h5/h5_impl.h"

namespace lode::h5 {
namespace {

/// A chunk is held in memory whole, by the reader too.
constexpr std::uint64_t kChunkBytesMax = std::uint64_t{1} << 30;
/// What an unlimited dataset without a stated chunk gets, about.
constexpr std::uint64_t kDefaultChunkBytes = 64U << 10;

struct StoredType {
  DType dtype;
  hid_t (*stored)();  ///< always little-endian
  hid_t (*memory)();
};
// H5T_* are macros that read variables of the library, so each is a function here.
constexpr std::array kStoredTypes = {
    StoredType{DType::kF32, [] { return H5T_IEEE_F32LE; }, [] { return H5T_NATIVE_FLOAT; }},
    StoredType{DType::kF64, [] { return H5T_IEEE_F64LE; }, [] { return H5T_NATIVE_DOUBLE; }},
    StoredType{DType::kU8, [] { return H5T_STD_U8LE; }, [] { return H5T_NATIVE_UINT8; }},
    StoredType{DType::kI8, [] { return H5T_STD_I8LE; }, [] { return H5T_NATIVE_INT8; }},
    StoredType{DType::kU16, [] { return H5T_STD_U16LE; }, [] { return H5T_NATIVE_UINT16; }},
    StoredType{DType::kI16, [] { return H5T_STD_I16LE; }, [] { return H5T_NATIVE_INT16; }},
    StoredType{DType::kU32, [] { return H5T_STD_U32LE; }, [] { return H5T_NATIVE_UINT32; }},
    StoredType{DType::kI32, [] { return H5T_STD_I32LE; }, [] { return H5T_NATIVE_INT32; }},
    StoredType{DType::kU64, [] { return H5T_STD_U64LE; }, [] { return H5T_NATIVE_UINT64; }},
    StoredType{DType::kI64, [] { return H5T_STD_I64LE; }, [] { return H5T_NATIVE_INT64; }},
};

const StoredType* find_type(DType dtype) {
  const auto* found = std::find_if(kStoredTypes.begin(), kStoredTypes.end(),
                                   [&](const StoredType& type) { return type.dtype == dtype; });
  return found == kStoredTypes.end() ? nullptr : found;
}

std::vector<hsize_t> to_extents(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

/// What a stored type is, for the message that refuses it.
std::string describe_type(hid_t type) {
  const std::size_t bytes = H5Tget_size(type);
  const H5T_class_t kind = H5Tget_class(type);
  const char* order = H5Tget_order(type) == H5T_ORDER_BE ? "big-endian " : "";
  if (kind == H5T_FLOAT) return fmt::format("{}{}-byte float", order, bytes);
  if (kind == H5T_INTEGER) return fmt::format("{}{}-byte integer", order, bytes);
  if (kind == H5T_STRING) return "string";
  return "neither a number nor a string";
}

/// Elements of one row.
std::uint64_t row_elements(const Shape& shape) {
  std::uint64_t count = 1;
  for (std::size_t axis = 1; axis < shape.rank(); ++axis) {
    count *= static_cast<std::uint64_t>(shape[axis]);
  }
  return count;
}

/// The first extent is `rows`; the rest as in the file.
SpaceHandle memory_space(const Shape& stored, std::uint64_t rows) {
  std::vector<hsize_t> extents = to_extents(stored);
  extents[0] = rows;
  return SpaceHandle(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr));
}

/// The rows [first, first + rows) of a dataset, as a selection.
SpaceHandle row_selection(hid_t dataset, const Shape& stored, std::uint64_t first,
                          std::uint64_t rows) {
  std::vector<hsize_t> start(stored.rank(), 0);
  std::vector<hsize_t> count = to_extents(stored);
  start[0] = first;
  count[0] = rows;
  SpaceHandle space(H5Dget_space(dataset));
  if (!space.ok() || H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr,
                                         count.data(), nullptr) < 0) {
    return {};
  }
  return space;
}

/// The creation properties of a dataset; not ok() if HDF5 refuses a value.
ListHandle creation_list(const std::vector<hsize_t>& chunk, const StorageOptions& options) {
  ListHandle list(H5Pcreate(H5P_DATASET_CREATE));
  const bool ok = list.ok() && H5Pset_obj_track_times(list.get(), false) >= 0 &&
                  (chunk.empty() ||
                   H5Pset_chunk(list.get(), static_cast<int>(chunk.size()), chunk.data()) >= 0) &&
                  (options.deflate == 0 ||
                   H5Pset_deflate(list.get(), static_cast<unsigned>(options.deflate)) >= 0) &&
                  (!options.fletcher32 || H5Pset_fletcher32(list.get()) >= 0);
  return ok ? std::move(list) : ListHandle();
}

/// The chunk of a dataset: the one asked for, or a default where the dataset has to grow.
std::vector<hsize_t> chunk_extents(const Shape& shape, DType dtype, const StorageOptions& options) {
  if (!options.chunk.empty()) {
    LODE_ASSERT(options.chunk.rank() == shape.rank());
    return to_extents(options.chunk);
  }
  LODE_ASSERT(options.deflate == 0 && !options.fletcher32);
  if (shape.empty() || shape[0] != 0) return {};
  std::vector<hsize_t> chunk = to_extents(shape);
  const std::uint64_t row_bytes =
      std::max<std::uint64_t>(1, row_elements(shape) * dtype_size(dtype));
  chunk[0] = std::max<std::uint64_t>(1, kDefaultChunkBytes / row_bytes);
  return chunk;
}

/// Product of the extents, saturated.
std::uint64_t product(std::span<const hsize_t> extents, std::uint64_t factor) {
  std::uint64_t value = factor;
  for (const hsize_t extent : extents) {
    if (__builtin_mul_overflow(value, extent, &value)) return UINT64_MAX;
  }
  return value;
}

std::string rows_text(std::string_view verb, std::uint64_t first, std::uint64_t rows) {
  if (rows == 1) return fmt::format("cannot {} row {}", verb, first);
  return fmt::format("cannot {} rows {} to {}", verb, first, first + rows - 1);
}

/// Extents, checked to fit Shape and 63 bits, so that products of them are safe.
Status read_extents(hid_t dataset, Shape& shape) {
  const SpaceHandle space(H5Dget_space(dataset));
  std::array<hsize_t, H5S_MAX_RANK> extents{};
  const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.get()) : -1;
  if (rank < 0) return runtime_error("cannot read its extents: {}", last_reason());
  if (rank > static_cast<int>(Shape::kMaxRank)) return runtime_error("has rank {}", rank);
  if (H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr) < 0) {
    return runtime_error("cannot read its extents: {}", last_reason());
  }
  const std::span<const hsize_t> used(extents.data(), static_cast<std::size_t>(rank));
  for (const hsize_t extent : used) {
    if (extent > static_cast<hsize_t>(INT64_MAX)) return runtime_error("has extent {}", extent);
    shape.push_back(static_cast<std::int64_t>(extent));
  }
  if (product(used, sizeof(double)) > static_cast<std::uint64_t>(INT64_MAX)) {
    return runtime_error("extents {} are too large", shape.to_string());
  }
  return {};
}

/// Chunk and filters.
Status read_storage(hid_t dataset, DatasetInfo& info) {
  const ListHandle list(H5Dget_create_plist(dataset));
  if (!list.ok()) return runtime_error("cannot read how it is stored: {}", last_reason());
  if (H5Pget_layout(list.get()) == H5D_CHUNKED) {
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    const int rank = H5Pget_chunk(list.get(), H5S_MAX_RANK, chunk.data());
    if (rank != static_cast<int>(info.shape.rank())) {
      return runtime_error("chunks have rank {}, the dataset {}", rank, info.shape.rank());
    }
    for (int axis = 0; axis < rank; ++axis) {
      info.chunk.push_back(static_cast<std::int64_t>(chunk[static_cast<std::size_t>(axis)]));
    }
  }
  const int filters = H5Pget_nfilters(list.get());
  for (int i = 0; i < filters; ++i) {
    std::array<unsigned, 8> values{};
    std::size_t count = values.size();
    unsigned flags = 0;
    unsigned config = 0;
    const H5Z_filter_t filter = H5Pget_filter2(list.get(), static_cast<unsigned>(i), &flags, &count,
                                               values.data(), 0, nullptr, &config);
    if (filter == H5Z_FILTER_DEFLATE) info.deflate = count > 0 ? static_cast<int>(values[0]) : 0;
    if (filter == H5Z_FILTER_FLETCHER32) info.fletcher32 = true;
  }
  return {};
}

Result<DatasetInfo> read_info(hid_t dataset) {
  DatasetInfo info;
  LODE_CHECK_OK(read_extents(dataset, info.shape));
  LODE_CHECK_OK(read_storage(dataset, info));
  const TypeHandle type(H5Dget_type(dataset));
  for (const StoredType& candidate : kStoredTypes) {
    if (type.ok() && H5Tequal(type.get(), candidate.stored()) > 0) {
      info.dtype = candidate.dtype;
      return info;
    }
  }
  return runtime_error(
      "elements are of a type that is not read here ({}); supported are "
      "little-endian floats of 4 and 8 bytes and integers of 1 to 8",
      type.ok() ? describe_type(type.get()) : last_reason());
}

/// The file begins as one of HDF5's formats that have checksums on their structures. The library
/// trusts what it finds in the older ones, where one damaged byte may crash it.
Status check_signature(const Device& device) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  constexpr unsigned kVersionMin = 2;
  std::array<char, kSignature.size() + 1> head{};
  if (!device.read_at(0, head.size(), head.data())) return runtime_error("cannot read");
  if (std::string_view(head.data(), kSignature.size()) != kSignature) {
    return runtime_error("not an HDF5 file");
  }
  if (static_cast<unsigned char>(head.back()) >= kVersionMin) return {};
  return runtime_error(
      "written in HDF5's oldest format, which has no checksums; convert it with "
      "h5repack --low=2 --high=2");
}

/// Every chunk that the rows touch is in the file: HDF5 reads a missing one as zeros, silently.
Status check_chunks_present(hid_t dataset, const DatasetInfo& info, std::uint64_t first,
                            std::uint64_t rows) {
  if (info.chunk.empty()) return {};
  std::vector<hsize_t> offset(info.shape.rank(), 0);
  const auto chunk_rows = static_cast<std::uint64_t>(info.chunk[0]);
  for (offset[0] = first - first % chunk_rows; offset[0] < first + rows; offset[0] += chunk_rows) {
    hsize_t bytes = 0;
    if (H5Dget_chunk_storage_size(dataset, offset.data(), &bytes) < 0 || bytes == 0) {
      return runtime_error("the chunk at row {} is missing", offset[0]);
    }
  }
  return {};
}

}  // namespace

Error File::Impl::error(std::string_view name, std::string_view what) const {
  std::string reason(what);
  if (device != nullptr && device->failure() != 0) {
    reason = "cannot write: " + std::generic_category().message(device->failure());
  }
  return name.empty() ? runtime_error("{}: {}", path, reason)
                      : runtime_error("{}: {}: {}", path, name, reason);
}

Error File::Impl::library_error(std::string_view name, std::string_view what) const {
  const std::string reason = last_reason();
  return error(name, fmt::format("{}: {}", what, reason));
}

Status File::Impl::check_written(std::string_view name) const {
  if (device->failure() != 0) return error(name, {});
  return {};
}

Status File::Impl::check_writable(std::string_view name) const {
  LODE_ASSERT(file.ok() && writable);
  return check_written(name);
}

bool File::Impl::exists(std::string_view name) const {
  LODE_ASSERT(file.ok());
  std::size_t end = 0;
  while (end != std::string_view::npos) {
    end = name.find('/', end + 1);
    const std::string part(name.substr(0, end));
    H5L_info_t link = {};
    if (part.empty() || part == "/") continue;
    if (H5Lexists(file.get(), part.c_str(), H5P_DEFAULT) <= 0 ||
        H5Lget_info(file.get(), part.c_str(), &link, H5P_DEFAULT) < 0 ||
        link.type != H5L_TYPE_HARD) {
      return false;
    }
  }
  return true;
}

Result<hid_t> File::Impl::dataset(std::string_view name) {
  prepare_library();
  const auto known = datasets.find(name);
  if (known != datasets.end()) return known->second.get();
  if (!exists(name)) return error(name, "no such dataset in this file");
  const std::string key(name);
  DatasetHandle handle(H5Dopen2(file.get(), key.c_str(), H5P_DEFAULT));
  if (!handle.ok()) return library_error(name, "cannot open");
  const ListHandle list(H5Dget_create_plist(handle.get()));
  const H5D_layout_t layout = list.ok() ? H5Pget_layout(list.get()) : H5D_LAYOUT_ERROR;
  if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
    return error(name, "is stored in a way that is not read here (virtual or unknown layout)");
  }
  if (H5Pget_external_count(list.get()) > 0) {
    return error(name, "has its data in other files, which is refused");
  }
  if (layout == H5D_CHUNKED) {
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    const int rank = H5Pget_chunk(list.get(), H5S_MAX_RANK, chunk.data());
    const TypeHandle type(H5Dget_type(handle.get()));
    const std::uint64_t bytes =
        rank < 1 || !type.ok()
            ? UINT64_MAX
            : product({chunk.data(), static_cast<std::size_t>(rank)}, H5Tget_size(type.get()));
    if (bytes > kChunkBytesMax) {
      return error(name, fmt::format("chunks of {} bytes; at most {}", bytes, kChunkBytesMax));
    }
  }
  return datasets.emplace(key, std::move(handle)).first->second.get();
}

bool plausible_size(const Device& device, std::uint64_t count, std::uint64_t size, bool deflated) {
  constexpr std::uint64_t kDeflateRatioMax = 1032;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return false;
  return bytes / (deflated ? kDeflateRatioMax : 1) <= device.size();
}

File::File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
File::File(File&& other) noexcept = default;
File& File::operator=(File&& other) noexcept = default;
File::~File() = default;

Result<File> File::open(const std::filesystem::path& path) {
  prepare_library();
  auto impl = std::make_unique<Impl>();
  impl->path = path.string();
  LODE_TRY(impl->device, Device::open_for_reading(path));
  const Status signature = check_signature(*impl->device);
  if (!signature.ok()) return impl->error({}, signature.error().message);
  const ListHandle access(H5Pcreate(H5P_FILE_ACCESS));
  if (!access.ok() || !impl->device->attach_to(access.get())) {
    return impl->library_error({}, "cannot open");
  }
  impl->file = FileHandle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  if (!impl->file.ok()) return impl->library_error({}, "not a readable HDF5 file");
  return File(std::move(impl));
}

Result<File> File::create(const std::filesystem::path& path,
                          const std::filesystem::path& shown_as) {
  prepare_library();
  auto impl = std::make_unique<Impl>();
  impl->path = shown_as.empty() ? path.string() : shown_as.string();
  impl->writable = true;
  LODE_TRY(impl->device, Device::create(path, impl->path));
  const ListHandle access(H5Pcreate(H5P_FILE_ACCESS));
  // The newer format has checksums on its own structures too.
  if (!access.ok() || !impl->device->attach_to(access.get()) ||
      H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) < 0) {
    return impl->library_error({}, "cannot create");
  }
  impl->file = FileHandle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
  if (!impl->file.ok()) return impl->library_error({}, "cannot create");
  return File(std::move(impl));
}

Status File::close() {
  if (impl_ == nullptr) return {};
  const std::unique_ptr<Impl> impl = std::move(impl_);
  for (auto& [name, handle] : impl->datasets) {
    if (!handle.close()) return impl->library_error(name, "cannot close");
  }
  if (!impl->file.close()) return impl->library_error({}, "cannot close");
  impl->device->sync();
  return impl->check_written({});
}

bool File::has(std::string_view name) const {
  return impl_->exists(name);
}

Result<DatasetInfo> File::info(std::string_view name) const {
  LODE_TRY(const hid_t dataset, impl_->dataset(name));
  Result<DatasetInfo> info = read_info(dataset);
  if (!info.ok()) return impl_->error(name, info.error().message);
  // What is being written may well be larger than what is there of it.
  if (!impl_->writable &&
      !plausible_size(*impl_->device, static_cast<std::uint64_t>(info->shape.element_count()),
                      dtype_size(info->dtype), info->deflate > 0)) {
    return impl_->error(name, fmt::format("{} {} are more than the file can hold: it is damaged",
                                          info->shape.to_string(), dtype_name(info->dtype)));
  }
  return info;
}

Status File::create_dataset(std::string_view name, DType dtype, const Shape& shape,
                            const StorageOptions& options) {
  LODE_CHECK_OK(impl_->check_writable(name));
  LODE_ASSERT(shape.is_static());
  const StoredType* type = find_type(dtype);
  if (type == nullptr) {
    return impl_->error(name, fmt::format("cannot store elements of type {}", dtype_name(dtype)));
  }
  const std::vector<hsize_t> chunk = chunk_extents(shape, dtype, options);
  if (!chunk.empty() && product(chunk, dtype_size(dtype)) > kChunkBytesMax) {
    return impl_->error(name, fmt::format("chunks of {} bytes; at most {}: use fewer rows a chunk",
                                          product(chunk, dtype_size(dtype)), kChunkBytesMax));
  }
  const std::vector<hsize_t> extents = to_extents(shape);
  std::vector<hsize_t> most = extents;
  if (!most.empty() && most[0] == 0) most[0] = H5S_UNLIMITED;
  const SpaceHandle space(
      H5Screate_simple(static_cast<int>(extents.size()), extents.data(), most.data()));
  const ListHandle storage = creation_list(chunk, options);
  const ListHandle links(H5Pcreate(H5P_LINK_CREATE));
  if (!space.ok() || !storage.ok() || !links.ok() ||
      H5Pset_create_intermediate_group(links.get(), 1) < 0) {
    return impl_->library_error(name, "cannot create");
  }
  const std::string key(name);
  DatasetHandle handle(H5Dcreate2(impl_->file.get(), key.c_str(), type->stored(), space.get(),
                                  links.get(), storage.get(), H5P_DEFAULT));
  if (!handle.ok()) return impl_->library_error(name, "cannot create");
  impl_->datasets.insert_or_assign(key, std::move(handle));
  return impl_->check_written(name);
}

Status File::write_rows(std::string_view name, std::uint64_t first, std::uint64_t rows,
                        TensorView data) {
  LODE_CHECK_OK(impl_->check_writable(name));
  LODE_TRY(const hid_t dataset, impl_->dataset(name));
  LODE_TRY(DatasetInfo stored, info(name));
  LODE_ASSERT(stored.dtype == data.dtype && !stored.shape.empty());
  LODE_ASSERT(static_cast<std::uint64_t>(data.element_count()) ==
              rows * row_elements(stored.shape));
  if (rows == 0) return {};
  if (first + rows > static_cast<std::uint64_t>(stored.shape[0])) {
    std::vector<hsize_t> extents = to_extents(stored.shape);
    extents[0] = first + rows;
    if (H5Dset_extent(dataset, extents.data()) < 0) {
      return impl_->library_error(name, fmt::format("cannot grow to {} rows", extents[0]));
    }
  }
  const SpaceHandle memory = memory_space(stored.shape, rows);
  const SpaceHandle selection = row_selection(dataset, stored.shape, first, rows);
  if (!memory.ok() || !selection.ok() ||
      H5Dwrite(dataset, find_type(data.dtype)->memory(), memory.get(), selection.get(), H5P_DEFAULT,
               data.data) < 0) {
    return impl_->library_error(name, rows_text("write", first, rows));
  }
  return impl_->check_written(name);
}

Status File::read_rows(std::string_view name, std::uint64_t first, std::uint64_t rows,
                       MutableTensorView out) const {
  LODE_TRY(const hid_t dataset, impl_->dataset(name));
  LODE_TRY(const DatasetInfo stored, info(name));
  if (stored.dtype != out.dtype) {
    return impl_->error(name, fmt::format("holds {} where {} is expected", dtype_name(stored.dtype),
                                          dtype_name(out.dtype)));
  }
  const auto available = stored.shape.empty() ? 0 : static_cast<std::uint64_t>(stored.shape[0]);
  if (first > available || rows > available - first) {
    return impl_->error(name,
                        fmt::format("{}: it has {}", rows_text("read", first, rows), available));
  }
  if (rows * row_elements(stored.shape) != static_cast<std::uint64_t>(out.element_count())) {
    return impl_->error(name, fmt::format("holds {}, which does not fit {} rows as {}",
                                          stored.shape.to_string(), rows, out.shape.to_string()));
  }
  if (out.element_count() == 0) return {};
  const Status present = check_chunks_present(dataset, stored, first, rows);
  if (!present.ok()) {
    return impl_->error(name, rows_text("read", first, rows) + ": " + present.error().message);
  }
  const SpaceHandle memory = memory_space(stored.shape, rows);
  const SpaceHandle selection = row_selection(dataset, stored.shape, first, rows);
  if (!memory.ok() || !selection.ok() ||
      H5Dread(dataset, find_type(out.dtype)->memory(), memory.get(), selection.get(), H5P_DEFAULT,
              out.data) < 0) {
    return impl_->library_error(name, rows_text("read", first, rows));
  }
  return {};
}

}  // namespace lode::h5
