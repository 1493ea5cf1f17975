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

/// Every activation of its own and behind an addition, on rows whose length is no multiple of a
/// packet's, in both layouts.
Graph make_odd_net(const Shape& input) {
  GraphBuilder builder;
  builder.opset = 14;
  const ValueId x = builder.input("x", input);
  Shape constant_shape = input;
  constant_shape[0] = 1;
  const ValueId scaled = builder.node(
      "scaled", "Mul",
      {x, builder.constant("scale", Tensor::of<float>(std::vector<float>{7.3F}, {1}))});
  const ValueId addend = builder.constant("addend", random_tensor(constant_shape, 5));
  for (const std::string_view op :
       {"Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish"}) {
    const std::string name(op);
    builder.output(builder.node(name + "_alone", op, {scaled}));
    const ValueId sum = builder.node(name + "_sum", "Add", {scaled, addend});
    builder.output(builder.node(name + "_after", op, {sum}));
  }
  if (input.rank() != 4) return std::move(builder.graph);
  const ValueId conv = add_conv(builder, "conv", scaled, input[1], input[1], 1);
  builder.output(builder.node("last", "Sigmoid", {builder.node("both", "Add", {conv, addend})}));
  return std::move(builder.graph);
}

TEST(Determinism, RowsThatFillNoPacketAreTheSameInEveryBatch) {
  for (const Shape& sample : {Shape{-1, 11}, Shape{-1, 1}, Shape{-1, 3, 7, 7}, Shape{-1, 5, 3}}) {
    SCOPED_TRACE(sample.to_string());
    auto session = make_session(make_model(make_odd_net(sample)), {.threads = 2, .cpus = {}});
    constexpr std::int64_t kBatch = 5;
    Shape shape = sample;
    shape[0] = kBatch;
    const Tensor inputs = random_tensor(shape, 17);
    const auto together = run_session(*session, {inputs});
    for (std::int64_t i = 0; i < kBatch; ++i) {
      const auto alone = run_session(*session, {slice(inputs, i, 1)});
      ASSERT_EQ(alone.size(), together.size());
      for (std::size_t output = 0; output < alone.size(); ++output) {
        EXPECT_TRUE(same_bytes(alone[output], slice(together[output], i, 1)))
            << "sample " << i << ", output " << output;
      }
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
