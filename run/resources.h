// What this process has used of the machine so far.
#pragma once

#include <filesystem>
#include <vector>

#include "results/record/record.h"

namespace lode::run {

/// From getrusage(2): the whole process, from its start.
[[nodiscard]] record::Resources read_resources();

/// Adds what the processes of a system under test's own have used; nothing of it if one of them
/// cannot be read.
void add_sut_resources(const std::vector<int>& processes, const std::filesystem::path& root,
                       record::Resources& resources);

}  // namespace lode::run
