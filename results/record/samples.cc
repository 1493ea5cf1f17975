// samples.h5: the raw times of a run.
#include <algorithm>
#include <array>

#include "base/h5/h5_file.h"
#include "results/record/record.h"

namespace lode::record {
namespace {

/// Values a chunk: 1 MiB, large enough that the checksums cost nothing to speak of.
constexpr std::size_t kChunkValues = 1U << 17;

template <typename Columns>
struct ColumnOf {
  std::string_view name;
  std::vector<std::int64_t> Columns::*values;
};
using Column = ColumnOf<RawTimes>;

constexpr std::array kQueryColumns = {
    Column{"/queries/scheduled_ns", &RawTimes::scheduled_ns},
    Column{"/queries/issued_ns", &RawTimes::issued_ns},
    Column{"/queries/completed_ns", &RawTimes::completed_ns},
};
constexpr std::array kSampleColumns = {
    Column{"/samples/index", &RawTimes::sample_index},
    Column{"/samples/query", &RawTimes::sample_query},
    Column{"/samples/completed_ns", &RawTimes::sample_completed_ns},
};
// There in accuracy mode alone, and then both.
constexpr std::array kAnswerColumns = {
    ColumnOf<Answers>{"/samples/predicted", &Answers::predicted},
    ColumnOf<Answers>{"/samples/label", &Answers::label},
};

template <typename Columns>
Status write_column(h5::File& file, const ColumnOf<Columns>& column, const Columns& columns) {
  const std::vector<std::int64_t>& values = columns.*column.values;
  const auto count = static_cast<std::int64_t>(values.size());
  const std::size_t chunk = std::clamp<std::size_t>(values.size(), 1, kChunkValues);
  const h5::StorageOptions storage{
      .chunk = {static_cast<std::int64_t>(chunk)}, .deflate = 0, .fletcher32 = true};
  LODE_CHECK_OK(file.create_dataset(column.name, DType::kI64, {count}, storage));
  if (values.empty()) return {};
  const TensorView view{reinterpret_cast<const std::byte*>(values.data()), DType::kI64, {count}};
  return file.write_rows(column.name, 0, values.size(), view);
}

template <typename Columns>
Status read_column(const h5::File& file, const ColumnOf<Columns>& column, Columns& columns) {
  LODE_TRY(const h5::DatasetInfo info, file.info(column.name));
  if (info.dtype != DType::kI64 || info.shape.rank() != 1) {
    return runtime_error("{}: expected one row of 64-bit integers", column.name);
  }
  std::vector<std::int64_t>& values = columns.*column.values;
  values.resize(static_cast<std::size_t>(info.shape[0]));
  if (values.empty()) return {};
  return file.read_rows(
      column.name, 0, values.size(),
      {reinterpret_cast<std::byte*>(values.data()), DType::kI64, {info.shape[0]}});
}

Status check(const RawTimes& raw) {
  const std::size_t queries = raw.scheduled_ns.size();
  const std::size_t samples = raw.sample_index.size();
  if (raw.issued_ns.size() != queries || raw.completed_ns.size() != queries) {
    return runtime_error("the columns of /queries differ in length");
  }
  if (raw.sample_query.size() != samples || raw.sample_completed_ns.size() != samples) {
    return runtime_error("the columns of /samples differ in length");
  }
  for (const std::int64_t query : raw.sample_query) {
    if (query >= 0 && static_cast<std::uint64_t>(query) < queries) continue;
    return runtime_error("/samples/query names query {} of {}", query, queries);
  }
  return {};
}

/// That `raw` is what `record` was computed from.
Status check_belongs(const h5::File& file, const RawTimes& raw, const Record& record) {
  LODE_TRY(const std::string run, file.string_attribute("run"));
  if (run != record.id) {
    return runtime_error("holds the times of run {}, not of {}; restore the file", run, record.id);
  }
  const auto completed = [](const std::vector<std::int64_t>& times) {
    return static_cast<std::uint64_t>(
        std::count_if(times.begin(), times.end(), [](std::int64_t ns) { return ns >= 0; }));
  };
  const std::uint64_t queries = completed(raw.completed_ns);
  const std::uint64_t samples = completed(raw.sample_completed_ns);
  if (queries != record.metrics.queries || samples != record.metrics.samples) {
    return runtime_error("holds {} queries and {} samples, but the record counts {} and {}",
                         queries, samples, record.metrics.queries, record.metrics.samples);
  }
  for (const std::int64_t index : raw.sample_index) {
    const bool within =
        !record.dataset.has_value() || static_cast<std::uint64_t>(index) < record.dataset->samples;
    if (index >= 0 && within) continue;
    return runtime_error("/samples/index holds {}, which is not in the dataset", index);
  }
  return {};
}

Status read_all(const h5::File& file, RawTimes& raw, const Record* record) {
  LODE_TRY(const std::string schema, file.string_attribute("schema"));
  if (schema != kSamplesSchema) {
    return runtime_error("schema '{}' is not known here; this version reads {}", schema,
                         kSamplesSchema);
  }
  for (const Column& column : kQueryColumns) LODE_CHECK_OK(read_column(file, column, raw));
  for (const Column& column : kSampleColumns) LODE_CHECK_OK(read_column(file, column, raw));
  LODE_CHECK_OK(check(raw));
  return record == nullptr ? Status{} : check_belongs(file, raw, *record);
}

Status read_all(const h5::File& file, Answers& answers) {
  for (const auto& column : kAnswerColumns) {
    if (file.has(column.name)) LODE_CHECK_OK(read_column(file, column, answers));
  }
  if (answers.predicted.empty() && answers.label.empty()) return {};
  LODE_TRY(const h5::DatasetInfo samples, file.info(kSampleColumns.front().name));
  const auto count = static_cast<std::size_t>(samples.shape.empty() ? 0 : samples.shape[0]);
  if (answers.predicted.size() == count && answers.label.size() == count) return {};
  return runtime_error("/samples/predicted and /samples/label are not of every sample");
}

/// What base/h5 reports names the file already.
Error named(const Error& error, const std::filesystem::path& path) {
  return error.message.find(path.string()) != std::string::npos ? error
                                                                : error.within(path.string());
}

Result<RawTimes> read_file_of(const std::filesystem::path& path, const Record* record) {
  LODE_TRY(const h5::File file, h5::File::open(path));
  RawTimes raw;
  const Status status = read_all(file, raw, record);
  if (!status.ok()) return named(status.error(), path);
  return raw;
}

}  // namespace

Status write_samples(const RawTimes& raw, std::string_view run_id,
                     const std::filesystem::path& path, const Answers& answers) {
  LODE_TRY(h5::File file, h5::File::create(path));
  LODE_CHECK_OK(file.set_attribute("schema", kSamplesSchema));
  LODE_CHECK_OK(file.set_attribute("run", run_id));
  for (const Column& column : kQueryColumns) LODE_CHECK_OK(write_column(file, column, raw));
  for (const Column& column : kSampleColumns) LODE_CHECK_OK(write_column(file, column, raw));
  for (const auto& column : kAnswerColumns) {
    if (!(answers.*column.values).empty()) LODE_CHECK_OK(write_column(file, column, answers));
  }
  return file.close();
}

Result<RawTimes> read_samples(const std::filesystem::path& path) {
  return read_file_of(path, nullptr);
}

Result<RawTimes> read_samples(const std::filesystem::path& path, const Record& record) {
  return read_file_of(path, &record);
}

Result<Answers> read_answers(const std::filesystem::path& path) {
  LODE_TRY(const h5::File file, h5::File::open(path));
  Answers answers;
  const Status status = read_all(file, answers);
  if (!status.ok()) return named(status.error(), path);
  return answers;
}

}  // namespace lode::record
