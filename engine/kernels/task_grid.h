// The choice of a TaskGrid.
#pragma once

#include <cstdint>

#include "engine/kernels/kernel.h"

namespace lode::engine {

/// The cheapest grid of `workers`, twice or three times as many tasks, each worker in the end
/// having as many as the others; at most `most` tasks, `panels` columns. cost(grid) is the time of
/// the slowest worker with what the tasks read, in any unit. A single worker gets one task.
template <typename Cost>
[[nodiscard]] TaskGrid cheapest_grid(std::int64_t workers, std::int64_t most, std::int64_t panels,
                                     const Cost& cost) {
  TaskGrid best{1, 1};
  const std::int64_t own = wanted_tasks(workers, 1, most);
  if (own == 1) return best;
  std::int64_t least = -1;
  for (std::int64_t each = 1; each <= kTasksPerWorker && own * each <= most; ++each) {
    const std::int64_t tasks = own * each;
    for (std::int64_t columns = 1; columns <= tasks && columns <= panels; ++columns) {
      if (tasks % columns != 0) continue;
      const TaskGrid grid{tasks / columns, columns};
      const std::int64_t own_cost = cost(grid);
      if (least >= 0 && own_cost >= least) continue;
      least = own_cost;
      best = grid;
    }
  }
  return best;
}

/// What the slowest of the workers does if each of `tasks` tasks takes `work`.
[[nodiscard, gnu::always_inline]] inline std::int64_t slowest_worker(std::int64_t workers,
                                                                     std::int64_t tasks,
                                                                     std::int64_t work) {
  return ceil_divide(tasks, wanted_tasks(workers, 1, tasks)) * work;
}

}  // namespace lode::engine
