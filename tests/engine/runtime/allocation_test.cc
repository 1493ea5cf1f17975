// A run of a prepared session allocates nothing, counted beneath operator new: this program's
// malloc family is replaced by one that counts.
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "tests/engine/runtime/test_net.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define LODE_COUNTS_ALLOCATIONS 0
#else
#define LODE_COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<std::int64_t> allocations{0};

}  // namespace

#if LODE_COUNTS_ALLOCATIONS
// glibc's own entry points; sanitizers replace malloc themselves.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* pointer, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(pointer, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return memalign(alignment, size);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  *result = memalign(alignment, size);
  return *result != nullptr || size == 0 ? 0 : ENOMEM;
}
}  // extern "C"
#endif

namespace lode::engine {
namespace {

TEST(Allocation, TheCounterSeesEveryWayToAllocate) {
  if (!LODE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the allocator cannot be replaced in this build";
  const auto counts = [](auto allocate) {
    const std::int64_t before = allocations;
    allocate();
    return allocations - before;
  };
  EXPECT_EQ(counts([] { std::free(std::malloc(8)); }), 1);
  EXPECT_EQ(counts([] { std::free(std::aligned_alloc(64, 64)); }), 1);
  EXPECT_GE(counts([] {
              std::vector<int> v(100);
              EXPECT_EQ(v.size(), 100U);
            }),
            1);
  EXPECT_EQ(counts([] {}), 0);
}

TEST(Allocation, ARunAllocatesNothing) {
  if (!LODE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the allocator cannot be replaced in this build";
  // 62 pixels a side: tiles of every kind, deep sums cut into blocks, tails.
  const auto model = make_model(make_test_net(62));
  const Tensor input = random_tensor({3, 3, 62, 62}, 2);
  Tensor first(DType::kF32, {3, 7});
  Tensor second(DType::kF32, {3, 12, 31, 31});
  const std::vector<TensorView> inputs = {input.view()};
  const std::vector<MutableTensorView> outputs = {first.mutable_view(), second.mutable_view()};
  const std::vector<Shape> shapes = {input.shape()};
  for (const int threads : {1, 2, 3}) {
    auto session = make_session(model, {.threads = threads, .cpus = {}});
    ASSERT_TRUE(session->prepare(shapes).ok());
    // The first run counts: prepare() has made everything.
    for (int round = 0; round < 3; ++round) {
      const std::int64_t before = allocations;
      const Status status = session->run(inputs, outputs);
      const std::int64_t made = allocations - before;
      ASSERT_TRUE(status.ok());
      EXPECT_EQ(made, 0) << threads << " threads, run " << round;
    }
  }
}

}  // namespace
}  // namespace lode::engine
