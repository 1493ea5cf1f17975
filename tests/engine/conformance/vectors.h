// The ONNX project's conformance vectors: a folder a case, with a model, its inputs and the outputs
// that it must give.
#pragma once

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "engine/onnx/import.h"
#include "engine/ops/element.h"

namespace lode::engine {

struct Vector {
  std::string name;  ///< "node/test_add"
  std::filesystem::path folder;
  std::vector<std::filesystem::path> data_sets;
};

/// All cases that have a model, sorted by name.
inline std::vector<Vector> list_vectors(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::vector<Vector> vectors;
  for (const auto& group : fs::directory_iterator(root)) {
    for (const auto& entry : fs::directory_iterator(group)) {
      if (!fs::exists(entry.path() / "model.onnx")) continue;
      Vector vector{.name = (group.path().filename() / entry.path().filename()).string(),
                    .folder = entry.path(),
                    .data_sets = {}};
      for (const auto& sub : fs::directory_iterator(entry)) {
        if (sub.is_directory()) vector.data_sets.push_back(sub.path());
      }
      std::sort(vector.data_sets.begin(), vector.data_sets.end());
      vectors.push_back(std::move(vector));
    }
  }
  std::sort(vectors.begin(), vectors.end(),
            [](const Vector& a, const Vector& b) { return a.name < b.name; });
  return vectors;
}

/// "domain::type" of every node of a graph and of the graphs inside it; ai.onnx is "".
inline void collect_operators(const onnx::GraphProto& graph, std::set<std::string>& operators) {
  for (const onnx::NodeProto& node : graph.node()) {
    const std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
    operators.insert(domain + "::" + node.op_type());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) collect_operators(attribute.g(), operators);
      for (const auto& each : attribute.graphs()) collect_operators(each, operators);
    }
  }
}

/// input_0.pb, input_1.pb, ... (`prefix` "input") of a data set, as many as there are.
inline Result<std::vector<Tensor>> read_tensors(const std::filesystem::path& data_set,
                                                std::string_view prefix) {
  std::vector<Tensor> tensors;
  while (true) {
    const auto path = data_set / fmt::format("{}_{}.pb", prefix, tensors.size());
    if (!std::filesystem::exists(path)) return tensors;
    LODE_TRY(const std::string bytes, read_file(path));
    LODE_TRY(Tensor tensor, import_tensor_bytes(bytes, path.filename().string()));
    tensors.push_back(std::move(tensor));
  }
}

/// |actual - expected| <= absolute + relative * |expected|; equal infinities and NaNs agree.
struct Tolerance {
  double relative = 0.0;
  double absolute = 0.0;
};

/// "" if the tensors agree in type, shape and elements (integers and booleans exactly); else what
/// differs first.
inline std::string difference(const Tensor& actual, const Tensor& expected, Tolerance tolerance) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    return fmt::format("is {}{}, not {}{}", dtype_name(actual.dtype()), actual.shape().to_string(),
                       dtype_name(expected.dtype()), expected.shape().to_string());
  }
  if (!is_floating(actual.dtype())) {
    const bool equal =
        actual.byte_size() == 0 ||
        std::memcmp(actual.view().data, expected.view().data, actual.byte_size()) == 0;
    return equal ? "" : "integers differ";
  }
  return visit_floating(actual.dtype(), [&]<typename T>() -> std::string {
    const T* left = elements<T>(actual.view());
    const T* right = elements<T>(expected.view());
    for (std::int64_t i = 0; i < actual.element_count(); ++i) {
      const double a = widen(left[i]);
      const double b = widen(right[i]);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      if (std::fabs(a - b) <= tolerance.absolute + tolerance.relative * std::fabs(b)) continue;
      return fmt::format("element {} is {}, not {}", i, a, b);
    }
    return "";
  });
}

}  // namespace lode::engine
