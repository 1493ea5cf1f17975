// Repeats a stored run: the same configuration on the same model and dataset.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/resolve.h"
#include "results/record/record.h"

namespace lode::run {

/// The effective values of `record` as the only source of a configuration, with another output
/// directory. `name` stands for the record in errors.
[[nodiscard]] config::ConfigSources stored_sources(const record::Record& record,
                                                   const std::string& name,
                                                   const std::filesystem::path& output);

/// An error that names the model or the dataset if it is not, to the byte, the one that the record
/// was made with. Otherwise, a line for each other thing that differs: the build, the processor,
/// the kernel.
[[nodiscard]] Result<std::vector<std::string>> compare_with_now(const record::Record& record);

}  // namespace lode::run
