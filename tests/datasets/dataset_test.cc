// Reading datasets: the sample library, info, verify, and files that are not what they say.
#include "datasets/dataset.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <functional>

#include "base/h5/h5_file.h"
#include "tests/datasets/dataset_test_support.h"

namespace lode::datasets {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::atomic<bool> kNotInterrupted{false};

/// Everything a dataset file holds, to be changed before it is written.
struct Content {
  std::string schema = "lodestone.dataset/1";
  std::string layout = "nchw";
  std::string dtype = "f32";
  std::string color = "rgb";
  std::vector<float> mean = {0, 0, 0};
  std::vector<float> std = {1, 1, 1};
  std::int64_t classes = 3;
  Shape shape = {10, 3, 2, 2};
  Shape chunk = {4, 3, 2, 2};
  bool checksums = true;
  std::vector<float> samples = std::vector<float>(120, 0.0F);
  std::vector<std::int64_t> labels = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0};
  bool with_labels = true;
  std::vector<std::string> ids = std::vector<std::string>(10, "id");
  std::vector<std::int64_t> calibration = {9, 0, 5};

  /// Sample i holds i.0 to i.11.
  Content() {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::size_t sample = i / 12;
      samples[i] = static_cast<float>(sample) + 0.01F * static_cast<float>(i % 12);
    }
  }
};

class Dataset : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    path_ = folder_ / "data.h5";
  }

  void write(const Content& content) {
    h5::File file = h5::File::create(path_).value();
    const auto must = [](const Status& status) {
      ASSERT_TRUE(status.ok()) << status.error().message;
    };
    must(file.set_attribute("schema", content.schema));
    must(file.set_attribute("layout", content.layout));
    must(file.set_attribute("dtype", content.dtype));
    must(file.set_attribute("color", content.color));
    must(file.set_attribute("mean", content.mean));
    must(file.set_attribute("std", content.std));
    must(file.set_attribute("source", std::string_view("test")));
    must(file.set_attribute("preprocessing", std::string_view("none")));
    must(file.set_attribute("decoder", std::string_view("none")));
    must(file.set_attribute("classes", content.classes));
    must(file.create_dataset("/samples", DType::kF32, content.shape,
                             {content.chunk, 0, content.checksums}));
    if (!content.samples.empty()) {
      const auto rows = static_cast<std::uint64_t>(content.shape[0]);
      must(file.write_rows("/samples", 0, rows,
                           {reinterpret_cast<const std::byte*>(content.samples.data()), DType::kF32,
                            content.shape}));
    }
    if (content.with_labels) write_integers(file, "/labels", content.labels);
    write_integers(file, "/calibration", content.calibration);
    must(file.write_strings("/ids", content.ids));
    must(file.close());
  }

  static void write_integers(h5::File& file, const char* name,
                             const std::vector<std::int64_t>& values) {
    const Shape shape{static_cast<std::int64_t>(values.size())};
    ASSERT_TRUE(file.create_dataset(name, DType::kI64, shape, {}).ok());
    ASSERT_TRUE(
        file.write_rows(name, 0, values.size(),
                        {reinterpret_cast<const std::byte*>(values.data()), DType::kI64, shape})
            .ok());
  }

  /// Writes the content as `change` leaves it and returns why it cannot be opened.
  std::string open_error(const std::function<void(Content&)>& change) {
    Content content;
    change(content);
    write(content);
    const auto library = open_dataset(path_, 0);
    EXPECT_FALSE(library.ok());
    return library.ok() ? "" : library.error().message;
  }
  std::string verify_error(const std::function<void(Content&)>& change) {
    Content content;
    change(content);
    write(content);
    const Status status = verify_dataset(path_, nullptr, kNotInterrupted);
    EXPECT_FALSE(status.ok());
    return status.ok() ? "" : status.error().message;
  }

  std::unique_ptr<SampleLibrary> open(std::uint64_t performance_samples = 0) {
    auto library = open_dataset(path_, performance_samples);
    EXPECT_TRUE(library.ok()) << library.error().message;
    return std::move(library).value();
  }

  fs::path path_;
};

