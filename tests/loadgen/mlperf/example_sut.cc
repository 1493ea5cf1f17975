// A SUT in the style of those that vendors publish: a sample library of its own, worker threads
// that answer asynchronously with a response callback, lent issue threads, settings from files, and
// a run of every scenario. It knows MLPerf LoadGen's headers only.
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "loadgen.h"
#include "query_sample.h"
#include "query_sample_library.h"
#include "system_under_test.h"
#include "test_settings.h"

namespace {

int g_failures = 0;

void expect(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "FAILED: %s\n", what.c_str());
  ++g_failures;
}

class ImageLibrary : public mlperf::QuerySampleLibrary {
 public:
  ImageLibrary() : images_(kTotal) {}
  const std::string& Name() override { return name_; }
  size_t TotalSampleCount() override { return kTotal; }
  size_t PerformanceSampleCount() override { return kTotal / 2; }
  void LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>& samples) override {
    for (auto sample : samples) images_[sample] = std::make_unique<float>(sample * 1.0F);
  }
  void UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>& samples) override {
    for (auto sample : samples) images_[sample].reset();
  }
  float Image(mlperf::QuerySampleIndex sample) const { return *images_[sample]; }

 private:
  static constexpr size_t kTotal = 64;
  std::string name_ = "ImageLibrary";
  std::vector<std::unique_ptr<float>> images_;
};

class ThreadedSut : public mlperf::SystemUnderTest {
 public:
  ThreadedSut(const ImageLibrary& library, size_t workers, size_t issue_threads)
      : library_(library) {
    for (size_t i = 0; i < workers; ++i) workers_.emplace_back([this] { Work(); });
    for (size_t i = 0; i < issue_threads; ++i) {
      issuers_.emplace_back([] { mlperf::RegisterIssueQueryThread(); });
    }
  }
  ~ThreadedSut() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    ready_.notify_all();
    for (auto& worker : workers_) worker.join();
    for (auto& issuer : issuers_) issuer.join();
  }
  const std::string& Name() override { return name_; }
  void IssueQuery(const std::vector<mlperf::QuerySample>& samples) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.insert(queue_.end(), samples.begin(), samples.end());
    }
    ready_.notify_all();
  }
  void FlushQueries() override {}
  int Callbacks() const { return callbacks_; }

 private:
  void Work() {
    for (;;) {
      mlperf::QuerySample sample;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        ready_.wait(lock, [this] { return done_ || !queue_.empty(); });
        if (queue_.empty()) return;
        sample = queue_.front();
        queue_.pop_front();
      }
      const int label = static_cast<int>(library_.Image(sample.index));
      int on_host = 0;
      mlperf::QuerySampleResponse response(sample.id, reinterpret_cast<uintptr_t>(&on_host),
                                           sizeof(on_host));
      mlperf::QuerySamplesComplete(&response, 1, [&](mlperf::QuerySampleResponse* wanted) {
        on_host = label;
        wanted->data = reinterpret_cast<uintptr_t>(&on_host);
        ++callbacks_;
      });
    }
  }

  const ImageLibrary& library_;
  std::string name_ = "Threaded \"SUT\" \\ \xC3\xBC";
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<mlperf::QuerySample> queue_;
  bool done_ = false;
  std::atomic<int> callbacks_{0};
  std::vector<std::thread> workers_;
  std::vector<std::thread> issuers_;
};

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t Count(const std::string& text, const std::string& word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
  return count;
}

void Run(mlperf::TestScenario scenario, const char* name, mlperf::TestMode mode,
         const std::filesystem::path& folder) {
  mlperf::TestSettings settings;
  settings.scenario = scenario;
  settings.mode = mode;
  expect(settings.FromConfig((folder / "mlperf.conf").string(), "resnet50", name) == 0, "mlperf");
  expect(settings.FromConfig((folder / "user.conf").string(), "resnet50", name, 1) == 0, "user");
  const bool is_server = scenario == mlperf::TestScenario::Server;
  settings.server_num_issue_query_threads = is_server ? 2 : 0;

  mlperf::LogSettings logs;
  logs.log_output.outdir = folder.string();
  logs.log_output.prefix = std::string(name) + "_";
  logs.log_output.suffix = "";
  logs.log_output.prefix_with_datetime = false;
  logs.log_output.copy_detail_to_stdout = false;
  logs.log_output.copy_summary_to_stdout = true;
  logs.log_mode = mlperf::LoggingMode::AsyncPoll;
  logs.log_mode_async_poll_interval_ms = 1000;
  logs.enable_trace = false;

  ImageLibrary library;
  ThreadedSut sut(library, 2, is_server ? 2 : 0);
  mlperf::StartTest(&sut, &library, settings, logs);

  const std::string summary = Read(folder / (std::string(name) + "_summary.txt"));
  const std::string accuracy = Read(folder / (std::string(name) + "_accuracy.json"));
  if (mode == mlperf::TestMode::AccuracyOnly || mode == mlperf::TestMode::SubmissionRun) {
    expect(Count(accuracy, "seq_id") == 64, std::string(name) + ": each sample logged once");
    expect(accuracy.find("\"qsl_idx\" : 63, \"data\" : \"3F000000\"") != accuracy.npos, "data");
    expect(sut.Callbacks() == 64, "a callback for each answer that was wanted");
  } else {
    expect(accuracy == "[\n]\n", "no accuracy log");
  }
  if (mode == mlperf::TestMode::AccuracyOnly) return;
  expect(summary.find("Result is : ") != summary.npos, std::string(name) + ": a verdict");
  expect(summary.find("Scenario : " + std::string(name)) != summary.npos, "the scenario");
  expect(summary.find("SUT name : Threaded \"SUT\"") != summary.npos, "the name");
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "mlperf.conf") << "# defaults\n"
                                           "*.*.qsl_rng_seed = 1780908523862526354\n"
                                           "*.SingleStream.target_latency_percentile = 90\n"
                                           "*.Server.target_latency = 10\n"
                                           "resnet50.Server.target_latency = 500\n"
                                           "*.Offline.min_query_count = 24576\n";
  std::ofstream(folder / "user.conf") << "*.*.min_duration = 200\n"
                                         "*.Server.target_qps = 800.0\n"
                                         "*.Offline.target_qps = 20000\n";
  using mlperf::TestMode;
  using mlperf::TestScenario;
  Run(TestScenario::SingleStream, "SingleStream", TestMode::PerformanceOnly, folder);
  Run(TestScenario::MultiStream, "MultiStream", TestMode::SubmissionRun, folder);
  Run(TestScenario::Offline, "Offline", TestMode::PerformanceOnly, folder);
  Run(TestScenario::Offline, "Offline", TestMode::AccuracyOnly, folder);
  Run(TestScenario::Server, "Server", TestMode::PerformanceOnly, folder);
  std::printf("%d failures\n", g_failures);
  return g_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
