// External data: read from beside the model, and from nowhere else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/onnx/import.h"
#include "tests/engine/onnx/proto_builder.h"

namespace lode::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ExternalData : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / fmt::format("lode_external_{}", ::getpid());
    folder_ = root_ / "model";
    fs::create_directories(folder_ / "sub");
    const float values[] = {9.0F, 0.5F, -4.0F};
    for (const fs::path& path : {folder_ / "w.bin", folder_ / "sub" / "w.bin", root_ / "w.bin"}) {
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(values), sizeof(values));
    }
  }
  void TearDown() override { fs::remove_all(root_); }

  using Entries = std::vector<std::pair<std::string, std::string>>;

  // The small model with its 'w' (two floats) outside.
  Result<Graph> import(const Entries& entries) const {
    onnx::ModelProto model = small_model();
    onnx::TensorProto& w = *model.mutable_graph()->mutable_initializer(0);
    w.clear_float_data();
    w.set_data_location(onnx::TensorProto_DataLocation_EXTERNAL);
    for (const auto& [key, value] : entries) {
      onnx::StringStringEntryProto* entry = w.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return import_onnx_bytes(model.SerializeAsString(), "m.onnx", folder_);
  }

  std::string error_of(const Entries& entries) const {
    const Result<Graph> graph = import(entries);
    return graph.ok() ? "" : graph.error().message;
  }

  fs::path root_;
  fs::path folder_;
};

TEST_F(ExternalData, IsReadAtItsOffset) {
  for (const char* location : {"w.bin", "sub/w.bin", "./w.bin"}) {
    const Result<Graph> graph =
        import({{"location", location}, {"offset", "4"}, {"length", "8"}, {"checksum", "x"}});
    ASSERT_TRUE(graph.ok()) << graph.error().message;
    const Graph& g = graph.value();
    const Tensor* w = g.constant(g.node(0).inputs[1]);
    ASSERT_NE(w, nullptr);
    EXPECT_THAT(w->as<float>(), ElementsAre(0.5F, -4.0F));
  }
}

TEST_F(ExternalData, SizesMustFit) {
  EXPECT_EQ(error_of({{"location", "w.bin"}}), "");
  EXPECT_THAT(error_of({{"location", "w.bin"}, {"length", "12"}}),
              HasSubstr("tensor 'w': external data 'w.bin': length 12 does not fit f32 [2]"));
  EXPECT_THAT(error_of({{"location", "w.bin"}, {"offset", "8"}}),
              HasSubstr("the file has 12 bytes, 8 from offset 8 are needed"));
  EXPECT_THAT(error_of({{"location", "w.bin"}, {"offset", "9223372036854775807"}}),
              HasSubstr("the file has 12 bytes"));
  EXPECT_THAT(error_of({{"location", "w.bin"}, {"offset", "-4"}}),
              HasSubstr("offset '-4' is not a byte count"));
  EXPECT_THAT(error_of({{"location", "w.bin"}, {"length", "8x"}}), HasSubstr("length '8x'"));
}

TEST_F(ExternalData, StaysBelowTheFolder) {
  constexpr std::string_view kBelow = "must be a path below the model's folder";
  EXPECT_THAT(error_of({{"location", "../w.bin"}}), HasSubstr(kBelow));
  EXPECT_THAT(error_of({{"location", "sub/../../w.bin"}}), HasSubstr(kBelow));
  EXPECT_THAT(error_of({{"location", (root_ / "w.bin").string()}}), HasSubstr(kBelow));
  EXPECT_THAT(error_of({{"location", std::string("w.bin\0x", 7)}}), HasSubstr(kBelow));

  fs::create_symlink(root_ / "w.bin", folder_ / "link.bin");
  EXPECT_THAT(error_of({{"location", "link.bin"}}), HasSubstr("a symbolic link leaves"));
  fs::create_directory_symlink(root_, folder_ / "up");
  EXPECT_THAT(error_of({{"location", "up/w.bin"}}), HasSubstr("a symbolic link leaves"));
  // A sibling whose name begins like the folder's is outside too.
  fs::create_directories(root_ / "model2");
  fs::copy(root_ / "w.bin", root_ / "model2" / "w.bin");
  fs::create_symlink(root_ / "model2" / "w.bin", folder_ / "sibling.bin");
  EXPECT_THAT(error_of({{"location", "sibling.bin"}}), HasSubstr("a symbolic link leaves"));
  fs::create_symlink(folder_ / "w.bin", folder_ / "inside.bin");
  EXPECT_EQ(error_of({{"location", "inside.bin"}}), "");
}

TEST_F(ExternalData, MustBeAFileThatIsThere) {
  EXPECT_THAT(error_of({{"location", "absent.bin"}}),
              HasSubstr("external data 'absent.bin': No such file"));
  EXPECT_THAT(error_of({{"location", "sub"}}), HasSubstr("is not a regular file"));
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of({{"location", "pipe"}}), HasSubstr("is not a regular file"));
  EXPECT_THAT(error_of({}), HasSubstr("no location is given"));
  EXPECT_THAT(error_of({{"location", "w.bin"}, {"mode", "rw"}}),
              HasSubstr("key 'mode' is not known"));
}

TEST_F(ExternalData, FolderIsTheModelFilesOwn) {
  onnx::ModelProto model = small_model();
  onnx::TensorProto& w = *model.mutable_graph()->mutable_initializer(0);
  w.clear_float_data();
  w.set_data_location(onnx::TensorProto_DataLocation_EXTERNAL);
  onnx::StringStringEntryProto* entry = w.add_external_data();
  entry->set_key("location");
  entry->set_value("w.bin");
  std::ofstream(folder_ / "m.onnx", std::ios::binary) << model.SerializeAsString();
  const Result<Graph> graph = import_onnx(folder_ / "m.onnx");
  EXPECT_TRUE(graph.ok()) << graph.error().message;
}

}  // namespace
}  // namespace lode::engine
