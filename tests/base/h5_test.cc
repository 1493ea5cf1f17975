// h5::File: round trips of every type, what it refuses, damage, and a disk that fills up.
#include "base/h5/h5_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <numeric>

#include "base/file_io.h"
#include "base/rng.h"

namespace lode::h5 {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class H5 : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("lode-h5-test-{}", ::getpid());
    fs::create_directories(folder_);
    path_ = folder_ / "file.h5";
  }
  void TearDown() override { fs::remove_all(folder_); }

  File create() {
    Result<File> file = File::create(path_);
    EXPECT_TRUE(file.ok()) << file.error().message;
    return std::move(file).value();
  }
  File open() {
    Result<File> file = File::open(path_);
    EXPECT_TRUE(file.ok()) << file.error().message;
    return std::move(file).value();
  }

  fs::path folder_;
  fs::path path_;
};

template <typename T>
TensorView view(const std::vector<T>& values, Shape shape) {
  return {reinterpret_cast<const std::byte*>(values.data()), DTypeOf<T>::value, shape};
}
template <typename T>
MutableTensorView view(std::vector<T>& values, Shape shape) {
  return {reinterpret_cast<std::byte*>(values.data()), DTypeOf<T>::value, shape};
}

#define EXPECT_OK(expression)                                         \
  do {                                                                \
    const auto expect_status = (expression);                          \
    EXPECT_TRUE(expect_status.ok()) << expect_status.error().message; \
  } while (false)

template <typename T>
void round_trip(File& file, const std::string& name) {
  const std::vector<T> values = {T(0), T(1), T(2), T(100), T(7), T(5)};
  ASSERT_TRUE(file.create_dataset(name, DTypeOf<T>::value, {3, 2}, {{2, 2}, 4, true}).ok());
  EXPECT_OK(file.write_rows(name, 0, 3, view(values, {3, 2})));
}

template <typename T>
void check_round_trip(const File& file, const std::string& name) {
  std::vector<T> rows(4);
  EXPECT_OK(file.read_rows(name, 1, 2, view(rows, {2, 2})));
  EXPECT_THAT(rows, ElementsAre(T(2), T(100), T(7), T(5)));
  const auto info = file.info(name);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info.value().dtype, DTypeOf<T>::value);
  EXPECT_EQ(info.value().shape, (Shape{3, 2}));
  EXPECT_EQ(info.value().chunk, (Shape{2, 2}));
  EXPECT_EQ(info.value().deflate, 4);
  EXPECT_TRUE(info.value().fletcher32);
}

TEST_F(H5, EveryTypeComesBack) {
  File file = create();
  round_trip<float>(file, "/f32");
  round_trip<double>(file, "/f64");
  round_trip<std::uint8_t>(file, "/u8");
  round_trip<std::int8_t>(file, "/i8");
  round_trip<std::uint16_t>(file, "/u16");
  round_trip<std::int16_t>(file, "/i16");
  round_trip<std::uint32_t>(file, "/u32");
  round_trip<std::int32_t>(file, "/i32");
  round_trip<std::uint64_t>(file, "/deep/er/u64");
  round_trip<std::int64_t>(file, "/deep/i64");
  EXPECT_OK(file.close());

  const File read = open();
  check_round_trip<float>(read, "/f32");
  check_round_trip<double>(read, "/f64");
  check_round_trip<std::uint8_t>(read, "/u8");
  check_round_trip<std::int8_t>(read, "/i8");
  check_round_trip<std::uint16_t>(read, "/u16");
  check_round_trip<std::int16_t>(read, "/i16");
  check_round_trip<std::uint32_t>(read, "/u32");
  check_round_trip<std::int32_t>(read, "/i32");
  check_round_trip<std::uint64_t>(read, "/deep/er/u64");
  check_round_trip<std::int64_t>(read, "/deep/i64");
  EXPECT_TRUE(read.has("/deep/er"));
  EXPECT_FALSE(read.has("/deep/none/u64"));
  EXPECT_FALSE(read.has("/none"));
}

