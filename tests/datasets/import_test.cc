// Import and synth: what comes out equals what went in, and what goes wrong leaves nothing behind.
#include "datasets/import.h"

#include <gmock/gmock.h>
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <new>
#include <numeric>
#include <set>

#include "datasets/store_writer.h"
#include "datasets/synth.h"
#include "tests/datasets/dataset_test_support.h"

namespace {
// The bytes that C++ code of this program holds, and the most it held since the last reset.
std::atomic<std::size_t> g_held{0};
std::atomic<std::size_t> g_held_most{0};
}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* memory = std::malloc(size);
  if (memory == nullptr) return nullptr;
  const std::size_t held = g_held += malloc_usable_size(memory);
  std::size_t most = g_held_most;
  while (held > most && !g_held_most.compare_exchange_weak(most, held)) {
  }
  return memory;
}
void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  g_held -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace lode::datasets {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::atomic<bool> kNotInterrupted{false};

class Import : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    output_ = folder_ / "out.h5";
  }

  /// Seven images of 20x16 in two classes, as PNG, and a map of them.
  void write_images() {
    std::string map;
    for (int i = 0; i < kCount; ++i) {
      write(fmt::format("images/{}.png", i), encode_png(colourful(20, 16, i)));
      map += fmt::format("{}.png {}\n", i, i % 2 == 0 ? 4 : 1);
    }
    write("map.txt", map);
  }

  ImageImportOptions options() const {
    ImageImportOptions options;
    options.images = folder_ / "images";
    options.labels = folder_ / "map.txt";
    options.crop = 10;
    options.store.chunk_samples = 3;
    options.store.mean = {0.5F, 0.25F, 0.125F};
    options.store.std = {0.5F, 0.75F, 2.0F};
    return options;
  }

  Result<ImportReport> import(const ImageImportOptions& options) const {
    return import_images(options, output_, nullptr, kNotInterrupted);
  }
  std::string import_error(const ImageImportOptions& options) const {
    const auto report = import(options);
    EXPECT_FALSE(report.ok());
    return report.ok() ? "" : report.error().message;
  }

  /// All samples of the output, one behind the other.
  std::vector<float> load_all() const {
    auto opened = open_dataset(output_, 0);
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().message;
      return {};
    }
    SampleLibrary& library = *opened.value();
    std::vector<SampleIndex> indices(library.total_sample_count());
    for (SampleIndex i = 0; i < indices.size(); ++i) indices[i] = i;
    EXPECT_TRUE(library.load(indices).ok());
    std::vector<float> values;
    for (const SampleIndex i : indices) {
      const auto sample = library.sample(i);
      values.insert(values.end(), sample.begin(), sample.end());
    }
    return values;
  }

  static constexpr int kCount = 7;
  fs::path output_;
};

TEST_F(Import, EveryLayoutAndTypeLoadsTheSameSamples) {
  write_images();
  std::vector<float> expected;
  for (int i = 0; i < kCount; ++i) {
    const Image image = colourful(20, 16, i);
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t at = 0; at < 100; ++at) {
        const std::int64_t y = 3 + at / 10;
        const std::int64_t x = 5 + at % 10;
        const float pixel = image.row(y)[x * 3 + c];
        const auto channel = static_cast<std::size_t>(c);
        const ImageImportOptions given = options();
        expected.push_back((pixel / 255.0F - given.store.mean[channel]) / given.store.std[channel]);
      }
    }
  }
  for (const SampleLayout layout : {SampleLayout::kNchw, SampleLayout::kNhwc}) {
    for (const DType dtype : {DType::kF32, DType::kU8}) {
      for (const int deflate : {0, 3}) {
        ImageImportOptions chosen = options();
        chosen.store.layout = layout;
        chosen.store.dtype = dtype;
        chosen.store.deflate = deflate;
        ASSERT_TRUE(import(chosen).ok());
        EXPECT_EQ(load_all(), expected);
        EXPECT_TRUE(verify_dataset(output_, nullptr, kNotInterrupted).ok());
        const DatasetInfo info = read_dataset_info(output_).value();
        EXPECT_EQ(info.layout, layout);
        EXPECT_EQ(info.dtype, dtype);
        EXPECT_EQ(info.filters, deflate == 0 ? "fletcher32" : "deflate(3)+fletcher32");
      }
    }
  }
}

