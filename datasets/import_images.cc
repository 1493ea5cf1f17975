// import_images(): list, decode a chunk's worth at a time on a few threads, store in order.
#include <algorithm>
#include <new>
#include <optional>
#include <system_error>

#include "base/file_io.h"
#include "datasets/image_decode.h"
#include "datasets/image_list.h"
#include "datasets/image_transform.h"
#include "datasets/import.h"
#include "datasets/parallel.h"
#include "datasets/store_writer.h"

namespace lode::datasets {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kImageFileBytesMax = std::uint64_t{1} << 29;
constexpr std::int64_t kSideMax = 16'384;
/// Unreadable images that an error names; the rest are counted.
constexpr std::size_t kNamedMax = 5;

Status check_options(const ImageImportOptions& options) {
  if (options.resize < 0 || options.resize > kSideMax) {
    return usage_error("--resize {}: 1 to {} pixels, or 0 to leave the size", options.resize,
                       kSideMax);
  }
  if (options.crop < 0 || options.crop > kSideMax) {
    return usage_error("--crop {}: 1 to {} pixels, or 0 for none", options.crop, kSideMax);
  }
  if (options.resize > 0 && options.crop > options.resize) {
    return usage_error("--crop {} is larger than --resize {}", options.crop, options.resize);
  }
  return {};
}

Result<std::vector<ImageEntry>> list_images(const ImageImportOptions& options) {
  if (options.labels.has_value()) return list_labelled_images(options.images, *options.labels);
  return list_class_folders(options.images);
}

Result<Image> load_image(const ImageImportOptions& options, const std::string& id) {
  const fs::path path = options.images / id;
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(path, error);
  if (error) return runtime_error("{}", error.message());
  if (bytes > kImageFileBytesMax) {
    return runtime_error("{} bytes; files of up to {} are read", bytes, kImageFileBytesMax);
  }
  LODE_TRY(const std::string content, read_file(path));
  LODE_TRY(Image image, decode_image(content, options.grey));
  if (options.resize > 0) {
    LODE_TRY(image, resize_shorter_side(std::move(image), options.resize));
  }
  if (options.crop > 0) return crop_centre(image, options.crop);
  return image;
}

/// That `output` is none of the files that are read.
Status check_inputs_stay(const ImageImportOptions& options, const std::vector<ImageEntry>& entries,
                         const fs::path& output) {
  std::error_code error;
  if (!fs::exists(output, error)) return {};
  const auto is_output = [&](const fs::path& input) {
    return fs::equivalent(input, output, error);
  };
  if (options.labels.has_value() && is_output(*options.labels)) {
    return usage_error("output '{}' is the file of --labels; name another", output.string());
  }
  const bool is_image = std::any_of(entries.begin(), entries.end(), [&](const ImageEntry& entry) {
    return is_output(options.images / entry.id);
  });
  if (!is_image) return {};
  return usage_error("output '{}' is one of the images; name another", output.string());
}

std::string describe_preprocessing(const ImageImportOptions& options) {
  std::string text;
  if (options.resize > 0) text += fmt::format("resize {} bilinear, ", options.resize);
  if (options.crop > 0) text += fmt::format("crop {}, ", options.crop);
  return text;
}

/// The folder's last two names: enough to know it by, and nothing of where it stands.
std::string describe_source(const fs::path& images) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(images, error);
  if (error) whole = images;
  return (whole.parent_path().filename() / whole.filename()).generic_string();
}

Error unreadable_error(const std::vector<std::string>& unreadable, std::size_t total) {
  std::string names;
  for (std::size_t i = 0; i < std::min(unreadable.size(), kNamedMax); ++i) {
    names += (i == 0 ? "" : "; ") + unreadable[i];
  }
  if (unreadable.size() > kNamedMax) {
    names += fmt::format("; and {} more", unreadable.size() - kNamedMax);
  }
  return runtime_error(
      "{} of {} images cannot be used, nothing was written "
      "(--skip-unreadable leaves them out): {}",
      unreadable.size(), total, names);
}

/// Decodes entries [first, first + images.size()) in parallel.
void decode_block(const ImageImportOptions& options, const std::vector<ImageEntry>& entries,
                  std::size_t first, std::vector<std::optional<Result<Image>>>& images) {
  for_each_index(images.size(), import_threads(), [&](std::size_t i) {
    const std::string& id = entries[first + i].id;
    try {
      images[i] = load_image(options, id);
    } catch (const std::bad_alloc&) {
      images[i] = runtime_error("not enough memory");
    }
  });
}

/// Stores a decoded block. Once an image was unreadable that may not be left out, nothing more is
/// stored: what remains is only looked at, for the full count.
Status store_block(const ImageImportOptions& options, const std::vector<ImageEntry>& entries,
                   std::size_t first, const std::vector<std::optional<Result<Image>>>& images,
                   StoreWriter& writer, ImportReport& report) {
  for (std::size_t i = 0; i < images.size(); ++i) {
    const ImageEntry& entry = entries[first + i];
    const Result<Image>& image = *images[i];
    if (!image.ok()) {
      report.unreadable.push_back(fmt::format("{}: {}", entry.id, image.error().message));
    } else if (report.unreadable.empty() || options.skip_unreadable) {
      LODE_CHECK_OK(writer.append(image.value(), entry.label, entry.id));
    }
  }
  return {};
}

}  // namespace

Result<ImportReport> import_images(const ImageImportOptions& options, const fs::path& output,
                                   const ProgressSink& progress,
                                   const std::atomic<bool>& interrupted) {
  LODE_CHECK_OK(check_options(options));
  LODE_TRY(const std::vector<ImageEntry> entries, list_images(options));
  LODE_CHECK_OK(check_inputs_stay(options, entries, output));
  const StoreDescription description{.source = describe_source(options.images),
                                     .preprocessing = describe_preprocessing(options),
                                     .decoder = decoder_name()};
  StoreOptions store = options.store;
  store.chunk_samples = std::min<std::uint64_t>(store.chunk_samples, entries.size());
  LODE_TRY(StoreWriter writer,
           StoreWriter::create(output, store, description, options.grey ? 1 : 3));
  ImportReport report;
  std::vector<std::optional<Result<Image>>> images;
  // A block is bounded by a chunk and by the threads' appetite, so that memory is too.
  const std::size_t block = std::min<std::uint64_t>(store.chunk_samples, 32);
  for (std::size_t first = 0; first < entries.size(); first += images.size()) {
    if (interrupted.load()) {
      return Error{ErrorKind::kInterrupted, "interrupted; nothing was written"};
    }
    images.assign(std::min(block, entries.size() - first), std::nullopt);
    decode_block(options, entries, first, images);
    LODE_CHECK_OK(store_block(options, entries, first, images, writer, report));
    if (progress) progress(first + images.size(), entries.size());
  }
  if (!report.unreadable.empty() && !options.skip_unreadable) {
    return unreadable_error(report.unreadable, entries.size());
  }
  if (writer.count() == 0) return unreadable_error(report.unreadable, entries.size());
  writer.set_left_out(report.unreadable.size());
  LODE_CHECK_OK(writer.finish());
  report.imported = writer.count();
  return report;
}

}  // namespace lode::datasets
