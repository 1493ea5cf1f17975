// Which images to import and what each is labelled: from a file of lines, or from folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace lode::datasets {

struct ImageEntry {
  std::string id;  ///< the path relative to the images' folder, with '/'
  std::int64_t label = 0;
  std::size_t line = 0;  ///< where it is listed, from 1; 0 if it was found in a folder
};

/// Labels are below this: more classes than any task has, few enough to count samples by class.
inline constexpr std::int64_t kClassesMax = 1'000'000;

/// The lines of an MLPerf val_map.txt, `file class`: the class is what follows the last blank, so
/// file names may hold blanks. Empty lines are skipped. `name` is what errors call the file:
/// "NAME:LINE: ...". Errors: no class, a class that is not in 0..kClassesMax-1, an absolute path, a
/// file named twice, no lines at all.
[[nodiscard]] Result<std::vector<ImageEntry>> parse_label_map(std::string_view text,
                                                              std::string_view name);

/// The images of parse_label_map(), each checked to be a file under `images`.
[[nodiscard]] Result<std::vector<ImageEntry>> list_labelled_images(
    const std::filesystem::path& images, const std::filesystem::path& labels);

/// One folder a class, classes numbered in the byte order of the folders' names; in each, the files
/// ending in .jpg, .jpeg or .png at any depth, in byte order. Hidden files and folders and other
/// endings are left out. Errors: no class folder, a class folder without images.
[[nodiscard]] Result<std::vector<ImageEntry>> list_class_folders(
    const std::filesystem::path& images);

}  // namespace lode::datasets