TEST_F(Import, TheFileSaysWhatItHolds) {
  write_images();
  ImageImportOptions chosen = options();
  chosen.resize = 12;
  ASSERT_EQ(import(chosen).value().imported, 7U);
  const DatasetInfo info = read_dataset_info(output_).value();
  EXPECT_EQ(info.samples, 7U);
  EXPECT_EQ(info.sample_shape, (Shape{3, 10, 10}));
  EXPECT_EQ(info.chunk_samples, 3U);
  EXPECT_EQ(info.classes, 5);
  EXPECT_THAT(info.label_counts, ElementsAre(0, 3, 0, 0, 4));
  EXPECT_EQ(info.calibration.size(), 7U);
  EXPECT_EQ(info.color, "rgb");
  EXPECT_EQ(info.schema, "lodestone.dataset/1");
  EXPECT_EQ(info.preprocessing, "resize 12 bilinear, crop 10, (x/255-mean)/std");
  EXPECT_THAT(info.source, testing::EndsWith("/images"));
  EXPECT_THAT(info.source, Not(HasSubstr("tmp/")));
  EXPECT_THAT(info.decoder, HasSubstr("libjpeg-turbo"));
  EXPECT_THAT(read_dataset_ids(output_).value(),
              ElementsAre("0.png", "1.png", "2.png", "3.png", "4.png", "5.png", "6.png"));
}

TEST_F(Import, ClassFoldersInGreyAsTheyAre) {
  write("images/cat/1.png", encode_png(colourful(8, 6, 1)));
  write("images/dog/1.jpg", encode_jpeg(colourful(8, 6, 2)));
  ImageImportOptions chosen;
  chosen.images = folder_ / "images";
  chosen.grey = true;
  chosen.store.dtype = DType::kU8;
  ASSERT_TRUE(import(chosen).ok());
  const DatasetInfo info = read_dataset_info(output_).value();
  EXPECT_EQ(info.sample_shape, (Shape{1, 6, 8}));
  EXPECT_EQ(info.color, "grey");
  EXPECT_THAT(info.mean, ElementsAre(0.0F));
  EXPECT_THAT(info.std, ElementsAre(1.0F));
  EXPECT_THAT(info.label_counts, ElementsAre(1, 1));
  EXPECT_EQ(info.chunk_samples, 2U);
  EXPECT_EQ(info.preprocessing, "(x/255-mean)/std when loaded");
}

TEST_F(Import, UnreadableImagesAreNamedCountedAndDecidedByTheFlag) {
  write_images();
  const std::string jpeg = encode_jpeg(colourful(20, 16));
  write("images/2.png", jpeg.substr(0, jpeg.size() / 2));
  write("images/5.png", "no image at all");
  const auto before = names();
  EXPECT_THAT(import_error(options()),
              AllOf(HasSubstr("2 of 7 images cannot be used"), HasSubstr("2.png: "),
                    HasSubstr("5.png: neither JPEG nor PNG"), HasSubstr("--skip-unreadable")));
  EXPECT_EQ(names(), before);

  ImageImportOptions chosen = options();
  chosen.skip_unreadable = true;
  const auto report = import(chosen);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report.value().imported, 5U);
  EXPECT_EQ(read_dataset_info(output_).value().left_out, 2);
  ASSERT_EQ(report.value().unreadable.size(), 2U);
  EXPECT_THAT(report.value().unreadable[0], testing::StartsWith("2.png: "));
  EXPECT_THAT(read_dataset_ids(output_).value(),
              ElementsAre("0.png", "1.png", "3.png", "4.png", "6.png"));
}

