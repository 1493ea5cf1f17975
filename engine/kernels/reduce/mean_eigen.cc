// The baseline mean.
#include "engine/kernels/packet.h"
#include "engine/kernels/reduce/cut.h"

namespace lode::engine {

namespace {

/// Dense elements: four packets of partial sums, then those in order.
float sum_dense(const float* x, std::int64_t count) {
  constexpr int kParts = 4;
  Packet parts[kParts];
  for (Packet& part : parts) part = broadcast(0.0F);
  std::int64_t i = 0;
  for (; i + kParts * kLanes <= count; i += kParts * kLanes) {
    for (int part = 0; part < kParts; ++part) {
      parts[part] = add(parts[part], load(x + i + part * kLanes));
    }
  }
  float lanes[kLanes];
  store(lanes, add(add(parts[0], parts[1]), add(parts[2], parts[3])));
  float sum = 0.0F;
  for (const float lane : lanes) sum += lane;
  for (; i < count; ++i) sum += x[i];
  return sum;
}

void run(const ReduceShape& shape, const ReduceArguments& arguments, std::int64_t task) {
  const ReduceTask share = reduce_task(shape, task);
  const float* x = arguments.x + share.outer * shape.count * shape.inner;
  float* y = arguments.y + share.outer * shape.inner;
  const auto count = static_cast<float>(shape.count);
  if (shape.inner == 1) {
    *y = sum_dense(x, shape.count) / count;
    return;
  }
  std::int64_t i = share.begin;
  for (; i + kLanes <= share.end; i += kLanes) {
    Packet sum = broadcast(0.0F);
    for (std::int64_t k = 0; k < shape.count; ++k) sum = add(sum, load(x + k * shape.inner + i));
    store(y + i, divide(sum, broadcast(count)));
  }
  for (; i < share.end; ++i) {
    float sum = 0.0F;
    for (std::int64_t k = 0; k < shape.count; ++k) sum += x[k * shape.inner + i];
    y[i] = sum / count;
  }
}

}  // namespace

const ReduceKernel eigen_f32_mean = {.name = "eigen_f32_mean",
                                     .isa = Isa::kGeneric,
                                     .strength = "dense, in vectors",
                                     .task_count = reduce_task_count,
                                     .run = run};

}  // namespace lode::engine
