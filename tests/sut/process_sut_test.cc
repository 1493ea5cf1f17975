// Systems under test in processes of their own: what they answer, and every way to go wrong. Each
// fault has to end within its time-out, by its name, and leave no process and no memory behind.
#include "sut/process/process_sut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "loadgen/load_generator.h"
#include "tests/sut/collecting_sink.h"

namespace lode::sut {
namespace {

namespace fs = std::filesystem;
using loadgen::Settings;
using testing::ElementsAre;
using testing::FloatEq;
using testing::HasSubstr;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

std::string faulty(std::string_view how) {
  return fmt::format("{} {}/tests/sut/fault_sut.py {}", LODE_TEST_PYTHON, LODE_SOURCE_DIR, how);
}

bool is_alive(pid_t pid) {
  return kill(pid, 0) == 0;
}

/// Whether the process ends within some seconds.
bool ends(pid_t pid) {
  for (int i = 0; i < 1000 && is_alive(pid); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return !is_alive(pid);
}

/// Shared memory of ours that this process still has open.
std::size_t shared_files() {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const std::string target = fs::read_symlink(entry.path(), ignored);
    count += target.find("memfd:lode-") != std::string::npos ? 1 : 0;
  }
  return count;
}

class ProcessSutTest : public testing::Test {
 protected:
  void SetUp() override { setenv("LODE_PYTHON", LODE_TEST_PYTHON, /*overwrite=*/1); }
  void TearDown() override {
    sut_.reset();
    samples_.reset();
    for (const pid_t pid : pids_) EXPECT_FALSE(is_alive(pid));
    EXPECT_EQ(shared_files(), 0U);
  }

  /// The error, or "" if it was made.
  std::string make(const std::string& command, std::uint64_t batch = 1, int instances = 1) {
    auto samples =
        SharedSamples::create(std::make_unique<CountingLibrary>(Shape{1, 2, 3}, /*samples=*/8));
    EXPECT_TRUE(samples.ok());
    samples_ = *std::move(samples);
    request_.name = "process";
    request_.batch = batch;
    request_.instances = instances;
    request_.process.command = command;
    request_.process.samples = samples_.get();
    request_.process.start_timeout_ns = start_timeout_ns_;
    request_.process.answer_timeout_ns = kSecond;
    auto made = make_sut(request_, *samples_, clock_);
    if (!made.ok()) return made.error().message;
    sut_ = *std::move(made);
    for (const int pid : sut_->facts().processes) pids_.push_back(pid);
    return "";
  }

  /// A whole test; the text of its reasons, or its error.
  std::string run(Settings settings) {
    settings.query_timeout_ns = 5 * kSecond;
    auto result = run_test(*sut_, *samples_, settings, clock_, {});
    if (!result.ok()) return result.error().message;
    std::string text;
    for (const auto& reason : result->verdict.reasons) {
      text += fmt::format("{}: {}\n", reason.rule, reason.value);
    }
    return text;
  }
  static Settings short_test() {
    Settings settings;
    settings.min_duration_ns = 20 * kMs;
    settings.min_query_count = 20;
    return settings;
  }
  static loadgen::TestPlan scored_plan(std::uint64_t samples) {
    loadgen::TestPlan plan;
    plan.samples_per_query_max = samples;
    plan.wants_outputs = true;
    return plan;
  }
  std::string fault(const std::string& how) {
    const std::string failed = make(faulty(how));
    return failed.empty() ? run(short_test()) : failed;
  }