TEST_F(Import, ManyUnreadableImagesAreNamedInPart) {
  write_images();
  for (int i = 0; i < kCount; ++i) write(fmt::format("images/{}.png", i), "nothing");
  EXPECT_THAT(import_error(options()), AllOf(HasSubstr("7 of 7"), HasSubstr("4.png"),
                                             HasSubstr("and 2 more"), Not(HasSubstr("5.png"))));
  ImageImportOptions chosen = options();
  chosen.skip_unreadable = true;
  EXPECT_THAT(import_error(chosen), HasSubstr("7 of 7"));
  EXPECT_FALSE(fs::exists(output_));
}

TEST_F(Import, ImagesThatDoNotFitAreNamed) {
  write_images();
  write("images/3.png", encode_png(colourful(9, 16)));
  EXPECT_THAT(import_error(options()), HasSubstr("3.png: is 9x16, smaller than the crop of 10"));
  ImageImportOptions chosen = options();
  chosen.crop = 0;
  EXPECT_THAT(import_error(chosen), HasSubstr("'3.png' is 9x16 where '0.png' is 20x16"));
  EXPECT_FALSE(fs::exists(output_));
}

TEST_F(Import, OptionsOutOfRangeAreUsageErrors) {
  write_images();
  const auto expect_usage = [&](auto change, const char* text) {
    ImageImportOptions chosen = options();
    change(chosen);
    const auto report = import(chosen);
    ASSERT_FALSE(report.ok()) << text;
    EXPECT_EQ(report.error().kind, ErrorKind::kUsage) << text;
    EXPECT_THAT(report.error().message, HasSubstr(text));
  };
  expect_usage([](auto& o) { o.resize = 8; }, "--crop 10 is larger than --resize 8");
  expect_usage([](auto& o) { o.resize = -1; }, "--resize -1");
  expect_usage([](auto& o) { o.crop = 1'000'000; }, "--crop 1000000");
  expect_usage([](auto& o) { o.store.mean = {0, 0}; }, "--mean has 2 values");
  expect_usage([](auto& o) { o.store.std = {0}; }, "--std holds 0");
  expect_usage([](auto& o) { o.store.mean = {NAN}; }, "--mean holds nan");
  expect_usage([](auto& o) { o.store.chunk_samples = 0; }, "--chunk 0");
  expect_usage([](auto& o) { o.store.deflate = 10; }, "--deflate 10");
  expect_usage([](auto& o) { o.store.dtype = DType::kI64; }, "--dtype i64");
  EXPECT_THAT(names(), ElementsAre("images", "map.txt"));
}

TEST_F(Import, OutputsThatCannotBeWritten) {
  write_images();
  const auto error = [&](const fs::path& output) {
    return import_images(options(), output, nullptr, kNotInterrupted).error().message;
  };
  EXPECT_THAT(error(folder_ / "none" / "out.h5"), HasSubstr("none/out.h5: cannot create"));
  EXPECT_THAT(error(folder_ / "map.txt" / "out.h5"), HasSubstr("map.txt/out.h5: cannot create"));
  EXPECT_THAT(error(folder_), HasSubstr("is a folder"));
  EXPECT_THAT(error(folder_ / ""), HasSubstr("names no file"));
  EXPECT_THAT(names(), ElementsAre("images", "map.txt"));
}

TEST_F(Import, AFailureLeavesTheOldFileAlone) {
  write_images();
  write("out.h5", "precious");
  write("images/3.png", "broken");
  ImageImportOptions chosen = options();
  chosen.store.force = true;
  EXPECT_THAT(import_error(chosen), HasSubstr("3.png"));
  EXPECT_EQ(read_file(output_).value(), "precious");
  EXPECT_THAT(names(), ElementsAre("images", "map.txt", "out.h5"));
}

TEST_F(Import, OnlyDatasetsAreReplacedUnasked) {
  write_images();
  write("out.h5", "precious");
  EXPECT_THAT(import_error(options()), HasSubstr("out.h5' exists and is no dataset"));
  const auto synth = [&](bool force) {
    SynthOptions chosen;
    chosen.samples = 3;
    chosen.store.force = force;
    return write_synth_dataset(chosen, output_, nullptr, kNotInterrupted);
  };
  EXPECT_FALSE(synth(false).ok());
  EXPECT_EQ(read_file(output_).value(), "precious");
  EXPECT_TRUE(synth(true).ok());
  EXPECT_TRUE(synth(false).ok());
  EXPECT_TRUE(import(options()).ok());
}

