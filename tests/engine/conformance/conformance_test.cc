// Every vector whose operators are all supported must pass, by the references alone and in a
// session. What cannot is named in one table with the reason, and must indeed fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <map>

#include "engine/runtime/session.h"
#include "tests/engine/conformance/vectors.h"
#include "tests/engine/graph_runner.h"

namespace lode::engine {
namespace {

constexpr std::string_view kTraining =
    "asks for training: an inference engine refuses it rather than drop or update anything";
constexpr std::string_view kStrings = "holds strings, which are no tensors here";
constexpr std::string_view kMislabelled =
    "its files store bfloat16 as uint16, or with a shape that its model does not declare";
constexpr std::string_view kNotTensors = "passes sequences or optionals, which are no tensors";

const std::map<std::string_view, std::string_view> kExceptions = {
    {"node/test_batchnorm_epsilon_training_mode", kTraining},
    {"node/test_batchnorm_example_training_mode", kTraining},
    {"node/test_training_dropout", kTraining},
    {"node/test_training_dropout_default", kTraining},
    {"node/test_training_dropout_default_mask", kTraining},
    {"node/test_training_dropout_mask", kTraining},
    {"node/test_cast_FLOAT_to_STRING", kStrings},
    {"node/test_cast_STRING_to_FLOAT", kStrings},
    {"node/test_castlike_FLOAT_to_STRING_expanded", kStrings},
    {"node/test_castlike_STRING_to_FLOAT_expanded", kStrings},
    {"node/test_cast_BFLOAT16_to_FLOAT", kMislabelled},
    {"node/test_cast_FLOAT_to_BFLOAT16", kMislabelled},
    {"node/test_castlike_BFLOAT16_to_FLOAT_expanded", kMislabelled},
    {"node/test_castlike_FLOAT_to_BFLOAT16_expanded", kMislabelled},
    {"node/test_identity_opt", kNotTensors},
    {"node/test_identity_sequence", kNotTensors},
};

// The backend tests of the onnx package take 1e-3 and 1e-7. References round once, at the end, so
// that what remains is the error of the expected values, which are float32 results themselves.
constexpr Tolerance kReferenceTolerance{.relative = 1e-5, .absolute = 1e-6};
// Kernels sum in float, in their own order.
constexpr Tolerance kSessionTolerance{.relative = 1e-4, .absolute = 1e-5};
// 16-bit floats: one rounding to 11 bits of mantissa.
constexpr Tolerance kHalfTolerance{.relative = 1e-3, .absolute = 1e-6};

using Runner = std::function<Result<std::vector<Tensor>>(Graph, std::span<const Tensor>)>;

bool is_supported(const std::string& name) {
  const auto operators = all_operators();
  return std::any_of(operators.begin(), operators.end(), [&](const OperatorDef& definition) {
    return fmt::format("{}::{}", definition.domain, definition.op_type) == name;
  });
}

// All operators of the vector's model are in the list, whatever their version.
bool has_supported_operators(const Vector& vector) {
  const Result<std::string> bytes = read_file(vector.folder / "model.onnx");
  onnx::ModelProto model;
  if (!bytes.ok() || !model.ParseFromString(*bytes)) return false;
  std::set<std::string> operators;
  collect_operators(model.graph(), operators);
  return std::all_of(operators.begin(), operators.end(), is_supported);
}

// "" if every data set of the vector gives what it must.
std::string run_vector(const Vector& vector, Tolerance tolerance, const Runner& run) {
  if (vector.data_sets.empty()) return "has no data";
  for (const auto& data_set : vector.data_sets) {
    Result<Graph> graph = import_onnx(vector.folder / "model.onnx");
    if (!graph.ok()) return graph.error().message;
    const auto inputs = read_tensors(data_set, "input");
    if (!inputs.ok()) return inputs.error().message;
    const auto expected = read_tensors(data_set, "output");
    if (!expected.ok()) return expected.error().message;
    const auto actual = run(std::move(*graph), *inputs);
    if (!actual.ok()) return actual.error().message;
    if (actual->size() != expected->size() || actual->empty()) return "has other outputs";
    for (std::size_t i = 0; i < actual->size(); ++i) {
      const bool is_short = dtype_size((*actual)[i].dtype()) == 2;
      const std::string text =
          difference((*actual)[i], (*expected)[i], is_short ? kHalfTolerance : tolerance);
      if (!text.empty()) return fmt::format("output {} {}", i, text);
    }
  }
  return "";
}

// Runs all vectors, checks the table of exceptions, prints the count.
void run_all(const char* path, Tolerance tolerance, const Runner& run) {
#ifdef LODE_CONFORMANCE_DATA
  const char* const root = LODE_CONFORMANCE_DATA;
#else
  GTEST_SKIP() << "the ONNX conformance vectors (libonnx-testdata) are not installed";
  const char* const root = "";
#endif
  int passed = 0;
  int skipped = 0;
  std::set<std::string_view> excepted;
  for (const Vector& vector : list_vectors(root)) {
    if (!has_supported_operators(vector)) {
      ++skipped;
      continue;
    }
    const std::string failure = run_vector(vector, tolerance, run);
    const auto exception = kExceptions.find(vector.name);
    if (exception != kExceptions.end()) {
      excepted.insert(exception->first);
      EXPECT_NE(failure, "") << vector.name << " passes: strike it from the exceptions";
      continue;
    }
    EXPECT_EQ(failure, "") << vector.name;
    if (failure.empty()) ++passed;
  }
  EXPECT_EQ(excepted.size(), kExceptions.size()) << "an exception names no vector that was run";
  EXPECT_GE(passed, 280) << "vectors are missing";
  std::printf(
      "conformance (%s): %d passed, %zu exceptions, %d skipped (operator outside the list)\n", path,
      passed, excepted.size(), skipped);
}

// Inference must agree with what the references then give: types, shapes, known values.
Status check_inference(const Graph& graph, std::span<const Tensor> inputs,
                       std::span<const Tensor> outputs) {
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  LODE_TRY(const InferredGraph inferred, infer_shapes(graph, shapes));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ValueInfo& info = inferred.values[static_cast<std::size_t>(graph.outputs()[i])];
    if (!info.known_shape) {
      if (!inferred.data_dependent.empty()) continue;
      return runtime_error("output {} has no shape, but no node depends on data", i);
    }
    if (info.dtype != outputs[i].dtype() || info.shape != outputs[i].shape()) {
      return runtime_error("output {} is inferred as {}{}, but is {}{}", i, dtype_name(info.dtype),
                           info.shape.to_string(), dtype_name(outputs[i].dtype()),
                           outputs[i].shape().to_string());
    }
    if (info.constant != nullptr && !difference(*info.constant, outputs[i], {}).empty()) {
      return runtime_error("output {} is inferred with another value", i);
    }
  }
  return {};
}

TEST(Conformance, ReferencesPass) {
  run_all("references", kReferenceTolerance, [](Graph graph, std::span<const Tensor> inputs) {
    Result<std::vector<Tensor>> outputs = run_graph(graph, inputs);
    if (!outputs.ok()) return outputs;
    const Status agreed = check_inference(graph, inputs, *outputs);
    return agreed.ok() ? std::move(outputs) : Result<std::vector<Tensor>>(agreed.error());
  });
}

// The whole road of a user's model: passes, plan, kernels.
Result<std::vector<Tensor>> run_session(Graph graph, std::span<const Tensor> inputs, int threads) {
  LODE_TRY(const std::shared_ptr<const Model> model, Model::from_graph(std::move(graph), {}));
  LODE_TRY(const std::unique_ptr<Session> session,
           Session::create(model, {.threads = threads, .cpus = {}}));
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  return session->run_allocating(views);
}

TEST(Conformance, SessionsPass) {
  run_all("session, 1 thread", kSessionTolerance, [](Graph graph, std::span<const Tensor> inputs) {
    return run_session(std::move(graph), inputs, 1);
  });
}

TEST(Conformance, SessionsOfTwoThreadsPass) {
  run_all("session, 2 threads", kSessionTolerance, [](Graph graph, std::span<const Tensor> inputs) {
    return run_session(std::move(graph), inputs, 2);
  });
}

TEST(Conformance, ComparisonFindsDifferences) {
  const auto tensor = [](std::vector<float> values) {
    return Tensor::of<float>(values, Shape{static_cast<std::int64_t>(values.size())});
  };
  EXPECT_EQ(difference(tensor({1.0F, 2.0F}), tensor({1.0F, 2.0F}), kReferenceTolerance), "");
  EXPECT_EQ(difference(tensor({1.0F, 2.1F}), tensor({1.0F, 2.0F}), {.absolute = 0.01}),
            "element 1 is 2.0999999046325684, not 2");
  EXPECT_NE(difference(tensor({1.0F}), tensor({NAN}), kReferenceTolerance), "");
  EXPECT_EQ(difference(tensor({1.0F}), tensor({1.0F, 2.0F}), kReferenceTolerance),
            "is f32[1], not f32[2]");
}

}  // namespace
}  // namespace lode::engine
