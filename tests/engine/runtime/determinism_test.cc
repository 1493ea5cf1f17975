// Bit-equal outputs across threads, batches, repeats, sessions at once.
#include <thread>

#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

constexpr std::int64_t kSamples = 8;
constexpr std::int64_t kSize = 30;

Tensor sample_inputs() {
  return random_tensor({kSamples, 3, kSize, kSize}, 21);
}

/// Samples [first, first + count) of a batch.
Tensor slice(const Tensor& batch, std::int64_t first, std::int64_t count) {
  Shape shape = batch.shape();
  const std::int64_t each = batch.element_count() / shape[0];
  shape[0] = count;
  return Tensor::of<float>(batch.as<float>().subspan(static_cast<std::size_t>(first * each),
                                                     static_cast<std::size_t>(count * each)),
                           shape);
}

/// Both outputs of all samples, in batches of at most `batch`, one after the other.
std::vector<std::vector<float>> run_in_batches(Session& session, std::int64_t batch) {
  const Tensor inputs = sample_inputs();
  std::vector<std::vector<float>> results(2);
  for (std::int64_t first = 0; first < kSamples; first += batch) {
    const auto outputs =
        run_session(session, {slice(inputs, first, std::min(batch, kSamples - first))});
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto values = outputs[i].as<float>();
      results[i].insert(results[i].end(), values.begin(), values.end());
    }
  }
  return results;
}

void expect_same_bits(const std::vector<std::vector<float>>& a,
                      const std::vector<std::vector<float>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].size(), b[i].size());
    EXPECT_EQ(std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)), 0)
        << "output " << i;
  }
}

TEST(Determinism, ThreadsBatchesAndRepeatsChangeNoBit) {
  const auto model = make_model(make_test_net(kSize));
  const auto want = run_in_batches(*make_session(model), 1);
  for (const int threads : {1, 2, 3}) {
    auto session = make_session(model, {.threads = threads, .cpus = {}});
    for (const std::int64_t batch : {1, 3, 8}) {
      SCOPED_TRACE(fmt::format("{} threads, batch {}", threads, batch));
      expect_same_bits(run_in_batches(*session, batch), want);
      expect_same_bits(run_in_batches(*session, batch), want);
    }
  }
}

TEST(Determinism, SessionsAtOnceDoNotDisturbEachOther) {
  const auto model = make_model(make_test_net(kSize));
  const auto want = run_in_batches(*make_session(model), 8);
  std::vector<std::vector<std::vector<float>>> got(3);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < got.size(); ++i) {
      callers.emplace_back([&, i] {
        // Plans are made at once too: weights are packed once and shared.
        auto session = make_session(model, {.threads = static_cast<int>(i) + 1, .cpus = {}});
        for (int round = 0; round < 5; ++round) {
          got[i] = run_in_batches(*session, 1 + static_cast<std::int64_t>(i) * 3);
        }
      });
    }
  }
  for (const auto& result : got) expect_same_bits(result, want);
}

TEST(Determinism, PlansOfOneSessionShareTheArena) {
  const auto model = make_model(make_test_net(kSize));
  auto session = make_session(model, {.threads = 2, .cpus = {}});
  const auto small = run_in_batches(*session, 1);
  // A larger plan moves the arena; the smaller one must have moved with it.
  run_in_batches(*session, 8);
  expect_same_bits(run_in_batches(*session, 1), small);
}

}  // namespace
}  // namespace lode::engine
