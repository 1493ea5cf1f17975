#include "datasets/store_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "datasets/image_list.h"
#include "datasets/store_format.h"

namespace lode::datasets {
namespace {

/// One sample has to fit in memory several times over.
constexpr std::int64_t kSampleElementsMax = std::int64_t{1} << 28;

}  // namespace

Error StoreReader::error(std::string_view what) const {
  return runtime_error("{}: {}", path_.string(), what);
}

Result<StoreReader> StoreReader::open(const std::filesystem::path& path) {
  LODE_TRY(h5::File file, h5::File::open(path));
  StoreReader reader(path, std::move(file));
  LODE_CHECK_OK(reader.read_attributes());
  LODE_CHECK_OK(reader.read_sample_extents());
  LODE_CHECK_OK(reader.read_labels());
  LODE_CHECK_OK(reader.read_calibration());
  return reader;
}

Status StoreReader::read_attributes() {
  const auto schema = file_.string_attribute(kSchemaAttribute);
  if (!schema.ok()) {
    return runtime_error("{}; is it a dataset that lode dataset made?", schema.error().message);
  }
  info_.schema = schema.value();
  if (info_.schema != kSchema) {
    return error(
        fmt::format("schema '{}' is not '{}', the one this version reads", info_.schema, kSchema));
  }
  LODE_TRY(const std::string layout, file_.string_attribute(kLayoutAttribute));
  LODE_TRY(const std::string dtype, file_.string_attribute(kDtypeAttribute));
  LODE_TRY(info_.color, file_.string_attribute(kColorAttribute));
  LODE_TRY(info_.mean, file_.float_attribute(kMeanAttribute));
  LODE_TRY(info_.std, file_.float_attribute(kStdAttribute));
  LODE_TRY(info_.source, file_.string_attribute(kSourceAttribute));
  LODE_TRY(info_.preprocessing, file_.string_attribute(kPreprocessingAttribute));
  LODE_TRY(info_.decoder, file_.string_attribute(kDecoderAttribute));
  LODE_TRY(info_.classes, file_.int_attribute(kClassesAttribute));
  if (const auto left_out = file_.int_attribute(kLeftOutAttribute); left_out.ok()) {
    info_.left_out = *left_out;
  }
  if (layout != kNhwc && layout != kNchw) {
    return error(fmt::format("attribute 'layout' is '{}', neither nhwc nor nchw", layout));
  }
  if (dtype != dtype_name(DType::kF32) && dtype != dtype_name(DType::kU8)) {
    return error(fmt::format("attribute 'dtype' is '{}', neither f32 nor u8", dtype));
  }
  if (info_.color != kRgb && info_.color != kGrey) {
    return error(fmt::format("attribute 'color' is '{}', neither rgb nor grey", info_.color));
  }
  info_.layout = layout == kNchw ? SampleLayout::kNchw : SampleLayout::kNhwc;
  info_.dtype = *dtype_from_name(dtype);
  const std::int64_t channels = info_.color == kRgb ? 3 : 1;
  const auto mean = per_channel(info_.mean, channels, 0, false, "attribute 'mean'");
  if (!mean.ok()) return error(mean.error().message);
  const auto std = per_channel(info_.std, channels, 1, true, "attribute 'std'");
  if (!std.ok()) return error(std.error().message);
  info_.mean = mean.value();
  info_.std = std.value();
  normaliser_ = Normaliser(info_.mean, info_.std);
  return {};
}

Status StoreReader::read_sample_extents() {
  LODE_TRY(const h5::DatasetInfo stored, file_.info(kSamples));
  const Shape& shape = stored.shape;
  if (shape.rank() != 4 || *std::min_element(shape.begin(), shape.end()) < 1) {
    return error(
        fmt::format("/samples is {}; four extents of at least 1 are needed", shape.to_string()));
  }
  if (stored.dtype != info_.dtype) {
    return error(fmt::format("/samples holds {}, attribute 'dtype' says {}",
                             dtype_name(stored.dtype), dtype_name(info_.dtype)));
  }
  const bool nchw = info_.layout == SampleLayout::kNchw;
  info_.samples = static_cast<std::uint64_t>(shape[0]);
  info_.sample_shape =
      nchw ? Shape{shape[1], shape[2], shape[3]} : Shape{shape[3], shape[1], shape[2]};
  if (info_.sample_shape[0] != static_cast<std::int64_t>(info_.mean.size())) {
    return error(fmt::format("/samples {} has {} channels, attribute 'color' says {}",
                             shape.to_string(), info_.sample_shape[0], info_.color));
  }
  if (info_.samples > kSamplesMax || info_.sample_shape.element_count() > kSampleElementsMax) {
    return error(
        fmt::format("/samples {} is larger than any dataset read here", shape.to_string()));
  }
  if (!stored.chunk.empty() &&
      !std::equal(shape.begin() + 1, shape.end(), stored.chunk.begin() + 1)) {
    return error(fmt::format("/samples {} has chunks {}; whole samples are needed",
                             shape.to_string(), stored.chunk.to_string()));
  }
  stored_shape_ = shape;
  sample_elements_ = static_cast<std::size_t>(info_.sample_shape.element_count());
  // A dataset without chunks is read in steps of the usual size.
  constexpr std::uint64_t kUsualChunk = 32;
  info_.chunk_samples =
      stored.chunk.empty() ? kUsualChunk : static_cast<std::uint64_t>(stored.chunk[0]);
  info_.chunk_samples = std::min(info_.chunk_samples, info_.samples);
  if (stored.deflate > 0) info_.filters = fmt::format("deflate({})", stored.deflate);
  if (stored.fletcher32) info_.filters += info_.filters.empty() ? "fletcher32" : "+fletcher32";
  return {};
}

Result<std::vector<std::int64_t>> StoreReader::read_integers(std::string_view name,
                                                             std::uint64_t limit) const {
  LODE_TRY(const h5::DatasetInfo stored, file_.info(name));
  if (stored.shape.rank() != 1 || stored.dtype != DType::kI64 ||
      static_cast<std::uint64_t>(stored.shape[0]) > limit) {
    return error(fmt::format("{} is {} {}; at most {} i64 are needed", name,
                             stored.shape.to_string(), dtype_name(stored.dtype), limit));
  }
  std::vector<std::int64_t> values(static_cast<std::size_t>(stored.shape[0]));
  const MutableTensorView view{reinterpret_cast<std::byte*>(values.data()), DType::kI64,
                               stored.shape};
  LODE_CHECK_OK(file_.read_rows(name, 0, values.size(), view));
  return values;
}

Status StoreReader::read_labels() {
  if (!file_.has(kLabels)) {
    if (info_.classes == 0) return {};
    return error(fmt::format("no /labels, yet attribute 'classes' is {}", info_.classes));
  }
  LODE_TRY(labels_, read_integers(kLabels, info_.samples));
  if (labels_.size() != info_.samples) {
    return error(fmt::format("{} labels for {} samples", labels_.size(), info_.samples));
  }
  if (info_.classes < 1 || info_.classes > kClassesMax) {
    return error(
        fmt::format("attribute 'classes' is {}; 1 to {} are read", info_.classes, kClassesMax));
  }
  info_.label_counts.resize(static_cast<std::size_t>(info_.classes));
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    if (labels_[i] < 0 || labels_[i] >= info_.classes) {
      return error(fmt::format("/labels: sample {} has class {}, not in 0..{}", i, labels_[i],
                               info_.classes - 1));
    }
    ++info_.label_counts[static_cast<std::size_t>(labels_[i])];
  }
  return {};
}