  RealClock clock_;
  std::int64_t start_timeout_ns_ = 20 * kSecond;
  SutRequest request_;
  std::unique_ptr<SharedSamples> samples_;
  std::unique_ptr<loadgen::SystemUnderTest> sut_;
  std::vector<pid_t> pids_;
};

TEST_F(ProcessSutTest, AnswersInPlainC) {
  ASSERT_EQ(make(LODE_BRIGHTNESS_SUT, /*batch=*/4, /*instances=*/2), "");
  EXPECT_EQ(sut_->name(), "process brightness in C, 2 x 1 thread, batch 4");
  EXPECT_EQ(sut_->samples_in_flight(), 8U);
  EXPECT_EQ(sut_->facts().precision, "fp32");
  const std::vector<SampleIndex> indices = {0, 1, 2, 3, 4, 5, 6, 7};
  ASSERT_TRUE(samples_->load(indices).ok());
  CollectingSink sink(clock_);
  ASSERT_TRUE(sut_->start(scored_plan(8), sink).ok());
  const auto transport = sut_->facts().transport;
  ASSERT_TRUE(transport.has_value());
  EXPECT_GT(transport->p50_ns, 0);
  EXPECT_GE(transport->p99_ns, transport->p50_ns);
  EXPECT_GT(transport->paused_p50_ns, 0);
  sut_->issue(make_query(0, 8));
  ASSERT_TRUE(sink.wait(8));
  sut_->stop();
  EXPECT_FALSE(sink.failure().has_value());
  for (std::uint64_t i = 0; i < 8; ++i) {
    const float mean = static_cast<float>(i + 1);
    EXPECT_THAT(sink.output(i), ElementsAre(FloatEq(mean), FloatEq(1 - mean)));
  }
}

TEST_F(ProcessSutTest, AnswersInPython) {
  const fs::path script = fs::path(testing::TempDir()) / "doubling_sut.py";
  FILE* file = std::fopen(script.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(
      "import lodestone_sut\n"
      "class Doubling:\n"
      "    outputs = 6\n"
      "    def __init__(self, settings):\n"
      "        self.name = 'times ' + settings.options['factor']\n"
      "        self.factor = float(settings.options['factor'])\n"
      "        print('this goes to stderr')\n"
      "    def run(self, samples):\n"
      "        return samples.reshape(len(samples), -1) * self.factor\n"
      "lodestone_sut.serve(Doubling)\n",
      file);
  std::fclose(file);
  request_.process.options = "factor=2";
  ASSERT_EQ(make(script, /*batch=*/3), "");
  EXPECT_THAT(sut_->name(), HasSubstr("times 2"));
  const std::vector<SampleIndex> indices = {5, 1, 0, 4};
  ASSERT_TRUE(samples_->load(indices).ok());
  CollectingSink sink(clock_);
  ASSERT_TRUE(sut_->start(scored_plan(4), sink).ok());
  const std::vector<loadgen::QuerySample> query = {{0, 5}, {1, 0}, {2, 1}, {3, 4}};
  sut_->issue(query);
  ASSERT_TRUE(sink.wait(4));
  sut_->stop();
  for (const auto& sample : query) {
    EXPECT_THAT(sink.output(sample.id),
                testing::Each(FloatEq(2 * static_cast<float>(sample.index + 1))));
  }
  fs::remove(script);
}

TEST_F(ProcessSutTest, ServesWholeTests) {
  ASSERT_EQ(make("null", /*batch=*/2), "");
  for (const auto scenario : {loadgen::Scenario::kSingleStream, loadgen::Scenario::kMultiStream,
                              loadgen::Scenario::kOffline}) {
    Settings settings = short_test();
    settings.scenario = scenario;
    const std::string broken = run(settings);
    // How fast the machine is just now is not what is tested.
    EXPECT_THAT(broken, testing::Not(HasSubstr("sut_failure")));
    EXPECT_THAT(broken, testing::Not(HasSubstr("unanswered")));
  }
  Settings accuracy = short_test();
  accuracy.mode = loadgen::Mode::kAccuracy;
  const loadgen::TestHooks hooks{.interrupted = nullptr,
                                 .progress = {},
                                 .outputs = [](auto, auto, auto) { return Status(); },
                                 .issue_threads = {},
                                 .kept_alive = {}};
  const auto refused = run_test(*sut_, *samples_, accuracy, clock_, hooks);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("gives no outputs"));
}

TEST_F(ProcessSutTest, IsToldWhatItIs) {
  EXPECT_THAT(make("no_such_program"), HasSubstr("neither a program nor an adapter"));
  EXPECT_THAT(make("/dev/null"), HasSubstr("cannot start '/dev/null': Permission denied"));
  request_.process.precision = "fp16";
  EXPECT_THAT(make(LODE_BRIGHTNESS_SUT), HasSubstr("fp16 was asked for, but it computes in fp32"));
  request_.process.precision = "";
  EXPECT_THAT(make(LODE_BRIGHTNESS_SUT, 1U << 20), HasSubstr("batch 1048576 is out of range"));
}

TEST_F(ProcessSutTest, MissingModelIsOneLine) {
  const std::string said = make("onnxruntime");
  EXPECT_THAT(said, HasSubstr("process 'onnxruntime': reports: "));
  EXPECT_THAT(said, testing::AnyOf(HasSubstr("the package onnxruntime is not there"),
                                   HasSubstr("needs a model; add --model FILE.onnx")));
}

TEST_F(ProcessSutTest, NeverStarts) {
  start_timeout_ns_ = 300 * kMs;
  EXPECT_THAT(fault("silent"), HasSubstr("has not answered for 300 ms, and is running"));
}

TEST_F(ProcessSutTest, HalfAMessageIsNone) {
  start_timeout_ns_ = 300 * kMs;
  EXPECT_THAT(fault("unfinished"), HasSubstr("has not answered for 300 ms"));
}

TEST_F(ProcessSutTest, EndsAtTheStart) {
  EXPECT_THAT(fault("exit"), HasSubstr("exited with code 3"));
}

TEST_F(ProcessSutTest, WritesRubbishAtTheStart) {
  // As much of it as has been read by then.
  EXPECT_THAT(fault("loud"), AllOf(HasSubstr("wrote 'Loading the model...."),
                                   HasSubstr("' where a message must begin")));
}

TEST_F(ProcessSutTest, SpeaksAnotherProtocol) {
  EXPECT_THAT(fault("unready"), HasSubstr("speaks protocol 99; this version speaks 1"));
  EXPECT_THAT(fault("nameless"), HasSubstr("says 'what am I' when ready"));
}

TEST_F(ProcessSutTest, DiesInMidRun) {
  EXPECT_THAT(fault("dies 12"), HasSubstr("sut_failure: process '"));
  EXPECT_THAT(fault("dies 12"), HasSubstr("was killed by signal 9 (Killed)"));
}

TEST_F(ProcessSutTest, HangsInMidRun) {
  EXPECT_THAT(fault("hangs 12"), HasSubstr("has not answered for 1 s, and is running"));
}

TEST_F(ProcessSutTest, ClosesItsPipe) {
  EXPECT_THAT(fault("closes 12"), HasSubstr("closed its pipe, and is running"));
}

TEST_F(ProcessSutTest, WritesRubbishInMidRun) {
  EXPECT_THAT(fault("rubbish 12"), HasSubstr("wrote '0.1 0.9."));
  EXPECT_THAT(fault("strange 12"), HasSubstr("wrote a message of type 99"));
  EXPECT_THAT(fault("huge 12"), HasSubstr("wrote a message of 1073741824 bytes"));
  EXPECT_THAT(fault("mistaken 12"), HasSubstr("answered with a message of type 8 instead of 6"));
}

TEST_F(ProcessSutTest, AnswersTwice) {
  EXPECT_THAT(fault("twice 12"),
              testing::ContainsRegex("sut_failure: .*answered message .* twice"));
  EXPECT_THAT(fault("unasked 12"), HasSubstr("which was never sent"));
}

TEST_F(ProcessSutTest, AnswersTheLastTwice) {
  Settings settings = short_test();
  settings.max_query_count = 20;
  settings.warmup_queries = 0;
  ASSERT_EQ(make(faulty("twice 20")), "");
  EXPECT_THAT(run(settings), testing::ContainsRegex("answered message .* twice"));
}

TEST_F(ProcessSutTest, ReportsItsOwnFault) {
  EXPECT_THAT(fault("reports 12"), HasSubstr("reports: out of memory"));
}

TEST_F(ProcessSutTest, IsNotStartedAgainBehindAFault) {
  EXPECT_THAT(fault("dies 12"), HasSubstr("Killed"));
  EXPECT_THAT(run(short_test()), HasSubstr("has failed before"));
}

TEST_F(ProcessSutTest, TheLoadGeneratorMayBeQuicker) {
  ASSERT_EQ(make(faulty("hangs 12")), "");
  Settings settings = short_test();
  settings.query_timeout_ns = 300 * kMs;
  const auto result = run_test(*sut_, *samples_, settings, clock_, {});
  ASSERT_TRUE(result.ok());
  ASSERT_FALSE(result->verdict.reasons.empty());
  EXPECT_EQ(result->verdict.reasons.front().rule, "sut_blocked");
}

TEST_F(ProcessSutTest, TheUserMayStopIt) {
  std::atomic<bool> interrupted{false};
  request_.process.interrupted = &interrupted;
  std::thread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    interrupted.store(true);
  });
  const std::string told = make(faulty("silent"));
  user.join();
  EXPECT_THAT(told, HasSubstr("stopped while it was at work"));
}

