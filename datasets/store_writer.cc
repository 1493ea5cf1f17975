#include "datasets/store_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <numeric>
#include <system_error>

#include "base/file_io.h"
#include "base/rng.h"
#include "datasets/image_list.h"
#include "datasets/store_format.h"

namespace lode::datasets {
namespace fs = std::filesystem;
namespace {

/// Numbers of labels and calibration indices a chunk.
constexpr std::int64_t kIndexChunk = 8192;

Status check_options(const StoreOptions& options) {
  if (options.dtype != DType::kF32 && options.dtype != DType::kU8) {
    return usage_error("--dtype {}: samples are stored as f32 or u8", dtype_name(options.dtype));
  }
  if (options.chunk_samples == 0 || options.chunk_samples > kSamplesMax) {
    return usage_error("--chunk {}: 1 to {} samples a chunk", options.chunk_samples, kSamplesMax);
  }
  if (options.deflate < 0 || options.deflate > 9) {
    return usage_error("--deflate {}: levels are 0 (none) to 9", options.deflate);
  }
  return {};
}

/// A slip in a command's order must not cost a file: only datasets are replaced unasked.
Status check_output(const fs::path& path, bool force) {
  if (!path.has_filename()) return usage_error("output '{}' names no file", path.string());
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) {
    return runtime_error("output '{}' is a folder; name a file", path.string());
  }
  if (!fs::exists(status)) return {};
  if (!fs::is_regular_file(status)) {
    return runtime_error("output '{}' is no regular file; name one", path.string());
  }
  if (force) return {};
  const auto old = h5::File::open(path);
  if (old.ok() && old->string_attribute(kSchemaAttribute).ok()) return {};
  return runtime_error(
      "output '{}' exists and is no dataset; name another, or replace it with --force",
      path.string());
}

/// Samples of the stated dtype at the stated place: the inner loop of append().
template <typename T, typename Value>
void store_pixels(const Image& image, SampleLayout layout, T* out, Value value) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t plane = image.pixels.size() / channels;
  const std::uint8_t* pixel = image.pixels.data();
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < channels; ++c, ++pixel) {
      const std::size_t at = layout == SampleLayout::kNchw ? c * plane + i : i * channels + c;
      out[at] = value(c, *pixel);
    }
  }
}

}  // namespace

StagingFile::~StagingFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Status StagingFile::move_to(const fs::path& target) {
  if (::rename(path_.c_str(), target.c_str()) != 0) {
    return runtime_error("{}: cannot write: {}", target.string(),
                         std::generic_category().message(errno));
  }
  path_.clear();
  return {};
}

Result<StoreWriter> StoreWriter::create(const fs::path& path, const StoreOptions& options,
                                        const StoreDescription& description,
                                        std::int64_t channels) {
  LODE_ASSERT(channels == 1 || channels == 3);
  LODE_CHECK_OK(check_options(options));
  StoreOptions complete = options;
  LODE_TRY(complete.mean, per_channel(options.mean, channels, 0.0F, false, "--mean"));
  LODE_TRY(complete.std, per_channel(options.std, channels, 1.0F, true, "--std"));
  LODE_CHECK_OK(check_output(path, options.force));
  const fs::path temporary = temporary_sibling(path);
  LODE_TRY(h5::File file, h5::File::create(temporary, path));
  return StoreWriter(path, StagingFile(temporary), std::move(file), std::move(complete),
                     description);
}

StoreWriter::StoreWriter(fs::path path, StagingFile staging, h5::File file, StoreOptions options,
                         StoreDescription description)
    : path_(std::move(path)),
      staging_(std::move(staging)),
      file_(std::move(file)),
      options_(std::move(options)),
      description_(std::move(description)),
      normaliser_(options_.mean, options_.std) {}

Status StoreWriter::begin_samples(const Image& image) {
  width_ = image.width;
  height_ = image.height;
  stored_shape_ = options_.layout == SampleLayout::kNchw ? Shape{image.channels, height_, width_}
                                                         : Shape{height_, width_, image.channels};
  sample_bytes_ = image.pixels.size() * dtype_size(options_.dtype);
  Shape all{0};
  Shape chunk{static_cast<std::int64_t>(options_.chunk_samples)};
  for (const std::int64_t extent : stored_shape_) {
    all.push_back(extent);
    chunk.push_back(extent);
  }
  return file_.create_dataset(kSamples, options_.dtype, all,
                              {.chunk = chunk, .deflate = options_.deflate, .fletcher32 = true});
}

void StoreWriter::convert(const Image& image, std::byte* out) const {
  if (options_.dtype == DType::kU8) {
    store_pixels(image, options_.layout, reinterpret_cast<std::uint8_t*>(out),
                 [](std::size_t, std::uint8_t pixel) { return pixel; });
  } else {
    store_pixels(image, options_.layout, reinterpret_cast<float*>(out), normaliser_);
  }
}

