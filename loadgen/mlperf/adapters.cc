#include "loadgen/mlperf/adapters.h"

#include <exception>

namespace mlperf {

lode::Status SutAdapter::start(const lode::loadgen::TestPlan&,
                               lode::loadgen::CompletionSink& sink) {
  session_ = Sessions::instance().open(sink);
  is_open_ = session_.ok();
  if (is_open_) return {};
  return lode::usage_error("{} tests are running already; let one end first", Sessions::kSlots);
}

void SutAdapter::issue(std::span<const lode::loadgen::QuerySample> query) {
  // Of each issuing thread its own; the reference hands out a vector as well.
  static thread_local std::vector<QuerySample> t_query;
  t_query.resize(query.size());
  for (std::size_t i = 0; i < query.size(); ++i) {
    t_query[i] = {session_.base | (query[i].id + 1), query[i].index};
  }
  sut_.IssueQuery(t_query);
}

void SutAdapter::stop() {
  // A call that is stuck may still look at session_, which therefore stays.
  if (is_open_.exchange(false)) (void)Sessions::instance().close(session_, close_limit_ns_);
}

lode::Status QslAdapter::load(std::span<const lode::SampleIndex> indices) {
  try {
    qsl_.LoadSamplesToRam({indices.begin(), indices.end()});
  } catch (const std::exception& error) {
    return lode::runtime_error("LoadSamplesToRam() threw an exception: {}", error.what());
  }
  return {};
}

void QslAdapter::unload(std::span<const lode::SampleIndex> indices) {
  try {
    qsl_.UnloadSamplesFromRam({indices.begin(), indices.end()});
  } catch (const std::exception&) {
    // The test is over, and its result stands without the memory having come back.
  }
}

}  // namespace mlperf
