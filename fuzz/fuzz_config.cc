// Any bytes as a YAML configuration: they are read or refused with one line, and what was read is
// written and read back to the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "config/resolve.h"
#include "config/yaml_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lode::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = parse_flat_yaml(text, "fuzz.yaml");
  if (!entries.ok()) return 0;
  ConfigSources sources;
  sources.stored_name = "fuzz";
  for (const YamlEntry& entry : *entries) sources.stored.push_back({entry.key, entry.value});
  const auto config = resolve(sources);
  if (!config.ok()) return 0;

  const auto again = parse_flat_yaml(effective_yaml(*config), "effective.yaml");
  LODE_ASSERT(again.ok());
  ConfigSources second;
  for (const YamlEntry& entry : *again) second.stored.push_back({entry.key, entry.value});
  const auto same = resolve(second);
  LODE_ASSERT(same.ok());
  for (const Setting& setting : same->settings) {
    bool found = false;
    for (const Setting& first : config->settings) {
      found = found || (first.key == setting.key && first.text == setting.text);
    }
    LODE_ASSERT(found);
  }
  return 0;
}