TEST_F(Dataset, SamplesLoadInAnyOrderAndMoreThanOnce) {
  write(Content());
  const auto library = open();
  EXPECT_EQ(library->name(), "data.h5");
  EXPECT_EQ(library->total_sample_count(), 10U);
  EXPECT_EQ(library->performance_sample_count(), 10U);
  EXPECT_EQ(library->sample_shape(), (Shape{3, 2, 2}));
  const std::vector<SampleIndex> shuffled = {8, 1, 9, 1, 4, 0};
  ASSERT_TRUE(library->load(shuffled).ok());
  for (const SampleIndex index : shuffled) {
    const auto sample = library->sample(index);
    ASSERT_EQ(sample.size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) {
      EXPECT_FLOAT_EQ(sample[i], static_cast<float>(index) + 0.01F * static_cast<float>(i));
    }
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(sample.data()) % 64, 0U);
    EXPECT_EQ(library->label(index), static_cast<std::int64_t>(index % 3));
  }
  // Another load keeps what is there in its place.
  const float* before = library->sample(8).data();
  const std::vector<SampleIndex> overlapping = {8, 7};
  ASSERT_TRUE(library->load(overlapping).ok());
  EXPECT_EQ(library->sample(8).data(), before);
  library->unload(shuffled);
  EXPECT_EQ(library->sample(8).data(), before);
  EXPECT_FLOAT_EQ(library->sample(7)[0], 7.0F);
  library->unload(overlapping);
  ASSERT_TRUE(library->load(overlapping).ok());
  EXPECT_FLOAT_EQ(library->sample(8)[0], 8.0F);
}

TEST_F(Dataset, WhatIsNotLoadedIsABug) {
  write(Content());
  const auto library = open();
  const std::vector<SampleIndex> one = {3};
  ASSERT_TRUE(library->load(one).ok());
  EXPECT_DEATH((void)library->sample(2), "data != nullptr");
  library->unload(one);
  EXPECT_DEATH((void)library->sample(3), "data != nullptr");
  EXPECT_DEATH(library->unload(one), "loads > 0");
}

TEST_F(Dataset, IndicesBeyondTheEndAreAnErrorAndLoadNothing) {
  write(Content());
  const auto library = open();
  const std::vector<SampleIndex> beyond = {3, 10};
  const Status status = library->load(beyond);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("no sample 10; it has 10"));
  EXPECT_DEATH((void)library->sample(3), "data != nullptr");
}

TEST_F(Dataset, ThePerformanceSetIsCapped) {
  write(Content());
  EXPECT_EQ(open(4)->performance_sample_count(), 4U);
  EXPECT_EQ(open(400)->performance_sample_count(), 10U);
}

TEST_F(Dataset, WithoutLabelsTheLabelIsMinusOne) {
  Content content;
  content.with_labels = false;
  content.classes = 0;
  write(content);
  EXPECT_EQ(open()->label(3), -1);
  EXPECT_TRUE(read_dataset_info(path_).value().label_counts.empty());
  EXPECT_TRUE(verify_dataset(path_, nullptr, kNotInterrupted).ok());
}

TEST_F(Dataset, InfoIsReadBack) {
  write(Content());
  const DatasetInfo info = read_dataset_info(path_).value();
  EXPECT_EQ(info.samples, 10U);
  EXPECT_EQ(info.chunk_samples, 4U);
  EXPECT_THAT(info.label_counts, ElementsAre(4, 3, 3));
  EXPECT_THAT(info.calibration, ElementsAre(9, 0, 5));
  EXPECT_EQ(info.filters, "fletcher32");
  EXPECT_THAT(read_dataset_ids(path_).value(), Each("id"));
}

TEST_F(Dataset, FilesThatAreNoDatasets) {
  EXPECT_THAT(open_dataset(path_, 0).error().message,
              AllOf(HasSubstr("data.h5"), HasSubstr("No such")));
  ASSERT_TRUE(h5::File::create(path_).value().close().ok());
  EXPECT_THAT(open_dataset(path_, 0).error().message,
              AllOf(HasSubstr("attribute 'schema'"), HasSubstr("lode dataset made")));
  EXPECT_THAT(open_error([](Content& c) { c.schema = "lodestone.dataset/2"; }),
              HasSubstr("schema 'lodestone.dataset/2' is not"));
}

TEST_F(Dataset, FilesThatContradictThemselves) {
  const std::pair<std::function<void(Content&)>, const char*> cases[] = {
      {[](Content& c) { c.layout = "chwn"; }, "'layout' is 'chwn'"},
      {[](Content& c) { c.dtype = "f64"; }, "'dtype' is 'f64'"},
      {[](Content& c) { c.dtype = "u8"; }, "/samples holds f32, attribute 'dtype' says u8"},
      {[](Content& c) { c.color = "pink"; }, "'color' is 'pink'"},
      {[](Content& c) { c.layout = "nhwc"; }, "has 2 channels, attribute 'color' says rgb"},
      {[](Content& c) {
         c.mean = {0, 0};
       },
       "attribute 'mean' has 2 values"},
      {[](Content& c) {
         c.std = {1, 1, 0};
       },
       "attribute 'std' holds 0"},
      {[](Content& c) {
         c.shape = {10, 12}, c.chunk = {4, 12};
       },
       "four extents"},
      {[](Content& c) {
         c.chunk = {4, 3, 1, 2};
       },
       "whole samples are needed"},
      {[](Content& c) { c.labels.pop_back(); }, "9 labels for 10 samples"},
      {[](Content& c) { c.labels.push_back(0); }, "/labels is [11] i64"},
      {[](Content& c) { c.labels[4] = 3; }, "sample 4 has class 3, not in 0..2"},
      {[](Content& c) { c.labels[4] = -1; }, "sample 4 has class -1"},
      {[](Content& c) { c.classes = INT64_MAX; }, "'classes' is 9223372036854775807"},
      {[](Content& c) { c.with_labels = false; }, "no /labels, yet"},
      {[](Content& c) { c.calibration = {10}; }, "entry 0 is 10, not one of 10"},
      {[](Content& c) {
         c.calibration = {0, -1};
       },
       "entry 1 is -1"},
  };
  for (const auto& [change, text] : cases) {
    EXPECT_THAT(open_error(change), AllOf(HasSubstr("data.h5: "), HasSubstr(text)));
  }
}

