// How the packed convolutions cut their work: the output pixels of all images are the rows of one
// product, whose columns come in panels. A task is a range of rows times a range of panels; how
// many of each is chosen so that what the tasks read together is least.
#pragma once

#include "engine/kernels/conv/conv.h"

namespace lode::engine {

struct ProductCut {
  TaskGrid grid;
  std::int64_t rows = 0;       ///< output pixels of all images
  std::int64_t task_rows = 1;  ///< of a task; the last one of a panel group may have more
  std::int64_t row_tasks = 1;
  std::int64_t panels = 1;  ///< of all groups
  std::int64_t panel_tasks = 1;

  [[nodiscard]] std::int64_t task_count() const { return rows == 0 ? 0 : row_tasks * panel_tasks; }
};

/// A task's share: rows [row_begin, row_end), panels [panel_begin, panel_end).
struct ProductTask {
  std::int64_t row_begin;
  std::int64_t row_end;
  std::int64_t panel_begin;
  std::int64_t panel_end;
};

[[nodiscard]] ProductTask product_task(const ProductCut& cut, std::int64_t task);

/// What a cut is made for: the tile of a panel, and costs in multiply-adds.
struct ProductTile {
  std::int64_t panels = 1;         ///< of all groups
  std::int64_t panel_columns = 1;  ///< of the widest one
  std::int64_t tile_rows = 1;
  std::int64_t task_work = 1;          ///< of a task at least: large enough to hide the hand-out
  std::int64_t read_work = 1;          ///< in the time of reading a weight
  std::int64_t foreign_read_work = 1;  ///< and an input that another worker has just written
};

/// The cut by shape.grid where that is decided, else the cheapest.
[[nodiscard]] ProductCut cut_product(const ConvShape& shape, const ProductTile& tile);

}  // namespace lode::engine
