// GraphProto to Graph. Private to this folder.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/graph/graph.h"
#include "engine/onnx/proto.h"
#include "engine/onnx/tensor_reader.h"

namespace lode::engine {

/// Version of each imported operator set by domain, "" standing for "ai.onnx" too.
using OperatorSets = std::map<std::string, std::int64_t, std::less<>>;

/// Where the tensors' data is, beside the message.
struct DataSources {
  std::filesystem::path folder;  ///< for external data; "" forbids it
  /// Raw data that is not in the message, by initialiser; may be shorter than their list.
  std::vector<std::optional<RawData>> initialisers;
};

/// The graph with every operator known and every name resolved; it has passed verify(). Takes the
/// tensors out of `proto`.
[[nodiscard]] Result<Graph> read_graph(onnx::GraphProto& proto, const OperatorSets& operator_sets,
                                       const DataSources& sources);

/// "" for the two names of the default domain, others unchanged.
[[nodiscard]] std::string normalised_domain(const std::string& domain);

}  // namespace lode::engine
