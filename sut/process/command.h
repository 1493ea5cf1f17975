// What `process:NAME-or-COMMAND` starts, and the lists that go with it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sut/process/protocol.h"

namespace lode::sut {

struct ProcessCommand {
  std::vector<std::string> words;
  std::vector<std::string> environment;  ///< "NAME=VALUE": how Python finds our modules
};

/// The file that a shell would start for `word`; none if it would find no program.
[[nodiscard]] std::optional<std::string> find_program(const std::string& word);

/// The folder of Lodestone's Python modules: LODE_PYTHON_PATH, or "python" beside this program or
/// above it; none if there is none.
[[nodiscard]] std::optional<std::filesystem::path> find_python_modules();

/// The adapters of that folder: "null", "onnxruntime".
[[nodiscard]] std::vector<std::string> adapter_names();

/// A bare name is an adapter of ours; a word ending in .py runs in Python (LODE_PYTHON, by default
/// python3); all else is a command as a shell would split it, without expansions. Usage errors: an
/// empty command, a quote without its end, a name that is neither an adapter nor a program.
[[nodiscard]] Result<ProcessCommand> resolve_command(std::string_view text);

/// "a=1,b=2". Usage errors: a part without "=" or without a name, a name given twice.
[[nodiscard]] Result<std::vector<SettingLine>> parse_assignments(std::string_view text);

}  // namespace lode::sut