TEST_F(H5, TypesWithoutAStoredFormAreRefused) {
  File file = create();
  const Status status = file.create_dataset("/half", DType::kF16, {1}, {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("/half"), HasSubstr("f16")));
}

TEST_F(H5, AnEmptyDatasetGrows) {
  File file = create();
  ASSERT_TRUE(file.create_dataset("/q", DType::kI64, {0}, {{4}, 0, true}).ok());
  ASSERT_TRUE(file.create_dataset("/unchunked", DType::kI64, {0, 3}, {}).ok());
  std::vector<std::int64_t> values(10);
  std::iota(values.begin(), values.end(), 0);
  for (std::uint64_t first = 0; first < 10; first += 5) {
    const std::vector<std::int64_t> part(values.begin() + static_cast<std::ptrdiff_t>(first),
                                         values.begin() + static_cast<std::ptrdiff_t>(first) + 5);
    EXPECT_OK(file.write_rows("/q", first, 5, view(part, {5})));
  }
  EXPECT_OK(file.write_rows("/unchunked", 0, 1, view(std::vector<std::int64_t>{1, 2, 3}, {1, 3})));
  EXPECT_OK(file.write_rows("/unchunked", 1, 0, view(std::vector<std::int64_t>{}, {0, 3})));
  EXPECT_OK(file.close());
  EXPECT_OK(file.close());

  const File read = open();
  EXPECT_EQ(read.info("/q").value().shape, (Shape{10}));
  EXPECT_EQ(read.info("/unchunked").value().shape, (Shape{1, 3}));
  std::vector<std::int64_t> back(10);
  EXPECT_OK(read.read_rows("/q", 0, 10, view(back, {10})));
  EXPECT_EQ(back, values);
}

TEST_F(H5, AFixedDatasetDoesNotGrow) {
  File file = create();
  ASSERT_TRUE(file.create_dataset("/x", DType::kI64, {2}, {}).ok());
  const Status status = file.write_rows("/x", 1, 2, view(std::vector<std::int64_t>{1, 2}, {2}));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("file.h5: /x"), HasSubstr("3 rows")));
}

