#include "sut/process/command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/knobs.h"

namespace lode::sut {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPackage = "lodestone_sut";

bool has_package(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kPackage / "__init__.py", ignored);
}

std::string interpreter() {
  return read_knob("LODE_PYTHON").value_or("python3");
}

/// Words as a shell has them, with '...', "..." and \, and nothing expanded.
Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_space = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && is_space) {
      if (word) words.push_back(*std::move(word));
      word.reset();
      continue;
    }
    if (!word) word.emplace();
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote && quote != 0) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      *word += text[++i];
    } else {
      *word += c;
    }
  }
  if (quote != 0) return usage_error("'{}': a {} has no end", text, quote);
  if (word) words.push_back(*std::move(word));
  return words;
}

bool is_bare_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string listed(const std::vector<std::string>& names) {
  if (names.empty()) return "not found (LODE_PYTHON_PATH says where they are)";
  std::string text;
  for (const std::string& name : names) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  return text;
}

/// So that a SUT of the user's own can say `import lodestone_sut`.
std::vector<std::string> python_environment(const std::optional<fs::path>& modules) {
  if (!modules) return {};
  std::string path = "PYTHONPATH=" + modules->string();
  const char* own = std::getenv("PYTHONPATH");
  if (own != nullptr && *own != '\0') path += fmt::format(":{}", own);
  return {std::move(path)};
}

}  // namespace

std::optional<std::string> find_program(const std::string& word) {
  if (word.find('/') != std::string::npos) {
    return access(word.c_str(), F_OK) == 0 ? std::optional(word) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + word;
    std::error_code ignored;
    const bool is_file = fs::is_regular_file(candidate, ignored);
    if (is_file && access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

std::optional<fs::path> find_python_modules() {
  if (const auto given = read_knob("LODE_PYTHON_PATH")) {
    return has_package(*given) ? std::optional<fs::path>(*given) : std::nullopt;
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  for (fs::path above = program.parent_path();; above = above.parent_path()) {
    for (const char* folder : {"python", "share/lodestone/python"}) {
      if (has_package(above / folder)) return above / folder;
    }
    if (above == above.root_path() || above.empty()) return std::nullopt;
  }
}

std::vector<std::string> adapter_names() {
  std::vector<std::string> names;
  const std::optional<fs::path> modules = find_python_modules();
  if (!modules) return names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(*modules / kPackage, error)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".py" && !name.starts_with('_')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<ProcessCommand> resolve_command(std::string_view text) {
  const std::optional<fs::path> modules = find_python_modules();
  ProcessCommand command;
  command.environment = python_environment(modules);
  if (is_bare_name(text)) {
    const std::vector<std::string> names = adapter_names();
    if (std::find(names.begin(), names.end(), text) != names.end()) {
      command.words = {interpreter(), "-m", fmt::format("{}.{}", kPackage, text)};
      return command;
    }
  }
  LODE_TRY(command.words, split_words(text));
  if (command.words.empty()) {
    return usage_error("the command is empty; write process:NAME or process:COMMAND");
  }
  const std::string& program = command.words.front();
  if (program.ends_with(".py")) {
    command.words.insert(command.words.begin(), interpreter());
    return command;
  }
  if (find_program(program)) return command;
  return usage_error("'{}' is neither a program nor an adapter; the adapters are {}", program,
                     listed(adapter_names()));
}

Result<std::vector<SettingLine>> parse_assignments(std::string_view text) {
  std::vector<SettingLine> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return usage_error("'{}' is no NAME=VALUE; write NAME=VALUE,NAME=VALUE", part);
    }
    const std::string name(part.substr(0, equals));
    for (const SettingLine& earlier : lines) {
      if (earlier.name == name) return usage_error("{} is set twice; keep one", name);
    }
    lines.push_back({name, std::string(part.substr(equals + 1))});
  }
  return lines;
}

}  // namespace lode::sut