TEST_F(Import, WhatIsReadIsNeverReplaced) {
  write_images();
  ImageImportOptions chosen = options();
  chosen.store.force = true;
  const auto error = [&](const fs::path& output) {
    const auto report = import_images(chosen, output, nullptr, kNotInterrupted);
    EXPECT_FALSE(report.ok());
    return report.ok() ? "" : report.error().message;
  };
  const std::string labels = read_file(folder_ / "map.txt").value();
  EXPECT_THAT(error(folder_ / "images" / ".." / "map.txt"), HasSubstr("the file of --labels"));
  EXPECT_EQ(read_file(folder_ / "map.txt").value(), labels);
  EXPECT_THAT(error(folder_ / "images" / "3.png"), HasSubstr("one of the images"));
  EXPECT_THAT(error("/dev/null"), HasSubstr("no regular file"));
}

TEST_F(Import, AnInterruptLeavesNothing) {
  write_images();
  std::atomic<bool> interrupted{false};
  std::uint64_t seen = 0;
  const auto stop = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 7U);
    seen = done;
    interrupted = true;
  };
  const auto report = import_images(options(), output_, stop, interrupted);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().kind, ErrorKind::kInterrupted);
  EXPECT_EQ(seen, 3U);
  EXPECT_THAT(names(), ElementsAre("images", "map.txt"));

  SynthOptions synth;
  synth.samples = 1000;
  const auto stop_synth = [&](std::uint64_t, std::uint64_t) { interrupted = true; };
  interrupted = false;
  const Status status = write_synth_dataset(synth, output_, stop_synth, interrupted);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().kind, ErrorKind::kInterrupted);
  EXPECT_THAT(names(), ElementsAre("images", "map.txt"));
}

TEST_F(Import, AFullDiskLeavesNothing) {
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 300'000;
  setrlimit(RLIMIT_FSIZE, &limit);
  SynthOptions options;
  options.samples = 500;
  const Status status = write_synth_dataset(options, output_, nullptr, kNotInterrupted);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("out.h5: "), HasSubstr("File too large"), Not(HasSubstr(".tmp-"))));
  EXPECT_THAT(names(), ElementsAre());
}

TEST_F(Import, MemoryHoldsAFewChunksWhateverTheSize) {
  const auto most_held = [&](std::uint64_t samples) {
    SynthOptions options;
    options.samples = samples;
    const std::size_t before = g_held;
    g_held_most = before;
    EXPECT_TRUE(write_synth_dataset(options, output_, nullptr, kNotInterrupted).ok());
    return g_held_most - before;
  };
  // 6000 samples are 74 MB; a chunk is 0.4 MB, a block of drawn images 0.8 MB.
  EXPECT_LT(most_held(6000), 3'000'000U);
}

TEST_F(Import, SynthIsTheTaskOfItsSeed) {
  SynthOptions options;
  options.samples = 300;
  options.store.dtype = DType::kU8;
  options.store.seed = 11;
  options.store.std = {1.0F / 255.0F};
  ASSERT_TRUE(write_synth_dataset(options, output_, nullptr, kNotInterrupted).ok());
  const auto library = open_dataset(output_, 0).value();
  EXPECT_EQ(library->total_sample_count(), 300U);
  EXPECT_EQ(library->sample_shape(), (Shape{3, 32, 32}));
  const std::vector<SampleIndex> indices = {299, 0, 150};
  ASSERT_TRUE(library->load(indices).ok());
  for (const SampleIndex index : indices) {
    std::vector<std::uint8_t> pixels(3072);
    EXPECT_EQ(library->label(index), synth_image(11, index, pixels));
    for (std::size_t i = 0; i < 1024; ++i) {
      for (std::size_t c = 0; c < 3; ++c) {
        ASSERT_NEAR(library->sample(index)[c * 1024 + i], pixels[i * 3 + c], 1e-3);
      }
    }
  }
  EXPECT_EQ(read_dataset_ids(output_).value()[7], "synth10/11/7");
  EXPECT_EQ(read_dataset_info(output_).value().source, "synth10, seed 11");
  options.samples = 0;
  EXPECT_EQ(write_synth_dataset(options, output_, nullptr, kNotInterrupted).error().kind,
            ErrorKind::kUsage);
}