TEST_F(H5, StringsAndAttributesComeBack) {
  const std::vector<std::string> ids = {"a.jpg", "", "bücher/ß.png", std::string(300, 'x')};
  const std::string longer(100'000, 'y');
  {
    File file = create();
    EXPECT_OK(file.write_strings("/ids", ids));
    EXPECT_OK(file.write_strings("/group/none", {}));
    EXPECT_OK(file.set_attribute("text", std::string_view("wrong")));
    EXPECT_OK(file.set_attribute("text", std::string_view("räksmörgås")));
    EXPECT_OK(file.set_attribute("empty", std::string_view()));
    EXPECT_OK(file.set_attribute("number", std::int64_t{-5'000'000'000}));
    EXPECT_OK(file.set_attribute("mean", std::vector<float>{0.5F, -1.25F}));
    EXPECT_OK(file.set_attribute("no floats", std::vector<float>{}));
    EXPECT_OK(file.set_attribute("longer", longer));
    EXPECT_OK(file.close());
  }
  const File file = open();
  EXPECT_EQ(file.read_strings("/ids").value(), ids);
  EXPECT_TRUE(file.read_strings("/group/none").value().empty());
  EXPECT_EQ(file.string_attribute("text").value(), "räksmörgås");
  EXPECT_EQ(file.string_attribute("empty").value(), "");
  EXPECT_EQ(file.string_attribute("longer").value(), longer);
  EXPECT_EQ(file.int_attribute("number").value(), -5'000'000'000);
  EXPECT_THAT(file.float_attribute("mean").value(), ElementsAre(0.5F, -1.25F));
  EXPECT_TRUE(file.float_attribute("no floats").value().empty());

  EXPECT_THAT(file.int_attribute("text").error().message,
              AllOf(HasSubstr("attribute 'text'"), HasSubstr("not a whole number")));
  EXPECT_THAT(file.string_attribute("nix").error().message,
              AllOf(HasSubstr("file.h5"), HasSubstr("'nix'"), HasSubstr("no such")));
  EXPECT_THAT(file.float_attribute("number").error().message, HasSubstr("not a float"));
}

TEST_F(H5, ReadingWhatIsNotThereIsAnError) {
  {
    File file = create();
    ASSERT_TRUE(file.create_dataset("/x", DType::kF32, {2, 2}, {}).ok());
    EXPECT_OK(file.write_rows("/x", 0, 2, view(std::vector<float>{1, 2, 3, 4}, {2, 2})));
    EXPECT_OK(file.write_strings("/group/ids", std::vector<std::string>{"a"}));
    EXPECT_OK(file.close());
  }
  const File file = open();
  std::vector<float> out(4);
  std::vector<std::uint8_t> bytes(4);
  EXPECT_THAT(file.read_rows("/y", 0, 1, view(out, {1, 4})).error().message,
              HasSubstr("file.h5: /y: no such dataset"));
  EXPECT_THAT(file.read_rows("/x", 1, 2, view(out, {2, 2})).error().message,
              HasSubstr("/x: cannot read rows 1 to 2: it has 2"));
  EXPECT_THAT(file.read_rows("/x", UINT64_MAX, 2, view(out, {2, 2})).error().message,
              HasSubstr("it has 2"));
  EXPECT_THAT(file.read_rows("/x", 0, 1, view(out, {1, 4})).error().message,
              HasSubstr("holds [2,2], which does not fit"));
  EXPECT_THAT(file.read_rows("/x", 0, 2, view(bytes, {2, 2})).error().message,
              HasSubstr("holds f32 where u8 is expected"));
  EXPECT_THAT(file.read_strings("/x").error().message, HasSubstr("strings"));
  EXPECT_THAT(file.info("/group/ids").error().message, HasSubstr("string"));
  EXPECT_THAT(file.info("/group").error().message, HasSubstr("/group: cannot open"));
}

TEST_F(H5, FilesThatAreNone) {
  EXPECT_THAT(File::open(folder_ / "absent.h5").error().message,
              AllOf(HasSubstr("absent.h5"), HasSubstr("No such file")));
  EXPECT_THAT(File::open(folder_).error().message, HasSubstr("not a regular file"));
  ASSERT_TRUE(write_file_atomically(path_, "surely no HDF5").ok());
  EXPECT_THAT(File::open(path_).error().message, HasSubstr("file.h5: not an HDF5 file"));
  const std::string oldest("\x89HDF\r\n\x1a\n\0", 9);
  ASSERT_TRUE(write_file_atomically(path_, oldest + std::string(2000, '\0')).ok());
  EXPECT_THAT(File::open(path_).error().message, HasSubstr("no checksums; convert it"));
  ASSERT_TRUE(write_file_atomically(path_, "").ok());
  EXPECT_FALSE(File::open(path_).ok());
  EXPECT_THAT(File::create(folder_ / "no" / "such.h5").error().message, HasSubstr("cannot create"));
}

/// Bytes without a period, so that a chunk is found in the file by its content.
std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> values(size);
  Rng rng = make_rng(1, "pattern");
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(uniform_below(rng, 256));
  return values;
}

TEST_F(H5, ADamagedChunkIsNamed) {
  const std::vector<std::uint8_t> values = pattern(6400);
  {
    File file = create();
    ASSERT_TRUE(file.create_dataset("/samples", DType::kU8, {64, 100}, {{8, 100}, 0, true}).ok());
    EXPECT_OK(file.write_rows("/samples", 0, 64, view(values, {64, 100})));
    EXPECT_OK(file.close());
  }
  std::string bytes = read_file(path_).value();
  const std::string row(values.begin() + 1900, values.begin() + 2000);
  const std::size_t at = bytes.find(row);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 3] = static_cast<char>(bytes[at + 3] ^ 1);
  ASSERT_TRUE(write_file_atomically(path_, bytes).ok());

  const File file = open();
  std::vector<std::uint8_t> out(800);
  EXPECT_OK(file.read_rows("/samples", 0, 8, view(out, {8, 100})));
  const Status status = file.read_rows("/samples", 16, 8, view(out, {8, 100}));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("/samples: cannot read rows 16 to 23"), HasSubstr("letcher32")));
  EXPECT_OK(file.read_rows("/samples", 24, 8, view(out, {8, 100})));
}

TEST_F(H5, AMissingChunkIsNotReadAsZeros) {
  {
    File file = create();
    ASSERT_TRUE(file.create_dataset("/samples", DType::kU8, {16, 10}, {{8, 10}, 0, true}).ok());
    EXPECT_OK(file.write_rows("/samples", 0, 8, view(pattern(80), {8, 10})));
    EXPECT_OK(file.close());
  }
  const File file = open();
  std::vector<std::uint8_t> out(160);
  const Status status = file.read_rows("/samples", 0, 16, view(out, {16, 10}));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("chunk at row 8 is missing"));
}

