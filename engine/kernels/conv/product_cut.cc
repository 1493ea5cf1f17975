#include "engine/kernels/conv/product_cut.h"

#include <algorithm>

#include "engine/kernels/task_grid.h"

namespace lode::engine {

namespace {

/// Rows a task gets when `rows` are cut for `tasks`: whole tiles.
std::int64_t rows_of_task(std::int64_t rows, std::int64_t tasks, std::int64_t tile_rows) {
  const std::int64_t tiles = (rows / tasks + tile_rows / 2) / tile_rows;
  return std::max<std::int64_t>(1, tiles) * tile_rows;
}

/// Fills the cut of the rows into about `asked` tasks.
void cut_rows(ProductCut& cut, std::int64_t asked, std::int64_t tile_rows) {
  cut.task_rows = rows_of_task(cut.rows, asked, tile_rows);
  cut.row_tasks = std::max<std::int64_t>(1, cut.rows / cut.task_rows);
}

TaskGrid grid_of(const ConvShape& shape, const ProductCut& cut, const ProductTile& tile) {
  const std::int64_t work = cut.rows * shape.out_c * shape.depth();
  const std::int64_t weights = shape.out_c * shape.depth();
  // A prologue is repeated for each group of panels: it counts like reading the input once more.
  const std::int64_t input = shape.batch * shape.in_h * shape.in_w * shape.in_c *
                             (shape.prologue == ConvPrologue::kNone ? 1 : 2);
  return cheapest_grid(
      shape.workers, work / tile.task_work, cut.panels, [&](const TaskGrid& tried) {
        ProductCut own = cut;
        cut_rows(own, tried.rows, tile.tile_rows);
        const std::int64_t tasks = own.row_tasks * tried.columns;
        const std::int64_t rows = cut.rows - (own.row_tasks - 1) * own.task_rows;
        const std::int64_t columns = ceil_divide(cut.panels, tried.columns) * tile.panel_columns;
        // Rows are shared out as in the layers before and behind; groups of panels each need all
        // rows, whoever made them.
        const std::int64_t reads = own.row_tasks * weights * tile.read_work +
                                   (tried.columns - 1) * input * tile.foreign_read_work;
        return slowest_worker(shape.workers, tasks, rows * columns * shape.depth()) +
               reads / wanted_tasks(shape.workers, 1, tasks);
      });
}

}  // namespace

ProductTask product_task(const ProductCut& cut, std::int64_t task) {
  const std::int64_t row_task = task % cut.row_tasks;
  const std::int64_t panel_task = task / cut.row_tasks;
  return {.row_begin = row_task * cut.task_rows,
          .row_end = row_task + 1 == cut.row_tasks ? cut.rows : (row_task + 1) * cut.task_rows,
          .panel_begin = cut.panels * panel_task / cut.panel_tasks,
          .panel_end = cut.panels * (panel_task + 1) / cut.panel_tasks};
}

ProductCut cut_product(const ConvShape& shape, const ProductTile& tile) {
  ProductCut cut;
  cut.rows = shape.batch * shape.out_pixels();
  cut.panels = tile.panels;
  cut.grid = shape.grid.rows != 0 ? shape.grid : grid_of(shape, cut, tile);
  cut_rows(cut, cut.grid.rows, tile.tile_rows);
  cut.panel_tasks = cut.grid.columns;
  return cut;
}

}  // namespace lode::engine
