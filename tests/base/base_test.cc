// Results, 16-bit floats, shapes, random streams, units, files and signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/dtype.h"
#include "base/file_io.h"
#include "base/interrupt.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/tensor_view.h"
#include "base/units.h"

namespace lode {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Result<int> half(int value) {
  if (value % 2 != 0) return usage_error("{} is odd", value);
  return value / 2;
}

Result<int> quarter(int value) {
  LODE_TRY(const int once, half(value));
  LODE_TRY(const int twice, half(once));
  return twice;
}

TEST(Result, TryPropagatesTheError) {
  EXPECT_EQ(*quarter(12), 3);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(failed.error().within("x.yaml").message, "x.yaml: 3 is odd");
}

TEST(Result, ReadingTheValueOfAnErrorIsABug) {
  EXPECT_DEATH((void)*half(1), "internal error");
}

TEST(DType, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(DType::kBool); ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(type)), type);
  }
  EXPECT_EQ(dtype_from_name("float"), std::nullopt);
}

TEST(DType, EveryHalfRoundTripsThroughFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half_bits = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half_bits);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      EXPECT_EQ(f32_to_f16(value), half_bits);
    }
    const float wide = bf16_to_f32(half_bits);
    if (!std::isnan(wide)) {
      EXPECT_EQ(f32_to_bf16(wide), half_bits);
    }
  }
}

TEST(DType, HalfRoundsToNearestEven) {
  EXPECT_EQ(f32_to_f16(1.0F + 0x1p-11F), 0x3C00);             // tie: to even, down
  EXPECT_EQ(f32_to_f16(1.0F + 3 * 0x1p-11F), 0x3C02);         // tie: to even, up
  EXPECT_EQ(f32_to_f16(1.0F + 0x1p-11F + 0x1p-20F), 0x3C01);  // above the tie
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7BFF);                    // largest finite
  EXPECT_EQ(f32_to_f16(65519.9F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);   // overflow
  EXPECT_EQ(f32_to_f16(-0x1p-24F), 0x8001);  // smallest subnormal
  EXPECT_EQ(f32_to_f16(0x1p-25F), 0x0000);   // tie with zero: even
  EXPECT_EQ(f32_to_f16(std::nextafter(0x1p-25F, 1.0F)), 0x0001);
  EXPECT_EQ(f32_to_bf16(1.0F + 0x1p-8F), 0x3F80);
  EXPECT_EQ(f32_to_bf16(1.0F + 3 * 0x1p-8F), 0x3F82);
}

TEST(Shape, CountsAndStrides) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.element_count(), 24);
  EXPECT_EQ(shape.strides(), Shape({12, 4, 1}));
  EXPECT_EQ(Shape{}.element_count(), 1);
  EXPECT_EQ(Shape({-1, 3}).to_string(), "[?,3]");
  EXPECT_FALSE(Shape({-1, 3}).is_static());
}

TEST(Rng, SeedCountsModulo2To32AsInMlperfLoadGen) {
  EXPECT_EQ(make_rng(2085463073848966840ULL)(), Rng(2085463073848966840ULL % (1ULL << 32))());
  EXPECT_NE(make_rng(1, "a")(), make_rng(1, "b")());
  EXPECT_NE(make_rng(1, "a")(), make_rng(2, "a")());
  EXPECT_EQ(make_rng(1, "a")(), make_rng(1, "a")());
}

TEST(Rng, DrawsStayInRangeAndHaveTheRightMoments) {
  Rng rng = make_rng(5, "moments");
  double sum = 0.0;
  double squares = 0.0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    EXPECT_LT(uniform_below(rng, 7), 7U);
    const float unit = uniform_unit(rng);
    EXPECT_TRUE(unit >= 0.0F && unit < 1.0F);
    const double normal = standard_normal(rng);
    sum += normal;
    squares += normal * normal;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.03);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.05);
}

