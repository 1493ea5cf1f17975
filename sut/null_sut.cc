#include "sut/null_sut.h"

#include <algorithm>

namespace lode::sut {

Status NullSut::start(const loadgen::TestPlan&, loadgen::CompletionSink& sink) {
  sink_ = &sink;
  responses_.resize(kResponsesMax);
  return {};
}

void NullSut::issue(std::span<const loadgen::QuerySample> query) {
  while (!query.empty()) {
    const std::size_t count = std::min(query.size(), responses_.size());
    for (std::size_t i = 0; i < count; ++i) responses_[i].id = query[i].id;
    sink_->complete({responses_.data(), count});
    query = query.subspan(count);
  }
}

}  // namespace lode::sut
