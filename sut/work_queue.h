// The batcher: a query goes in whole, batches of at most a given size come out, one for each
// worker that asks.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

namespace lode::sut {

/// A first-in, first-out ring. It allocates only where reserve() or push() need more room than
/// ever before.
template <typename T>
class WorkQueue {
 public:
  /// Makes room for `items` at once, so that pushing them does not allocate.
  void reserve(std::size_t items) {
    const std::lock_guard lock(mutex_);
    make_room(items);
  }

  void push(std::span<const T> items) {
    {
      const std::lock_guard lock(mutex_);
      make_room(size_ + items.size());
      for (const T& item : items) ring_[(begin_ + size_++) % ring_.size()] = item;
    }
    items.size() > 1 ? wake_.notify_all() : wake_.notify_one();
  }

  /// Waits for items and takes as many as there are and `batch` holds; 0 once closed.
  std::size_t pull(std::span<T> batch) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return size_ > 0 || is_closed_; });
    return take(batch);
  }

  /// The same without waiting: 0 if there are none.
  std::size_t try_pull(std::span<T> batch) {
    const std::lock_guard lock(mutex_);
    return take(batch);
  }

  /// Drops what is left and ends every pull().
  void close() {
    {
      const std::lock_guard lock(mutex_);
      is_closed_ = true;
      size_ = 0;
    }
    wake_.notify_all();
  }

  /// Everything pushed has been pulled.
  [[nodiscard]] bool empty() {
    const std::lock_guard lock(mutex_);
    return size_ == 0;
  }

  /// Empties a closed queue, which is then ready for use again.
  void open() {
    const std::lock_guard lock(mutex_);
    is_closed_ = false;
    size_ = 0;
  }

 private:
  std::size_t take(std::span<T> batch) {
    if (is_closed_) return 0;
    const std::size_t count = std::min(size_, batch.size());
    for (std::size_t i = 0; i < count; ++i) batch[i] = ring_[(begin_ + i) % ring_.size()];
    if (count > 0) begin_ = (begin_ + count) % ring_.size();
    size_ -= count;
    return count;
  }

  void make_room(std::size_t items) {
    if (items <= ring_.size()) return;
    std::vector<T> larger(std::max(items, 2 * ring_.size()));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = ring_[(begin_ + i) % ring_.size()];
    ring_ = std::move(larger);
    begin_ = 0;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<T> ring_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  bool is_closed_ = false;
};

}  // namespace lode::sut