TEST(Rng, FilledValuesAreTheSameOnEveryMachine) {
  // By an independent script: splitmix64 from the seed's and name's hash, the upper 24 bits.
  std::array<float, 4> values{};
  fill_uniform(values, 7, "weights", -1.0F, 1.0F);
  EXPECT_THAT(values, ElementsAre(-1.0F + 13093616.0F * 0x1p-23F, -1.0F + 12478646.0F * 0x1p-23F,
                                  -1.0F + 458823.0F * 0x1p-23F, -1.0F + 13664044.0F * 0x1p-23F));
  // Each value depends on its place alone, not on how many there are.
  std::array<float, 2> fewer{};
  fill_uniform(fewer, 7, "weights", -1.0F, 1.0F);
  EXPECT_EQ(fewer[1], values[1]);
  fill_uniform(fewer, 7, "other", -1.0F, 1.0F);
  EXPECT_NE(fewer[1], values[1]);
  fill_uniform(fewer, 8, "weights", -1.0F, 1.0F);
  EXPECT_NE(fewer[1], values[1]);
}

TEST(Rng, FilledValuesAreUniform) {
  std::vector<float> values(100'000);
  fill_uniform(values, 1, "moments", -3.0F, 1.0F);
  double sum = 0.0;
  double squares = 0.0;
  double products = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double centred = values[i] + 1.0;
    ASSERT_TRUE(centred >= -2.0 && centred < 2.0);
    sum += centred;
    squares += centred * centred;
    products += centred * (values[(i + 1) % values.size()] + 1.0);
  }
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0.0, 0.02);
  EXPECT_NEAR(squares / count, 4.0 / 3.0, 0.02);
  EXPECT_NEAR(products / count, 0.0, 0.02);
}

