// Batches out of queries, across the ring's end and across threads.
#include "sut/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace lode::sut {
namespace {

using testing::ElementsAre;

std::vector<int> pull(WorkQueue<int>& queue, std::size_t batch) {
  std::vector<int> items(batch);
  items.resize(queue.pull(items));
  return items;
}

TEST(WorkQueue, SplitsInOrder) {
  WorkQueue<int> queue;
  queue.push(std::vector{1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(pull(queue, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(pull(queue, 3), ElementsAre(4, 5, 6));
  EXPECT_THAT(pull(queue, 3), ElementsAre(7, 8));
}

TEST(WorkQueue, GoesRoundAndGrows) {
  WorkQueue<int> queue;
  queue.reserve(4);
  queue.push(std::vector{1, 2, 3});
  EXPECT_THAT(pull(queue, 2), ElementsAre(1, 2));
  queue.push(std::vector{4, 5, 6});
  EXPECT_THAT(pull(queue, 1), ElementsAre(3));
  queue.push(std::vector{7, 8, 9});
  EXPECT_THAT(pull(queue, 9), ElementsAre(4, 5, 6, 7, 8, 9));
}

TEST(WorkQueue, TryPullDoesNotWait) {
  WorkQueue<int> queue;
  std::vector<int> batch(2);
  EXPECT_EQ(queue.try_pull(batch), 0U);
  queue.push(std::vector{1, 2, 3});
  EXPECT_EQ(queue.try_pull(batch), 2U);
  EXPECT_THAT(batch, ElementsAre(1, 2));
  queue.close();
  EXPECT_EQ(queue.try_pull(batch), 0U);
}

TEST(WorkQueue, CloseDropsAndOpenServesAgain) {
  WorkQueue<int> queue;
  queue.push(std::vector{1, 2});
  queue.close();
  EXPECT_TRUE(pull(queue, 2).empty());
  queue.open();
  queue.push(std::vector{3});
  EXPECT_THAT(pull(queue, 2), ElementsAre(3));
}

TEST(WorkQueue, EachItemGoesToOneWorker) {
  WorkQueue<int> queue;
  constexpr int kItems = 20'000;
  std::vector<std::vector<int>> got(3);
  std::vector<std::thread> workers;
  for (auto& mine : got) {
    workers.emplace_back([&queue, &mine] {
      std::vector<int> batch(7);
      while (const std::size_t count = queue.pull(batch)) {
        mine.insert(mine.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
      }
    });
  }
  std::vector<int> items(kItems / 4);
  for (int part = 0; part < 4; ++part) {
    std::iota(items.begin(), items.end(), part * kItems / 4);
    queue.push(items);
  }
  while (!queue.empty()) std::this_thread::yield();
  queue.close();
  for (std::thread& worker : workers) worker.join();
  std::vector<int> all;
  for (const auto& mine : got) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kItems));
  for (int i = 0; i < kItems; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace lode::sut