TEST_F(H5, ATruncatedFileIsRefused) {
  {
    File file = create();
    ASSERT_TRUE(file.create_dataset("/samples", DType::kU8, {64, 100}, {{8, 100}, 0, true}).ok());
    EXPECT_OK(file.write_rows("/samples", 0, 64, view(pattern(6400), {64, 100})));
    EXPECT_OK(file.close());
  }
  fs::resize_file(path_, fs::file_size(path_) / 2);
  const Result<File> file = File::open(path_);
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message, HasSubstr("truncated"));
}

TEST_F(H5, AChunkTooLargeToHoldIsRefused) {
  File file = create();
  const Status status =
      file.create_dataset("/x", DType::kF32, {1 << 20, 1000}, {{1 << 19, 1000}, 0, true});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("fewer rows a chunk"));
}

/// Files of this process cannot grow beyond `bytes`: a full disk, without one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

/// Everything a writer does, under a limit; the first error, if any.
Status write_under_limit(const fs::path& path, rlim_t bytes) {
  const FileSizeLimit limit(bytes);
  LODE_TRY(File file, File::create(path));
  const std::vector<std::uint8_t> values = pattern(100'000);
  LODE_CHECK_OK(file.set_attribute("text", std::string_view("something")));
  LODE_CHECK_OK(file.create_dataset("/s", DType::kU8, {0, 1000}, {{100, 1000}, 0, true}));
  for (std::uint64_t first = 0; first < 1000; first += 100) {
    LODE_CHECK_OK(file.write_rows("/s", first, 100, view(values, {100, 1000})));
  }
  LODE_CHECK_OK(file.write_strings("/ids", std::vector<std::string>(1000, "name")));
  return file.close();
}

TEST_F(H5, AFullDiskIsAnErrorWhereverItHappens) {
  ASSERT_TRUE(write_under_limit(path_, 8'000'000).ok());
  const auto whole = static_cast<rlim_t>(fs::file_size(path_));
  int failures = 0;
  for (rlim_t limit = 0; limit < whole; limit += 1 + whole / 97) {
    const Status status = write_under_limit(path_, limit);
    ASSERT_FALSE(status.ok()) << limit;
    EXPECT_THAT(status.error().message,
                AllOf(HasSubstr("file.h5"), HasSubstr("File too large"), Not(HasSubstr("\n"))));
    ++failures;
  }
  EXPECT_GT(failures, 90);
  // The library is none the worse for it.
  EXPECT_TRUE(write_under_limit(path_, 8'000'000).ok());
  EXPECT_OK(File::open(path_).value().close());
}

TEST_F(H5, AFullDeviceIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  Result<File> file = File::create("/dev/full");
  EXPECT_FALSE(file.ok() && file->close().ok());
}

}  // namespace
}  // namespace lode::h5