TEST_F(Import, TheLoadedSetIsBoundedUnlessSomebodySays) {
  SynthOptions options;
  options.samples = kPerformanceSamples + 5;
  options.store.dtype = DType::kU8;
  ASSERT_TRUE(write_synth_dataset(options, output_, nullptr, kNotInterrupted).ok());
  const auto most = [&](std::uint64_t asked) {
    return open_dataset(output_, asked).value()->performance_sample_count();
  };
  EXPECT_EQ(most(0), kPerformanceSamples);
  EXPECT_EQ(most(options.samples), options.samples);
}

TEST_F(Import, TheSameImportGivesTheSameFile) {
  write_images();
  ASSERT_TRUE(import(options()).ok());
  const std::string first = sha256_file(output_).value();
  ASSERT_TRUE(import(options()).ok());
  EXPECT_EQ(sha256_file(output_).value(), first);
}

TEST(Calibration, IsSeededDistinctAndBounded) {
  const auto indices = draw_calibration(1000, 128, 3);
  EXPECT_EQ(indices.size(), 128U);
  EXPECT_EQ(std::set<std::int64_t>(indices.begin(), indices.end()).size(), 128U);
  EXPECT_GE(*std::min_element(indices.begin(), indices.end()), 0);
  EXPECT_LT(*std::max_element(indices.begin(), indices.end()), 1000);
  EXPECT_EQ(draw_calibration(1000, 128, 3), indices);
  EXPECT_NE(draw_calibration(1000, 128, 4), indices);
  EXPECT_EQ(draw_calibration(5, 128, 3).size(), 5U);
  EXPECT_TRUE(draw_calibration(5, 0, 3).empty());
  // A draw of fewer is the beginning of a draw of more.
  const auto fewer = draw_calibration(1000, 10, 3);
  EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), indices.begin()));
}

TEST_F(Import, ImagenetMini) {
  const char* data = std::getenv("LODE_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "LODE_TEST_DATA is not set: no imagenet-mini";
  const fs::path folder = fs::path(data) / "imagenet-mini";
  if (!fs::exists(folder)) GTEST_SKIP() << "no imagenet-mini in LODE_TEST_DATA";
  ImageImportOptions chosen;
  chosen.images = folder / "images";
  chosen.labels = folder / "val_map.txt";
  chosen.resize = 256;
  chosen.crop = 224;
  chosen.store.dtype = DType::kU8;
  chosen.store.std = {1.0F / 255.0F};
  const auto report = import(chosen);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report.value().imported, 500U);
  const auto library = open_dataset(output_, 0).value();
  EXPECT_EQ(library->sample_shape(), (Shape{3, 224, 224}));
  EXPECT_EQ(library->label(0), 0);
  EXPECT_EQ(library->label(499), 998);
  const std::vector<SampleIndex> first = {0, 499};
  ASSERT_TRUE(library->load(first).ok());
  // Channel means as Pillow decodes and crops them; half a grey level for other JPEG decoders.
  const auto mean = [&](SampleIndex index, std::size_t channel) {
    constexpr std::size_t kPlane = 50'176;
    const auto plane = library->sample(index).subspan(channel * kPlane, kPlane);
    return std::accumulate(plane.begin(), plane.end(), 0.0) / kPlane;
  };
  EXPECT_NEAR(mean(0, 0), 123.24, 0.5);
  EXPECT_NEAR(mean(0, 1), 122.06, 0.5);
  EXPECT_NEAR(mean(0, 2), 97.43, 0.5);
  EXPECT_NEAR(mean(499, 0), 104.27, 0.5);
  EXPECT_NEAR(mean(499, 2), 74.13, 0.5);
}

}  // namespace
}  // namespace lode::datasets