TEST(Units, DurationsNeedAUnit) {
  EXPECT_EQ(*parse_duration_ns("10s"), 10'000'000'000);
  EXPECT_EQ(*parse_duration_ns("1.5ms"), 1'500'000);
  EXPECT_EQ(*parse_duration_ns("500us"), 500'000);
  EXPECT_EQ(*parse_duration_ns("2min"), 120'000'000'000);
  EXPECT_EQ(*parse_duration_ns("0"), 0);
  EXPECT_THAT(parse_duration_ns("10").error().message, HasSubstr("10s"));
  EXPECT_THAT(parse_duration_ns("10 s").error().message, HasSubstr("unit"));
  for (const char* bad : {"", "s", "-1s", "1e400s", "1e30s", "nan", "inf", "10x", "1d"}) {
    EXPECT_FALSE(parse_duration_ns(bad).ok()) << bad;
  }
}

TEST(Units, ExactSpellingReadsBack) {
  for (const std::int64_t ns : {0L, 1L, 999L, 1000L, 1'500'000L, 60'000'000'000L, 90'000'000'000L,
                                3'600'000'000'000L, 123'456'789'012L}) {
    EXPECT_EQ(*parse_duration_ns(format_duration_exact(ns)), ns) << format_duration_exact(ns);
  }
  EXPECT_EQ(format_duration(1'234'567), "1.235 ms");
  EXPECT_EQ(format_bytes(14'222'339), "14.2 MB");
}

TEST(Units, NumbersAreWholeAndInRange) {
  EXPECT_EQ(*parse_integer("-3", -5, 5), -3);
  EXPECT_THAT(parse_integer("6", 1, 5).error().message, HasSubstr("1 to 5"));
  for (const char* bad : {"", "1.5", "0x10", "5 ", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(bad, 0, 1000).ok()) << bad;
  }
  EXPECT_FALSE(parse_number("nan").ok());
  EXPECT_EQ(*parse_number("0.75"), 0.75);
}

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("lode_file_test_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(FileTest, AtomicWriteReplacesOrLeavesNothing) {
  const fs::path path = folder_ / "a.txt";
  ASSERT_TRUE(write_file_atomically(path, "one").ok());
  ASSERT_TRUE(write_file_atomically(path, "two").ok());
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(entries(), 1U);
  const Status failed = write_file_atomically(folder_ / "absent" / "b.txt", "x");
  EXPECT_THAT(failed.error().message, HasSubstr("No such file"));
  EXPECT_THAT(read_file(folder_ / "c").error().message, HasSubstr("cannot open"));
}

TEST_F(FileTest, AtomicWriteTakesContentInParts) {
  const std::string large(3'000'000, 'x');
  const std::array<std::string_view, 4> parts = {"one ", "", large, " three"};
  ASSERT_TRUE(write_file_atomically(folder_ / "parts", parts).ok());
  EXPECT_EQ(*read_file(folder_ / "parts"), "one " + large + " three");
  ASSERT_TRUE(write_file_atomically(folder_ / "parts", std::span<const std::string_view>()).ok());
  EXPECT_EQ(*read_file(folder_ / "parts"), "");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, AtomicWriteGoesIntoPipesAndLinks) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), S_IRUSR | S_IWUSR), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_TRUE(write_file_atomically(pipe, "through the pipe").ok());
  EXPECT_TRUE(fs::is_fifo(pipe));
  std::string received(64, '\0');
  received.resize(
      static_cast<std::size_t>(std::max<ssize_t>(0, ::read(reader, received.data(), 64))));
  ::close(reader);
  EXPECT_EQ(received, "through the pipe");

  std::ofstream(folder_ / "file") << "longer than what comes";
  fs::create_symlink("file", folder_ / "link");
  EXPECT_TRUE(write_file_atomically(folder_ / "link", "linked").ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(*read_file(folder_ / "file"), "linked");
  EXPECT_EQ(entries(), 3U);
}

TEST_F(FileTest, TemporariesOfKilledProcessesAreSwept) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  // Ended, and in the list of processes until somebody asks: a zombie.
  siginfo_t ended = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  const std::string dead = std::to_string(child);
  fs::create_directories(folder_ / (".run.tmp-" + dead) / "deep");
  // Those of other targets, of the living, and of nobody stay.
  const std::vector<std::string> others = {".runs.tmp-" + dead, ".run.tmp-1",
                                           ".run.tmp-" + dead + "x", ".run.tmp-"};
  for (const std::string& name : others) std::ofstream(folder_ / name) << "x";
  { EXPECT_TRUE(PendingDirectory::create(folder_ / "run").ok()); }
  EXPECT_FALSE(fs::exists(folder_ / (".run.tmp-" + dead)));
  fs::create_directories(folder_ / (".run.tmp-" + dead) / "deep");
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  { EXPECT_TRUE(PendingDirectory::create(folder_ / "run").ok()); }
  EXPECT_FALSE(fs::exists(folder_ / (".run.tmp-" + dead)));
  EXPECT_EQ(entries(), others.size());
}

TEST(Interrupt, SignalsOfOneMomentAreOneWish) {
  EXPECT_EXIT(
      {
        install_interrupt_handlers();
        std::raise(SIGINT);
        std::raise(SIGINT);
        ::_exit(interrupt_flag() ? 7 : 8);
      },
      testing::ExitedWithCode(7), "");
  EXPECT_EXIT(
      {
        install_interrupt_handlers();
        std::raise(SIGINT);
        ::usleep(600'000);
        std::raise(SIGINT);
        ::_exit(8);
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST(Interrupt, HangUpStopsUnlessItIsIgnored) {
  const auto after_hangup = [](auto before) {
    std::signal(SIGHUP, before);
    install_interrupt_handlers();
    std::raise(SIGHUP);
    std::_Exit(interrupt_flag() ? 3 : 4);
  };
  EXPECT_EXIT(after_hangup(SIG_DFL), testing::ExitedWithCode(3), "");
  EXPECT_EXIT(after_hangup(SIG_IGN), testing::ExitedWithCode(4), "");
}

TEST_F(FileTest, Sha256MatchesTheStandardsExample) {
  // FIPS 180-4's example for "abc".
  constexpr std::string_view kAbc =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  ASSERT_TRUE(write_file_atomically(folder_ / "abc", "abc").ok());
  EXPECT_EQ(*sha256_file(folder_ / "abc"), kAbc);
  EXPECT_EQ(sha256_hex("abc"), kAbc);
}

TEST_F(FileTest, PendingDirectoryAppearsOnCommitOnly) {
  const fs::path target = folder_ / "run";
  {
    auto dropped = PendingDirectory::create(target);
    ASSERT_TRUE(dropped.ok()) << dropped.error().message;
    std::ofstream(dropped->staging() / "x") << "x";
    EXPECT_FALSE(fs::exists(target));
  }
  EXPECT_EQ(entries(), 0U);
  fs::create_directory(target);  // an empty directory may be there
  auto kept = PendingDirectory::create(target);
  ASSERT_TRUE(kept.ok()) << kept.error().message;
  std::ofstream(kept->staging() / "x") << "x";
  ASSERT_TRUE(kept->commit().ok());
  EXPECT_TRUE(fs::exists(target / "x"));
  EXPECT_EQ(entries(), 1U);
  EXPECT_THAT(PendingDirectory::create(target).error().message, HasSubstr("not an empty"));
}

}  // namespace
}  // namespace lode
