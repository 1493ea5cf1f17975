// `lode dataset`: import, synth, info, verify.
#include <algorithm>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "datasets/dataset.h"
#include "datasets/import.h"

namespace lode::cli {
namespace {

using datasets::DatasetInfo;
using datasets::SampleLayout;
using nlohmann::ordered_json;

/// Numbers of samples; without a range, -1 would be taken for the largest.
const CLI::Range kCount(std::int64_t{0}, std::int64_t{UINT32_MAX});

/// How the file is stored, as given: the flags of import and synth alike.
struct StoreFlags {
  std::string mean;
  std::string std;
  std::string layout = "nchw";
  std::string dtype = "f32";
  std::string output;
  std::uint64_t chunk = 32;
  int deflate = 0;
  std::uint64_t calibration_samples = 128;
  std::uint64_t seed = 0;
  bool force = false;
};

struct ImportFlags {
  std::string images;
  std::string labels;
  std::int64_t resize = 0;
  std::int64_t crop = 0;
  bool grey = false;
  bool skip_unreadable = false;
  StoreFlags store;
};

struct SynthFlags {
  std::uint64_t samples = 10'000;
  StoreFlags store;
};

struct InspectFlags {
  std::string path;
  std::string format = "text";
};

void add_store_flags(CLI::App& command, StoreFlags& flags) {
  command.add_option("-o,--output", flags.output, "the dataset to write, an HDF5 file")->required();
  command.add_option("--mean", flags.mean,
                     fmt::format("of pixel/255, one a channel: 0.485,0.456,0.406 (default: {})",
                                 flags.mean.empty() ? "0" : flags.mean));
  command.add_option("--std", flags.std,
                     fmt::format("likewise (default: {})", flags.std.empty() ? "1" : flags.std));
  command.add_option("--layout", flags.layout, "nchw or nhwc (default: nchw)")
      ->check(CLI::IsMember({"nchw", "nhwc"}));
  command
      .add_option("--dtype", flags.dtype,
                  "f32 stores what a model gets; u8 the pixels, a quarter of the size, which "
                  "loading normalises (default: f32)")
      ->check(CLI::IsMember({"f32", "u8"}));
  command.add_option("--chunk", flags.chunk, "samples a chunk (default: 32)")->check(kCount);
  command.add_option("--deflate", flags.deflate, "compression level, 0 to 9 (default: 0, none)");
  command
      .add_option("--calibration-samples", flags.calibration_samples,
                  "samples set apart for calibration (default: 128)")
      ->check(kCount);
  command.add_option("--seed", flags.seed, "of the calibration draw; of the task, for synth")
      ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
  command.add_flag("--force", flags.force,
                   "replace an existing output that is no dataset (default: fail)");
}

Result<datasets::StoreOptions> store_options(const StoreFlags& flags) {
  datasets::StoreOptions options;
  options.dtype = flags.dtype == "u8" ? DType::kU8 : DType::kF32;
  options.layout = flags.layout == "nhwc" ? SampleLayout::kNhwc : SampleLayout::kNchw;
  if (!flags.mean.empty()) {
    LODE_TRY(options.mean, parse_floats("--mean", flags.mean));
  }
  if (!flags.std.empty()) {
    LODE_TRY(options.std, parse_floats("--std", flags.std));
  }
  options.chunk_samples = flags.chunk;
  options.deflate = flags.deflate;
  options.calibration_samples = flags.calibration_samples;
  options.seed = flags.seed;
  options.force = flags.force;
  return options;
}

std::uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

/// One line on what a file holds.
std::string summary(const std::string& path, const DatasetInfo& info) {
  return fmt::format("{}: {} samples {} {}, {} classes, {}", path, info.samples,
                     info.sample_shape.to_string(), dtype_name(info.dtype), info.classes,
                     format_bytes(file_bytes(path)));
}

Result<int> print_summary(const std::string& path) {
  LODE_TRY(const DatasetInfo info, datasets::read_dataset_info(path));
  LODE_CHECK_OK(print(summary(path, info) + "\n"));
  return kExitValid;
}

Result<int> import(const ImportFlags& flags) {
  datasets::ImageImportOptions options;
  LODE_TRY(options.store, store_options(flags.store));
  options.images = flags.images;
  if (!flags.labels.empty()) options.labels = flags.labels;
  options.resize = flags.resize;
  options.crop = flags.crop;
  options.grey = flags.grey;
  options.skip_unreadable = flags.skip_unreadable;
  Result<datasets::ImportReport> report = [&] {
    Progress progress("importing", "images");
    const auto update = [&](std::uint64_t done, std::uint64_t total) {
      progress.update(done, total);
    };
    return datasets::import_images(options, flags.store.output, update, interrupt_flag());
  }();
  if (!report.ok()) return report.error();
  for (const std::string& image : report->unreadable) note("left out: " + image);
  if (!report->unreadable.empty()) {
    note(fmt::format("left out {} unreadable images of {}", report->unreadable.size(),
                     report->unreadable.size() + report->imported));
  }
  return print_summary(flags.store.output);
}

Result<int> synth(const SynthFlags& flags) {
  datasets::SynthOptions options;
  LODE_TRY(options.store, store_options(flags.store));
  options.samples = flags.samples;
  {
    Progress progress("drawing", "images");
    const auto update = [&](std::uint64_t done, std::uint64_t total) {
      progress.update(done, total);
    };
    LODE_CHECK_OK(
        datasets::write_synth_dataset(options, flags.store.output, update, interrupt_flag()));
  }
  return print_summary(flags.store.output);
}

std::string_view layout_name(SampleLayout layout) {
  return layout == SampleLayout::kNchw ? "nchw" : "nhwc";
}

ordered_json info_json(const std::string& path, const DatasetInfo& info) {
  return {{"dataset", std::filesystem::path(path).filename().string()},
          {"file_bytes", file_bytes(path)},
          {"schema", info.schema},
          {"samples", info.samples},
          {"left_out", info.left_out},
          {"sample_shape", info.sample_shape.extents()},
          {"layout", layout_name(info.layout)},
          {"dtype", dtype_name(info.dtype)},
          {"color", info.color},
          {"mean", info.mean},
          {"std", info.std},
          {"classes", info.classes},
          {"label_counts", info.label_counts},
          {"calibration", info.calibration},
          {"chunk_samples", info.chunk_samples},
          {"filters", info.filters},
          {"source", info.source},
          {"preprocessing", info.preprocessing},
          {"decoder", info.decoder}};
}

/// "999, 1 to 1 samples each, 499 without any".
std::string classes_text(const DatasetInfo& info) {
  if (info.label_counts.empty()) return "none: the dataset has no labels";
  std::uint64_t least = UINT64_MAX;
  std::uint64_t most = 0;
  for (const std::uint64_t count : info.label_counts) {
    most = std::max(most, count);
    if (count > 0) least = std::min(least, count);
  }
  const auto empty = std::count(info.label_counts.begin(), info.label_counts.end(), 0U);
  std::string text = least == most
                         ? fmt::format("{}, {} samples each", info.classes, most)
                         : fmt::format("{}, {} to {} samples each", info.classes, least, most);
  if (empty > 0) text += fmt::format(", {} without any", empty);
  return text;
}

std::string info_text(const std::string& path, const DatasetInfo& info) {
  const std::vector<std::pair<std::string_view, std::string>> rows = {
      {"dataset", fmt::format("{} ({})", std::filesystem::path(path).filename().string(),
                              format_bytes(file_bytes(path)))},
      {"schema", info.schema},
      {"samples", fmt::format("{} of {}", info.samples, info.sample_shape.to_string())},
      {"left out", fmt::format("{} unreadable images", info.left_out)},
      {"stored as",
       fmt::format("{} {}, {}", layout_name(info.layout), dtype_name(info.dtype), info.color)},
      {"mean", fmt::format("{}", fmt::join(info.mean, ", "))},
      {"std", fmt::format("{}", fmt::join(info.std, ", "))},
      {"classes", classes_text(info)},
      {"calibration", fmt::format("{} samples", info.calibration.size())},
      {"chunks", fmt::format("{} samples, {}", info.chunk_samples,
                             info.filters.empty() ? "no filters" : info.filters)},
      {"source", info.source},
      {"preprocessing", info.preprocessing},
      {"decoder", info.decoder}};
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("{:<14} {}\n", name, value);
  return text;
}

Result<int> info(const InspectFlags& flags) {
  LODE_TRY(const DatasetInfo info, datasets::read_dataset_info(flags.path));
  // A file may hold any bytes in its strings; JSON only UTF-8.
  LODE_CHECK_OK(print(flags.format == "json"
                          ? info_json(flags.path, info)
                                    .dump(2, ' ', false, ordered_json::error_handler_t::replace) +
                                "\n"
                          : info_text(flags.path, info)));
  return kExitValid;
}

Result<int> verify(const InspectFlags& flags) {
  {
    Progress progress("verifying", "samples");
    const auto update = [&](std::uint64_t done, std::uint64_t total) {
      progress.update(done, total);
    };
    LODE_CHECK_OK(datasets::verify_dataset(flags.path, update, interrupt_flag()));
  }
  LODE_TRY(const DatasetInfo info, datasets::read_dataset_info(flags.path));
  LODE_CHECK_OK(print(summary(flags.path, info) + ": every checksum holds\n"));
  return kExitValid;
}

void add_import(CLI::App& dataset, Invocation& invocation) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = dataset.add_subcommand(
      "import", "a folder of JPEG and PNG images to HDF5 (EXIF orientation is not applied)");
  command->add_option("--images", flags->images, "the images' folder")->required();
  command->add_option("--labels", flags->labels,
                      "lines 'FILE CLASS', as val_map.txt (default: one folder a class)");
  command->add_option("--resize", flags->resize, "shorter side, in pixels (default: as it is)");
  command->add_option("--crop", flags->crop, "side of the centre crop (default: none)");
  command->add_flag("--grey", flags->grey, "one channel of luma");
  command->add_flag("--skip-unreadable", flags->skip_unreadable,
                    "leave unreadable images out and name them (default: fail)");
  add_store_flags(*command, flags->store);
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return import(*flags); }; });
}

