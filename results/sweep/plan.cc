#include "results/sweep/plan.h"

#include <algorithm>

#include "base/rng.h"

namespace lode::sweep {
namespace {

namespace fs = std::filesystem;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '=';
}

std::string changed(const std::string& what, const std::string& then, const std::string& now) {
  return fmt::format("{} has changed since the sweep was planned ({} then, {} now)", what, then,
                     now);
}

std::string short_sha(const std::string& sha256) {
  return fmt::format("sha256 {}...", sha256.substr(0, 12));
}

}  // namespace

std::vector<Step> interleave(std::size_t points, std::uint64_t repeats, std::uint64_t seed) {
  Rng rng = make_rng(seed, "sweep order");
  std::vector<Step> order;
  for (std::uint64_t repeat = 1; repeat <= repeats; ++repeat) {
    const std::size_t begin = order.size();
    for (std::size_t point = 0; point < points; ++point) order.push_back({point, repeat});
    for (std::size_t left = points; left > 1; --left) {
      const std::size_t chosen = uniform_below(rng, static_cast<std::uint32_t>(left));
      std::swap(order[begin + left - 1], order[begin + chosen]);
    }
  }
  return order;
}

std::string point_name(std::size_t index, std::size_t count, const std::vector<Named>& values) {
  constexpr std::size_t kLongest = 120;  // A file name may have 255 bytes.
  const std::size_t digits = std::max<std::size_t>(3, std::to_string(count).size());
  std::string name = fmt::format("{:0{}}", index + 1, digits);
  for (const Named& each : values) {
    // Of a path, the file's name says enough.
    const bool is_path = each.value.find('/') != std::string::npos;
    name += fmt::format("_{}={}", each.name,
                        is_path ? fs::path(each.value).stem().string() : each.value);
  }
  for (char& c : name) {
    if (!is_plain(c) && c != '_') c = '-';
  }
  return name.substr(0, kLongest);
}

std::string difference(const Identity& then, const Identity& now) {
  if (then.program_sha256 != now.program_sha256) {
    return changed("the program lode", short_sha(then.program_sha256),
                   short_sha(now.program_sha256));
  }
  for (const SubjectFile& before : then.files) {
    const auto after =
        std::find_if(now.files.begin(), now.files.end(), [&](const SubjectFile& file) {
          return file.what == before.what && file.path == before.path;
        });
    const std::string what = fmt::format("{} '{}'", before.what, before.path);
    if (after == now.files.end()) return fmt::format("{} is not looked at any more", what);
    if (after->sha256 != before.sha256) {
      return changed(what, short_sha(before.sha256), short_sha(after->sha256));
    }
  }
  for (const Named& before : then.machine) {
    const auto after = std::find_if(now.machine.begin(), now.machine.end(),
                                    [&](const Named& each) { return each.name == before.name; });
    const std::string value = after == now.machine.end() ? "not known" : after->value;
    if (value != before.value) {
      return changed(fmt::format("the machine's {}", before.name),
                     fmt::format("'{}'", before.value), fmt::format("'{}'", value));
    }
  }
  return {};
}

fs::path plan_file(const fs::path& sweep) {
  return sweep / "plan.json";
}

fs::path result_file(const fs::path& sweep) {
  return sweep / "sweep.json";
}

fs::path config_file(const fs::path& sweep, const Point& point) {
  return sweep / "points" / point.name / "config.yaml";
}

fs::path run_directory(const fs::path& sweep, const Point& point, std::uint64_t repeat) {
  return sweep / "points" / point.name / fmt::format("r{}", repeat);
}

fs::path failure_file(const fs::path& sweep, const Point& point, std::uint64_t repeat) {
  return sweep / "points" / point.name / fmt::format("r{}.failed", repeat);
}

}  // namespace lode::sweep
