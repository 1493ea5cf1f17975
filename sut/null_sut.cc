#include "sut/null_sut.h"

#include <algorithm>
#include <array>

namespace lode::sut {

Status NullSut::start(const loadgen::TestPlan&, loadgen::CompletionSink& sink) {
  sink_ = &sink;
  return {};
}

void NullSut::issue(std::span<const loadgen::QuerySample> query) {
  // Of each issuing thread its own.
  static thread_local std::array<loadgen::QuerySampleResponse, kResponsesMax> t_responses;
  while (!query.empty()) {
    const std::size_t count = std::min(query.size(), t_responses.size());
    for (std::size_t i = 0; i < count; ++i) t_responses[i].id = query[i].id;
    sink_->complete({t_responses.data(), count});
    query = query.subspan(count);
  }
}

}  // namespace lode::sut