void add_synth(CLI::App& dataset, Invocation& invocation) {
  auto flags = std::make_shared<SynthFlags>();
  // What the embedded model was trained with (models/embedded/README.md).
  flags->store.mean = "0.5";
  flags->store.std = "0.25";
  CLI::App* command =
      dataset.add_subcommand("synth", "a synthetic task: 32x32 images of ten drawn classes");
  command->add_option("--samples", flags->samples, "how many (default: 10000)")->check(kCount);
  add_store_flags(*command, flags->store);
  command->callback(
      [flags, &invocation] { invocation.action = [flags] { return synth(*flags); }; });
}

}  // namespace

void add_dataset_commands(CLI::App& app, Invocation& invocation) {
  CLI::App* dataset = app.add_subcommand("dataset", "make and examine datasets");
  dataset->require_subcommand(1);
  add_import(*dataset, invocation);
  add_synth(*dataset, invocation);

  auto info_flags = std::make_shared<InspectFlags>();
  CLI::App* info_command = dataset->add_subcommand("info", "what a dataset holds");
  info_command->add_option("dataset", info_flags->path, "the HDF5 file")->required();
  info_command->add_option("--format", info_flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  info_command->callback([info_flags, &invocation] {
    invocation.action = [info_flags] { return info(*info_flags); };
  });

  auto verify_flags = std::make_shared<InspectFlags>();
  CLI::App* verify_command =
      dataset->add_subcommand("verify", "read every chunk and check all that can be checked");
  verify_command->add_option("dataset", verify_flags->path, "the HDF5 file")->required();
  verify_command->callback([verify_flags, &invocation] {
    invocation.action = [verify_flags] { return verify(*verify_flags); };
  });
}

}  // namespace lode::cli
