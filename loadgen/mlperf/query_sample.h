// MLPerf LoadGen's samples and responses, by its names and types.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mlperf {

/// Names one issued sample; never 0.
using ResponseId = std::uintptr_t;
/// Index of a sample in its library.
using QuerySampleIndex = std::size_t;
/// Nanoseconds.
using QuerySampleLatency = std::int64_t;

struct QuerySample {
  ResponseId id;
  QuerySampleIndex index;
};

/// An answer: `size` bytes at `data`, which need be valid during the completing call only.
struct QuerySampleResponse {
  QuerySampleResponse() : id(0), data(0), size(0), n_tokens(0) {}
  QuerySampleResponse(ResponseId id_, std::uintptr_t data_, std::size_t size_)
      : id(id_), data(data_), size(size_), n_tokens(0) {}
  QuerySampleResponse(ResponseId id_, std::uintptr_t data_, std::size_t size_,
                      std::int64_t n_tokens_)
      : id(id_), data(data_), size(size_), n_tokens(n_tokens_) {}

  ResponseId id;
  std::uintptr_t data;
  std::size_t size;
  std::int64_t n_tokens;
};

}  // namespace mlperf
