// The arena: nothing that lives at once overlaps, and what does not is stacked.
#include "engine/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "engine/passes/pass.h"
#include "engine/runtime/planner.h"
#include "engine/runtime/weight_cache.h"
#include "tests/engine/runtime/test_net.h"

namespace lode::engine {
namespace {

TEST(MemoryPlan, RandomLifetimesNeverOverlap) {
  Rng rng = make_rng(3, "lifetimes");
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(1 + uniform_below(rng, 40));
    std::size_t sum = 0;
    for (Lifetime& lifetime : lifetimes) {
      lifetime.bytes = uniform_below(rng, 5000);
      lifetime.first_step = uniform_below(rng, 30);
      lifetime.last_step = lifetime.first_step + uniform_below(rng, 8);
      sum += (lifetime.bytes + 63) / 64 * 64;
    }
    const MemoryPlan plan = plan_memory(lifetimes);
    ASSERT_TRUE(is_sound(plan, lifetimes)) << "round " << round;
    EXPECT_LE(plan.arena_bytes, sum);
  }
}

TEST(MemoryPlan, AChainNeedsItsTwoLargestNeighbours) {
  // Each value lives from its step to the next, as in a network without branches.
  const std::vector<Lifetime> chain = {
      {640, 0, 1}, {1280, 1, 2}, {640, 2, 3}, {320, 3, 4}, {640, 4, 5}};
  const MemoryPlan plan = plan_memory(chain);
  EXPECT_TRUE(is_sound(plan, chain));
  EXPECT_EQ(plan.arena_bytes, 1280U + 640U);
}

TEST(MemoryPlan, FillsTheSmallestGapThatFits) {
  const std::vector<Lifetime> lifetimes = {
      {1024, 0, 9}, {512, 0, 3}, {1024, 0, 9}, {256, 4, 9}, {256, 4, 9}};
  const MemoryPlan plan = plan_memory(lifetimes);
  EXPECT_TRUE(is_sound(plan, lifetimes));
  EXPECT_EQ(plan.arena_bytes, 1024U + 1024U + 512U);
}

TEST(MemoryPlan, NothingAndEmptyValuesNeedNothing) {
  EXPECT_EQ(plan_memory({}).arena_bytes, 0U);
  const std::vector<Lifetime> empty = {{0, 0, 5}, {0, 0, 5}};
  EXPECT_EQ(plan_memory(empty).arena_bytes, 0U);
}

TEST(MemoryPlan, TheCheckFindsAnOverlap) {
  const std::vector<Lifetime> lifetimes = {{100, 0, 2}, {100, 2, 3}};
  EXPECT_FALSE(is_sound({.offsets = {0, 64}, .arena_bytes = 256}, lifetimes));
  EXPECT_TRUE(is_sound({.offsets = {0, 128}, .arena_bytes = 256}, lifetimes));
  EXPECT_FALSE(is_sound({.offsets = {0, 128}, .arena_bytes = 200}, lifetimes)) << "outside";
  EXPECT_FALSE(is_sound({.offsets = {0, 130}, .arena_bytes = 256}, lifetimes)) << "unaligned";
  const std::vector<Lifetime> apart = {{100, 0, 1}, {100, 2, 3}};
  EXPECT_TRUE(is_sound({.offsets = {0, 64}, .arena_bytes = 256}, apart));
}

TEST(MemoryPlan, ANetworksValuesAreAllPlacedAndShareTheArena) {
  Graph graph = make_test_net();
  ASSERT_TRUE(optimise(graph, {}).ok());
  SharedWeightCache weights;
  const std::vector<Shape> shapes = {{2, 3, 14, 14}};
  // Slices of one buffer, and results that take their input's place, are placement_test.cc's.
  MachinePasses passes;
  passes.disable(MachinePass::kConcatInPlace);
  passes.disable(MachinePass::kReuseInputs);
  const auto parts = make_plan(graph, shapes, weights, {.passes = passes});
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_TRUE(is_sound(parts->memory, parts->lifetimes));
  std::size_t sum = 0;
  for (const Lifetime& lifetime : parts->lifetimes) sum += lifetime.bytes;
  EXPECT_LT(parts->memory.arena_bytes, sum / 2);
  // Every step writes into a value that is not yet dead and that nobody else holds.
  for (const PlanStep& step : parts->steps) {
    for (const Argument& output : step.outputs) {
      const auto holds = [&](const Argument& input) { return input.buffer == output.buffer; };
      EXPECT_TRUE(std::none_of(step.inputs.begin(), step.inputs.end(), holds)) << step.name;
    }
  }
}

}  // namespace
}  // namespace lode::engine