Status StoreReader::read_calibration() {
  if (!file_.has(kCalibration)) return {};
  LODE_TRY(const auto indices, read_integers(kCalibration, info_.samples));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || static_cast<std::uint64_t>(indices[i]) >= info_.samples) {
      return error(fmt::format("/calibration: entry {} is {}, not one of {} samples", i, indices[i],
                               info_.samples));
    }
    info_.calibration.push_back(static_cast<SampleIndex>(indices[i]));
  }
  return {};
}

Status StoreReader::read_stored(std::uint64_t first, std::uint64_t count,
                                std::vector<std::byte>& out) const {
  out.resize(count * sample_bytes());
  Shape shape = stored_shape_;
  shape[0] = static_cast<std::int64_t>(count);
  return file_.read_rows(kSamples, first, count, {out.data(), info_.dtype, shape});
}

void StoreReader::convert(const std::byte* stored, float* out) const {
  const auto channels = static_cast<std::size_t>(info_.sample_shape[0]);
  const std::size_t plane = sample_elements_ / channels;
  const bool nchw = info_.layout == SampleLayout::kNchw;
  if (info_.dtype == DType::kF32 && nchw) {
    std::memcpy(out, stored, sample_bytes());
    return;
  }
  const auto* floats = reinterpret_cast<const float*>(stored);
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(stored);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < plane; ++i) {
      const std::size_t from = nchw ? c * plane + i : i * channels + c;
      out[c * plane + i] = info_.dtype == DType::kF32 ? floats[from] : normaliser_(c, pixels[from]);
    }
  }
}

Result<std::vector<std::string>> StoreReader::read_ids() const {
  LODE_TRY(auto ids, file_.read_strings(kIds));
  if (ids.size() == info_.samples) return ids;
  return error(fmt::format("{} ids for {} samples", ids.size(), info_.samples));
}

}  // namespace lode::datasets
