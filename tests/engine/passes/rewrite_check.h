// Runs one pass on a copy of a graph and proves that the results stayed the same.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "engine/passes/passes.h"
#include "tests/engine/graph_builder.h"
#include "tests/engine/graph_runner.h"

namespace lode::engine {

struct Rewritten {
  Graph graph;
  PassReport report;

  /// Why the pass left `node` alone; "" if it noted nothing.
  [[nodiscard]] std::string refusal(std::string_view node) const {
    for (const PassNote& note : report.refused) {
      if (note.node == node) return note.why;
    }
    return "";
  }
};

/// Every output within `tolerance` of the largest element of the expected one.
inline void expect_close(const std::vector<Tensor>& actual, const std::vector<Tensor>& expected,
                         float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].dtype(), expected[i].dtype());
    ASSERT_EQ(actual[i].shape().to_string(), expected[i].shape().to_string());
    if (expected[i].dtype() != DType::kF32) continue;
    float largest = 1.0F;
    for (const float element : expected[i].as<float>())
      largest = std::max(largest, std::fabs(element));
    for (std::size_t e = 0; e < expected[i].as<float>().size(); ++e) {
      ASSERT_NEAR(actual[i].as<float>()[e], expected[i].as<float>()[e], tolerance * largest)
          << "output " << i << " element " << e;
    }
  }
}

/// `before` after `pass`, verified, with the outputs of both compared on random f32 inputs of the
/// declared shapes.
inline Rewritten rewrite(const Graph& before, Status (*pass)(Graph&, PassReport&),
                         float tolerance = 1e-5F) {
  Rewritten result{before, {}};
  const Status verified_before = verify(before);
  EXPECT_TRUE(verified_before.ok()) << verified_before.error().message;
  const Status ran = pass(result.graph, result.report);
  EXPECT_TRUE(ran.ok()) << ran.error().message;
  const Status verified = verify(result.graph);
  EXPECT_TRUE(verified.ok()) << verified.error().message << "\n" << dump(result.graph);

  std::vector<Tensor> inputs;
  for (const ValueId input : before.inputs()) {
    const Value& value = before.value(input);
    inputs.push_back(value.dtype == DType::kF32 ? random_tensor(*value.shape, inputs.size(), -3, 3)
                                                : Tensor(*value.dtype, *value.shape));
  }
  const auto expected = run_graph(before, inputs);
  const auto actual = run_graph(result.graph, inputs);
  EXPECT_TRUE(expected.ok()) << expected.error().message;
  EXPECT_TRUE(actual.ok()) << actual.error().message;
  if (expected.ok() && actual.ok()) expect_close(*actual, *expected, tolerance);
  return result;
}

}  // namespace lode::engine
