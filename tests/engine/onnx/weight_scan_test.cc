// Weights that are left in the file: the same graph as of a whole parse, and the same refusals.
#include "engine/onnx/weight_scan.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <filesystem>
#include <fstream>

#include "engine/onnx/import.h"
#include "tests/engine/onnx/proto_builder.h"

namespace lode::engine {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kCount = 3000;  // 12,000 bytes: left out

/// small_model() with a weight of kCount floats in raw_data.
onnx::ModelProto large_model() {
  onnx::ModelProto model = small_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.clear_input();
  graph.clear_output();
  declare(*graph.add_input(), "x", {1, kCount});
  declare(*graph.add_output(), "y", {1, kCount});
  onnx::TensorProto& w = *graph.mutable_initializer(0);
  w = float_tensor("w", {kCount}, {});
  std::vector<float> values(kCount);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 7.5F;
  w.set_raw_data(values.data(), values.size() * sizeof(float));
  *graph.add_initializer() = float_tensor("small", {2}, {1.0F, 2.0F});
  return model;
}

std::optional<WeightScan> scan(const std::string& bytes) {
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  return scan_weights(stream, static_cast<std::int64_t>(bytes.size()));
}

TEST(WeightScan, LeavesOutWhatIsLargeAndNothingElse) {
  const onnx::ModelProto model = large_model();
  const std::string bytes = model.SerializeAsString();
  const auto scanned = scan(bytes);
  ASSERT_TRUE(scanned.has_value());
  ASSERT_EQ(scanned->initialisers.size(), 2);
  EXPECT_FALSE(scanned->initialisers[1].has_value());
  ASSERT_TRUE(scanned->initialisers[0].has_value());
  const RawRange range = *scanned->initialisers[0];
  const std::string& raw = model.graph().initializer(0).raw_data();
  EXPECT_EQ(
      bytes.substr(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.bytes)),
      raw);
  onnx::ModelProto rest;
  ASSERT_TRUE(rest.ParseFromString(scanned->rest));
  EXPECT_FALSE(rest.graph().initializer(0).has_raw_data());
  rest.mutable_graph()->mutable_initializer(0)->set_raw_data(raw);
  EXPECT_EQ(rest.SerializeAsString(), bytes);
}

TEST(WeightScan, GivesUpWhereAParserMustJudge) {
  const std::string bytes = large_model().SerializeAsString();
  for (const std::size_t end : {bytes.size() - 1, bytes.size() / 2, std::size_t{3}}) {
    EXPECT_FALSE(scan(bytes.substr(0, end)).has_value()) << end;
  }
  EXPECT_FALSE(scan(bytes + '\0').has_value()) << "a tag of 0";
  EXPECT_FALSE(scan(bytes + bytes).has_value()) << "two graphs are merged by a parser";
  EXPECT_FALSE(scan("").has_value());
  // A tensor that says its raw data twice: the last one counts for a parser.
  onnx::ModelProto model = small_model();
  std::string tensor = float_tensor("w", {2}, {}).SerializeAsString();
  for (int i = 0; i < 2; ++i) tensor += std::string("\x4a\x08", 2) + std::string(8, 'a');
  model.mutable_graph()->clear_initializer();
  std::string graph = model.graph().SerializeAsString();
  graph += std::string("\x2a", 1) + static_cast<char>(tensor.size()) + tensor;
  model.clear_graph();
  const std::string twice =
      model.SerializeAsString() + '\x3a' + static_cast<char>(graph.size()) + graph;
  ASSERT_LT(graph.size(), 128);
  EXPECT_FALSE(scan(twice).has_value());
  onnx::ModelProto merged;
  EXPECT_TRUE(merged.ParseFromString(twice));
}

TEST(WeightScan, ImportReadsThemFromBytesAndFromAFile) {
  const onnx::ModelProto model = large_model();
  const std::string bytes = model.SerializeAsString();
  const auto path =
      std::filesystem::path(testing::TempDir()) / fmt::format("weight_scan_{}.onnx", ::getpid());
  std::ofstream(path, std::ios::binary) << bytes;
  for (const auto& graph : {import_onnx_bytes(bytes, "bytes", {}), import_onnx(path)}) {
    ASSERT_TRUE(graph.ok()) << graph.error().message;
    const Tensor* found = nullptr;
    for (std::size_t i = 0; i < graph->value_capacity(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (graph->value(id).name == "w") found = graph->constant(id);
    }
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->shape(), Shape{kCount});
    EXPECT_EQ(std::memcmp(found->view().data, model.graph().initializer(0).raw_data().data(),
                          found->byte_size()),
              0);
  }
  std::filesystem::remove(path);
}

TEST(WeightScan, ImportRefusesWhatDoesNotFit) {
  const auto refusal = [](const onnx::ModelProto& model) {
    const auto graph = import_onnx_bytes(model.SerializeAsString(), "m", {});
    return graph.ok() ? std::string("none") : graph.error().message;
  };
  onnx::ModelProto longer = large_model();
  longer.mutable_graph()->mutable_initializer(0)->set_dims(0, kCount + 1);
  EXPECT_THAT(refusal(longer), HasSubstr("has 12000 bytes of raw data"));
  onnx::ModelProto both = large_model();
  both.mutable_graph()->mutable_initializer(0)->add_float_data(1.0F);
  EXPECT_THAT(refusal(both), HasSubstr("both raw data and a typed field"));
  onnx::ModelProto external = large_model();
  external.mutable_graph()->mutable_initializer(0)->set_data_location(
      onnx::TensorProto_DataLocation_EXTERNAL);
  EXPECT_THAT(refusal(external), HasSubstr("both external data and its own"));
}

}  // namespace
}  // namespace lode::engine