Status StoreWriter::append(const Image& image, std::int64_t label, std::string id) {
  LODE_ASSERT(image.channels == static_cast<std::int64_t>(options_.mean.size()));
  LODE_ASSERT(label >= 0 && label < kClassesMax);
  if (stored_shape_.empty()) LODE_CHECK_OK(begin_samples(image));
  if (image.width != width_ || image.height != height_) {
    return runtime_error(
        "'{}' is {}x{} where '{}' is {}x{}; make them equal with --resize and "
        "--crop",
        id, image.width, image.height, ids_.front(), width_, height_);
  }
  if (count() == kSamplesMax) return runtime_error("more than {} samples", kSamplesMax);
  chunk_.resize(chunk_.size() + sample_bytes_);
  convert(image, chunk_.data() + chunk_.size() - sample_bytes_);
  labels_.push_back(label);
  ids_.push_back(std::move(id));
  if (count() - written_ == options_.chunk_samples) return flush_chunk();
  return {};
}

Status StoreWriter::flush_chunk() {
  const std::uint64_t rows = count() - written_;
  Shape shape{static_cast<std::int64_t>(rows)};
  for (const std::int64_t extent : stored_shape_) shape.push_back(extent);
  LODE_CHECK_OK(file_.write_rows(kSamples, written_, rows, {chunk_.data(), options_.dtype, shape}));
  written_ += rows;
  chunk_.clear();
  return {};
}

Status StoreWriter::write_indices(std::string_view name, const std::vector<std::int64_t>& values) {
  const auto rows = static_cast<std::int64_t>(values.size());
  const Shape chunk{std::clamp<std::int64_t>(rows, 1, kIndexChunk)};
  LODE_CHECK_OK(
      file_.create_dataset(name, DType::kI64, {rows}, {.chunk = chunk, .fletcher32 = true}));
  const TensorView view{reinterpret_cast<const std::byte*>(values.data()), DType::kI64, {rows}};
  return file_.write_rows(name, 0, values.size(), view);
}

Status StoreWriter::write_attributes() {
  const bool pixels = options_.dtype == DType::kU8;
  const std::string preprocessing =
      fmt::format("{}(x/255-mean)/std{}", description_.preprocessing, pixels ? " when loaded" : "");
  const std::int64_t classes = *std::max_element(labels_.begin(), labels_.end()) + 1;
  const bool nchw = options_.layout == SampleLayout::kNchw;
  LODE_CHECK_OK(file_.set_attribute(kSchemaAttribute, kSchema));
  LODE_CHECK_OK(file_.set_attribute(kLayoutAttribute, nchw ? kNchw : kNhwc));
  LODE_CHECK_OK(file_.set_attribute(kDtypeAttribute, dtype_name(options_.dtype)));
  LODE_CHECK_OK(file_.set_attribute(kColorAttribute, options_.mean.size() == 3 ? kRgb : kGrey));
  LODE_CHECK_OK(file_.set_attribute(kMeanAttribute, options_.mean));
  LODE_CHECK_OK(file_.set_attribute(kStdAttribute, options_.std));
  LODE_CHECK_OK(file_.set_attribute(kSourceAttribute, description_.source));
  LODE_CHECK_OK(file_.set_attribute(kPreprocessingAttribute, preprocessing));
  LODE_CHECK_OK(file_.set_attribute(kDecoderAttribute, description_.decoder));
  LODE_CHECK_OK(file_.set_attribute(kClassesAttribute, classes));
  return file_.set_attribute(kLeftOutAttribute, left_out_);
}

Status StoreWriter::finish() {
  LODE_ASSERT(count() > 0);
  if (written_ < count()) LODE_CHECK_OK(flush_chunk());
  LODE_CHECK_OK(write_indices(kLabels, labels_));
  LODE_CHECK_OK(file_.write_strings(kIds, ids_));
  LODE_CHECK_OK(write_indices(
      kCalibration, draw_calibration(count(), options_.calibration_samples, options_.seed)));
  LODE_CHECK_OK(write_attributes());
  LODE_CHECK_OK(file_.close());
  return staging_.move_to(path_);
}

std::vector<std::int64_t> draw_calibration(std::uint64_t samples, std::uint64_t count,
                                           std::uint64_t seed) {
  LODE_ASSERT(samples <= kSamplesMax);
  std::vector<std::int64_t> indices(samples);
  std::iota(indices.begin(), indices.end(), 0);
  Rng rng = make_rng(seed, "calibration");
  const std::uint64_t drawn = std::min(count, samples);
  for (std::uint64_t i = 0; i < drawn; ++i) {
    const std::uint32_t step = uniform_below(rng, static_cast<std::uint32_t>(samples - i));
    std::swap(indices[i], indices[i + step]);
  }
  indices.resize(drawn);
  return indices;
}

}  // namespace lode::datasets
