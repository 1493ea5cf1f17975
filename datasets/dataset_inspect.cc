// What can be said of a dataset file without running anything on it: info, ids, verify.
#include <algorithm>
#include <cmath>

#include "datasets/store_reader.h"

namespace lode::datasets {
namespace {

Status check_calibration(const DatasetInfo& info) {
  std::vector<SampleIndex> sorted = info.calibration;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return {};
  return runtime_error("/calibration: sample {} is listed twice", *twice);
}

/// Every stored float of a chunk is a number.
Status check_finite(const StoreReader& reader, const std::vector<std::byte>& chunk,
                    std::uint64_t first) {
  if (reader.info().dtype != DType::kF32) return {};
  const auto* values = reinterpret_cast<const float*>(chunk.data());
  const std::size_t count = chunk.size() / sizeof(float);
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isfinite(values[i])) continue;
    return runtime_error("/samples: sample {} holds {}", first + i / reader.sample_elements(),
                         values[i]);
  }
  return {};
}

Status check_samples(const StoreReader& reader, const ProgressSink& progress,
                     const std::atomic<bool>& interrupted) {
  const DatasetInfo& info = reader.info();
  std::vector<std::byte> chunk;
  for (std::uint64_t first = 0; first < info.samples; first += info.chunk_samples) {
    if (interrupted.load()) return Error{ErrorKind::kInterrupted, "interrupted"};
    const std::uint64_t count = std::min(info.chunk_samples, info.samples - first);
    Status status = reader.read_stored(first, count, chunk);
    if (status.ok()) status = check_finite(reader, chunk, first);
    if (!status.ok()) {
      return runtime_error("{} (chunk {}, samples {} to {})", status.error().message,
                           first / info.chunk_samples, first, first + count - 1);
    }
    if (progress) progress(first + count, info.samples);
  }
  return {};
}

Status check_all(const StoreReader& reader, const ProgressSink& progress,
                 const std::atomic<bool>& interrupted) {
  const DatasetInfo& info = reader.info();
  if (!info.filters.ends_with("fletcher32")) {
    return runtime_error("/samples has no checksums, so damage would go unseen");
  }
  if (!info.label_counts.empty() && info.label_counts.back() == 0) {
    return runtime_error("attribute 'classes' is {}, yet no sample has class {}", info.classes,
                         info.classes - 1);
  }
  LODE_CHECK_OK(check_calibration(info));
  LODE_TRY(const auto ids, reader.read_ids());
  const auto nameless = std::find(ids.begin(), ids.end(), "");
  if (nameless != ids.end()) {
    return runtime_error("/ids: sample {} has no name", nameless - ids.begin());
  }
  return check_samples(reader, progress, interrupted);
}

}  // namespace

Result<DatasetInfo> read_dataset_info(const std::filesystem::path& path) {
  LODE_TRY(const StoreReader reader, StoreReader::open(path));
  return reader.info();
}

Result<std::vector<std::string>> read_dataset_ids(const std::filesystem::path& path) {
  LODE_TRY(const StoreReader reader, StoreReader::open(path));
  return reader.read_ids();
}

Status verify_dataset(const std::filesystem::path& path, const ProgressSink& progress,
                      const std::atomic<bool>& interrupted) {
  LODE_TRY(const StoreReader reader, StoreReader::open(path));
  Status status = check_all(reader, progress, interrupted);
  const std::string name = path.string();
  if (status.ok() || status.error().message.starts_with(name)) return status;
  return status.error().within(name);
}

}  // namespace lode::datasets