TEST_F(ProcessSutTest, TakesItsHelpersWithIt) {
  ASSERT_EQ(make(faulty("helped 1000000")), "");
  const auto at = sut_->name().find("process ");
  const pid_t helper = std::stoi(sut_->name().substr(at + std::string_view("process ").size()));
  EXPECT_TRUE(is_alive(helper));
  sut_.reset();
  EXPECT_TRUE(ends(helper));
}

TEST_F(ProcessSutTest, DiesWithItsParent) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const std::string failed = make(faulty("hangs 1"));
    const int pid = failed.empty() ? pids_.front() : 0;
    (void)!write(pipe_ends[1], &pid, sizeof(pid));
    pause();
  }
  int pid = 0;
  ASSERT_EQ(read(pipe_ends[0], &pid, sizeof(pid)), static_cast<ssize_t>(sizeof(pid)));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  ASSERT_GT(pid, 0);
  EXPECT_TRUE(is_alive(pid));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(ends(pid));
}

TEST(SharedSamplesTest, HoldsWhatIsLoadedOnce) {
  auto samples = SharedSamples::create(std::make_unique<CountingLibrary>(Shape{1, 2, 3}, 8));
  ASSERT_TRUE(samples.ok());
  const std::vector<SampleIndex> first = {6, 2};
  const std::vector<SampleIndex> second = {2, 3};
  ASSERT_TRUE((*samples)->load(first).ok());
  ASSERT_TRUE((*samples)->load(second).ok());
  EXPECT_THAT((*samples)->sample(6), testing::Each(7.0F));
  EXPECT_THAT((*samples)->sample(2), testing::Each(3.0F));
  EXPECT_EQ((*samples)->stride(), 64U);
  EXPECT_EQ((*samples)->sample_bytes(), 24U);
  (*samples)->unload(first);
  EXPECT_THAT((*samples)->sample(2), testing::Each(3.0F));
  const std::vector<SampleIndex> all = {0, 1, 2, 3, 4, 5, 6, 7};
  (*samples)->unload(second);
  ASSERT_TRUE((*samples)->load(all).ok());
  for (const SampleIndex index : all) {
    EXPECT_THAT((*samples)->sample(index), testing::Each(static_cast<float>(index + 1)));
  }
}

}  // namespace
}  // namespace lode::sut
