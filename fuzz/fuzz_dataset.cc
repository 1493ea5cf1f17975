// Fuzzes the reader of dataset files: info, ids, verify, and a load of the first samples.
//
// What is checked is this project's code on top of HDF5: whatever the file says, no bug of ours, no
// allocation beyond what the file can hold. libhdf5 itself is not instrumented here, and version
// 1.10 is known to crash on some structures that are malformed on purpose. Files as this project
// writes them carry checksums on every structure, so that damage by accident is refused early;
// half of the mutations therefore go into a file's contents, which only our own checks guard.
// Leaks are not looked for: the library loses an object header where it refuses a damaged one.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/h5/h5_file.h"
#include "base/rng.h"
#include "datasets/dataset.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace {

using lode::DType;
using lode::Rng;
using lode::Shape;
using lode::uniform_below;

/// A file in memory with a name that open(2) takes.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) { LODE_ASSERT(descriptor_ >= 0); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  [[nodiscard]] std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

  void assign(const std::uint8_t* data, std::size_t size) const {
    LODE_ASSERT(::ftruncate(descriptor_, 0) == 0);
    LODE_ASSERT(::pwrite(descriptor_, data, size, 0) == static_cast<ssize_t>(size));
  }
  [[nodiscard]] std::vector<std::uint8_t> content() const {
    const off_t size = ::lseek(descriptor_, 0, SEEK_END);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    LODE_ASSERT(::pread(descriptor_, bytes.data(), bytes.size(), 0) == size);
    return bytes;
  }

 private:
  int descriptor_;
};

template <typename T, std::size_t N>
T pick(Rng& rng, const T (&from)[N]) {
  return from[uniform_below(rng, N)];
}

std::string_view pick_word(Rng& rng) {
  static constexpr std::string_view kWords[] = {"nchw", "nhwc", "f32", "u8",
                                                "rgb",  "grey", "",    "lodestone.dataset/1"};
  return pick(rng, kWords);
}

std::int64_t pick_number(Rng& rng) {
  static constexpr std::int64_t kNumbers[] = {0,  1,  2,         3,         4,
                                              10, -1, 1'000'000, INT64_MAX, INT64_MIN};
  return pick(rng, kNumbers);
}

/// A value that is right most of the time.
template <typename T>
T mostly(Rng& rng, T right, T other) {
  return uniform_below(rng, 24) == 0 ? other : right;
}

void write_numbers(lode::h5::File& file, Rng& rng, const char* name, std::uint64_t count) {
  std::vector<std::int64_t> values(count);
  for (std::int64_t& value : values) {
    value = mostly<std::int64_t>(rng, uniform_below(rng, 3), pick_number(rng));
  }
  const Shape shape{static_cast<std::int64_t>(count)};
  (void)file.create_dataset(name, DType::kI64, shape, {});
  (void)file.write_rows(name, 0, count,
                        {reinterpret_cast<const std::byte*>(values.data()), DType::kI64, shape});
}

/// A file of sound structure whose contents are right mostly.
std::vector<std::uint8_t> random_dataset(Rng& rng) {
  const MemoryFile memory;
  lode::h5::File file = lode::h5::File::create(memory.path()).value();
  const bool nchw = uniform_below(rng, 2) == 0;
  const bool pixels = uniform_below(rng, 2) == 0;
  const bool grey = uniform_below(rng, 2) == 0;
  const std::int64_t channels = mostly<std::int64_t>(rng, grey ? 1 : 3, 2);
  const std::int64_t count = mostly<std::int64_t>(rng, 1 + uniform_below(rng, 7), 0);
  const std::int64_t height = 1 + uniform_below(rng, 3);
  const std::int64_t width = 1 + uniform_below(rng, 3);
  const Shape shape =
      nchw ? Shape{count, channels, height, width} : Shape{count, height, width, channels};
  Shape chunk = shape;
  chunk[0] = 1 + uniform_below(rng, 4);
  if (uniform_below(rng, 24) == 0) chunk[1] += 1;
  const auto attribute = [&](const char* name, std::string_view right) {
    (void)file.set_attribute(name, mostly(rng, right, pick_word(rng)));
  };
  attribute("schema", "lodestone.dataset/1");
  attribute("layout", nchw ? "nchw" : "nhwc");
  attribute("dtype", pixels ? "u8" : "f32");
  attribute("color", grey ? "grey" : "rgb");
  for (const char* name : {"source", "preprocessing", "decoder"}) attribute(name, "fuzz");
  const auto values = static_cast<std::size_t>(mostly<std::int64_t>(rng, grey ? 1 : 3, 2));
  (void)file.set_attribute("mean", std::vector<float>(values, 0.5F));
  (void)file.set_attribute("std", std::vector<float>(values, mostly(rng, 0.25F, 0.0F)));
  (void)file.set_attribute("classes", mostly<std::int64_t>(rng, 3, pick_number(rng)));
  const DType dtype = pixels ? DType::kU8 : DType::kF32;
  (void)file.create_dataset("/samples", dtype, shape,
                            {chunk, static_cast<int>(uniform_below(rng, 2)), true});
  std::vector<std::byte> samples(static_cast<std::size_t>(shape.element_count()) *
                                 lode::dtype_size(dtype));
  for (std::byte& byte : samples) byte = static_cast<std::byte>(uniform_below(rng, 256));
  if (uniform_below(rng, 24) != 0) {
    (void)file.write_rows("/samples", 0, static_cast<std::uint64_t>(count),
                          {samples.data(), dtype, shape});
  }
  const auto rows = static_cast<std::uint64_t>(count);
  write_numbers(file, rng, "/labels", mostly<std::uint64_t>(rng, rows, rows + 1));
  write_numbers(file, rng, "/calibration", uniform_below(rng, 4));
  (void)file.write_strings(
      "/ids", std::vector<std::string>(mostly<std::uint64_t>(rng, rows, rows + 1), "id"));
  LODE_ASSERT(file.close().ok());
  return memory.content();
}

}  // namespace

extern "C" const char* __asan_default_options() {  // NOLINT: the sanitizer's name for it
  return "detect_leaks=0";
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  Rng rng = lode::make_rng(seed, "fuzz_dataset");
  if (uniform_below(rng, 2) == 0) return LLVMFuzzerMutate(data, size, size_max);
  const std::vector<std::uint8_t> made = random_dataset(rng);
  if (made.size() > size_max) return LLVMFuzzerMutate(data, size, size_max);
  std::copy(made.begin(), made.end(), data);
  return made.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile memory;
  memory.assign(data, size);
  const std::atomic<bool> interrupted{false};
  const auto library = lode::datasets::open_dataset(memory.path(), 0);
  LODE_ASSERT(lode::datasets::read_dataset_info(memory.path()).ok() == library.ok());
  (void)lode::datasets::read_dataset_ids(memory.path());
  const bool sound = lode::datasets::verify_dataset(memory.path(), nullptr, interrupted).ok();
  if (!library.ok()) {
    LODE_ASSERT(!sound);
    return 0;
  }
  lode::SampleLibrary& samples = **library;
  std::vector<lode::SampleIndex> first(std::min<std::uint64_t>(samples.total_sample_count(), 3));
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = i;
  const bool loaded = samples.load(first).ok();
  LODE_ASSERT(loaded || !sound);
  if (!loaded) return 0;
  for (const lode::SampleIndex index : first) {
    const auto elements = static_cast<std::size_t>(samples.sample_shape().element_count());
    LODE_ASSERT(samples.sample(index).size() == elements && samples.label(index) >= -1);
  }
  samples.unload(first);
  return 0;
}