TEST_F(Dataset, ExtentsWithoutContentAreRefused) {
  EXPECT_THAT(open_error([](Content& c) {
                c.shape = {1'000'000'000, 3, 224, 224};
                c.chunk = {1, 3, 224, 224};
                c.samples.clear();
              }),
              HasSubstr("more than the file can hold"));
  EXPECT_THAT(open_error([](Content& c) {
                c.shape = {0, 3, 2, 2};
                c.samples.clear();
              }),
              HasSubstr("at least 1"));
}

TEST_F(Dataset, VerifyFindsWhatIsWrong) {
  EXPECT_THAT(verify_error([](Content& c) { c.samples[5 * 12 + 3] = NAN; }),
              HasSubstr("data.h5: /samples: sample 5 holds nan (chunk 1, samples 4 to 7)"));
  EXPECT_THAT(verify_error([](Content& c) { c.samples.back() = INFINITY; }),
              HasSubstr("sample 9 holds inf (chunk 2, samples 8 to 9)"));
  EXPECT_THAT(verify_error([](Content& c) {
                c.calibration = {1, 2, 1};
              }),
              HasSubstr("sample 1 is listed twice"));
  EXPECT_THAT(verify_error([](Content& c) { c.classes = 4; }), HasSubstr("no sample has class 3"));
  EXPECT_THAT(verify_error([](Content& c) { c.ids.pop_back(); }), HasSubstr("9 ids for 10"));
  EXPECT_THAT(verify_error([](Content& c) { c.ids[2] = ""; }), HasSubstr("sample 2 has no name"));
  EXPECT_THAT(verify_error([](Content& c) { c.checksums = false; }), HasSubstr("no checksums"));
}

TEST_F(Dataset, VerifyTakesADatasetWithoutCalibrationSamples) {
  Content content;
  content.calibration.clear();
  write(content);
  const Status status = verify_dataset(path_, nullptr, kNotInterrupted);
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST_F(Dataset, ADamagedChunkIsNamedByVerifyAndRefusedByLoad) {
  write(Content());
  std::string bytes = read_file(path_).value();
  const float needle = 5.0F;
  const std::size_t at =
      bytes.find(std::string(reinterpret_cast<const char*>(&needle), 4) +
                 std::string(reinterpret_cast<const char*>(&Content().samples[61]), 4));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 4);
  ASSERT_TRUE(write_file_atomically(path_, bytes).ok());

  std::uint64_t verified = 0;
  const auto progress = [&](std::uint64_t done, std::uint64_t) { verified = done; };
  const Status status = verify_dataset(path_, progress, kNotInterrupted);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(verified, 4U);
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("(chunk 1, samples 4 to 7)"), HasSubstr("letcher32")));
  const auto library = open();
  const std::vector<SampleIndex> sound = {0, 9};
  EXPECT_TRUE(library->load(sound).ok());
  const std::vector<SampleIndex> damaged = {0, 4};
  EXPECT_THAT(library->load(damaged).error().message, HasSubstr("rows 4 to 7"));
  EXPECT_FLOAT_EQ(library->sample(0)[0], 0.0F);
}

TEST_F(Dataset, VerifyStopsWhenAskedTo) {
  write(Content());
  const std::atomic<bool> interrupted{true};
  EXPECT_EQ(verify_dataset(path_, nullptr, interrupted).error().kind, ErrorKind::kInterrupted);
}

TEST_F(Dataset, ASampleListedManyTimesWantsAsManyUnloads) {
  write(Content());
  const auto library = open();
  const std::vector<SampleIndex> often(1000, 9);
  ASSERT_TRUE(library->load(often).ok());
  library->unload(std::span(often).first(999));
  EXPECT_FLOAT_EQ(library->sample(9)[0], 9.0F);
  library->unload(std::span(often).first(1));
  EXPECT_DEATH((void)library->sample(9), "data != nullptr");
}

}  // namespace
}  // namespace lode::datasets
