#include "sut/sut_list.h"

#include <array>

#include "sut/delay_sut.h"
#include "sut/engine_sut.h"
#include "sut/null_sut.h"
#include "sut/process/process_sut.h"
#include "sut/slowed_sut.h"

namespace lode::sut {
namespace {

using SutResult = Result<std::unique_ptr<loadgen::SystemUnderTest>>;

SutResult make_engine(const SutRequest& request, const SampleLibrary& library, Clock&) {
  return EngineSut::create(request, library);
}

SutResult make_null(const SutRequest&, const SampleLibrary&, Clock&) {
  return SutResult(std::make_unique<NullSut>());
}

SutResult make_delay(const SutRequest& request, const SampleLibrary&, Clock& clock) {
  return DelaySut::create(request, clock);
}

SutResult make_process(const SutRequest& request, const SampleLibrary&, Clock&) {
  return ProcessSut::create(request);
}

struct Entry {
  SutKind kind;
  SutResult (*make)(const SutRequest&, const SampleLibrary&, Clock&);
};

constexpr std::array<Entry, 4> kEntries = {{
    {{"engine", "Lodestone's own engine", true}, make_engine},
    {{"null", "answers at once: what is measured is the load generator", false}, make_null},
    {{"delay", "answers after a stated latency, without computing", false}, make_delay},
    {{"process", "a program in any language, reached by a protocol on pipes", false}, make_process},
}};

}  // namespace

std::span<const SutKind> sut_kinds() {
  static const auto kKinds = [] {
    std::array<SutKind, kEntries.size()> kinds{};
    for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = kEntries[i].kind;
    return kinds;
  }();
  return kKinds;
}

SutResult make_sut(const SutRequest& request, const SampleLibrary& library, Clock& clock) {
  std::string names;
  for (const Entry& entry : kEntries) {
    if (entry.kind.name == request.name) {
      LODE_TRY(auto made, entry.make(request, library, clock));
      if (request.slowdown <= 0.0) return made;
      return SutResult(std::make_unique<SlowedSut>(std::move(made), request.slowdown, clock));
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", entry.kind.name);
  }
  return usage_error("sut: '{}' is not known; use one of {}", request.name, names);
}

}  // namespace lode::sut
