// Copies of any element type, by rows where both sides have them and element by element elsewhere.
#include "engine/kernels/eltwise/copy.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "engine/kernels/eltwise/rows.h"

namespace lode::engine {

namespace {

template <typename Integer>
void copy_elements(const std::byte* from, std::int64_t from_stride, std::byte* to,
                   std::int64_t to_stride, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * to_stride * static_cast<std::int64_t>(sizeof(Integer)),
                from + i * from_stride * static_cast<std::int64_t>(sizeof(Integer)),
                sizeof(Integer));
  }
}

using CopyElements = void (*)(const std::byte*, std::int64_t, std::byte*, std::int64_t,
                              std::int64_t);

CopyElements copier(std::size_t element_bytes) {
  switch (element_bytes) {
    case 1:
      return copy_elements<std::uint8_t>;
    case 2:
      return copy_elements<std::uint16_t>;
    case 4:
      return copy_elements<std::uint32_t>;
    case 8:
      return copy_elements<std::uint64_t>;
    default:
      LODE_ASSERT(false);
      return nullptr;
  }
}

std::string_view refuse_unless_rows(const CopyShape& shape) {
  const std::size_t last = shape.rank - 1;
  if (shape.from_stride[last] != 1 || shape.to_stride[last] != 1) {
    return "the rows of a side are strided";
  }
  return "";
}

template <bool kStrided>
void run_copy(const CopyShape& shape, const CopyArguments& arguments, std::int64_t task) {
  const auto bytes = static_cast<std::int64_t>(shape.element_bytes);
  const std::int64_t from_stride = shape.from_stride[shape.rank - 1];
  const std::int64_t to_stride = shape.to_stride[shape.rank - 1];
  const RowTask share = row_task(cut_of(shape), task);
  const std::int64_t count = share.count();
  const CopyElements copy = copier(shape.element_bytes);
  RowWalker walker(shape.extent, shape.rank, shape.from_stride, shape.to_stride, share.row_begin);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row, walker.next()) {
    const std::byte* from = arguments.from + (walker.a() + share.begin * from_stride) * bytes;
    std::byte* to = arguments.to + (walker.b() + share.begin * to_stride) * bytes;
    if constexpr (kStrided) {
      copy(from, from_stride, to, to_stride, count);
    } else {
      std::memcpy(to, from, static_cast<std::size_t>(count * bytes));
    }
  }
}

std::int64_t pad_task_count(const PadShape& shape) {
  const auto extents = std::span(shape.to_extent).first(shape.rank);
  return cut_rows(outer_rows(extents.data(), extents.size()), extents.back()).task_count();
}

void fill(std::byte* to, std::int64_t count, const PadShape& shape) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * static_cast<std::int64_t>(shape.element_bytes), shape.value.data(),
                shape.element_bytes);
  }
}

/// Offset in elements of the source row behind target row `row`; -1 outside the source.
std::int64_t source_row(const PadShape& shape, std::int64_t row) {
  std::int64_t offset = 0;
  std::int64_t stride = shape.from_extent[shape.rank - 1];
  for (std::size_t axis = shape.rank - 1; axis-- > 0;) {
    const std::int64_t index = row % shape.to_extent[axis] - shape.before[axis];
    if (index < 0 || index >= shape.from_extent[axis]) return -1;
    offset += index * stride;
    stride *= shape.from_extent[axis];
    row /= shape.to_extent[axis];
  }
  return offset;
}

void run_pad(const PadShape& shape, const PadArguments& arguments, std::int64_t task) {
  const auto extents = std::span(shape.to_extent).first(shape.rank);
  const auto bytes = static_cast<std::int64_t>(shape.element_bytes);
  const std::int64_t inner = extents.back();
  const std::int64_t before = shape.before[shape.rank - 1];
  const RowTask share = row_task(cut_rows(outer_rows(extents.data(), extents.size()), inner), task);
  const std::int64_t begin = std::clamp(before, share.begin, share.end);
  const std::int64_t end = std::clamp(before + shape.from_extent[shape.rank - 1], begin, share.end);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    std::byte* to = arguments.to + row * inner * bytes;
    const std::int64_t source = source_row(shape, row);
    if (source < 0 || begin == end) {
      fill(to + share.begin * bytes, share.end - share.begin, shape);
      continue;
    }
    fill(to + share.begin * bytes, begin - share.begin, shape);
    std::memcpy(to + begin * bytes, arguments.from + (source + begin - before) * bytes,
                static_cast<std::size_t>((end - begin) * bytes));
    fill(to + end * bytes, share.end - end, shape);
  }
}

}  // namespace

CopyShape copy_shape(std::size_t element_bytes, const Shape& extents, const Shape& from_strides,
                     const Shape& to_strides) {
  std::array<std::size_t, Shape::kMaxRank> axes{};
  const auto order = std::span(axes).first(extents.rank());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return to_strides[i] > to_strides[j]; });
  CopyShape shape;
  shape.element_bytes = element_bytes;
  for (const std::size_t axis : order) {
    const std::int64_t extent = extents[axis];
    if (extent == 1) continue;
    const std::size_t last = shape.rank - 1;
    if (shape.rank > 0 && shape.from_stride[last] == from_strides[axis] * extent &&
        shape.to_stride[last] == to_strides[axis] * extent) {
      shape.extent[last] *= extent;
      shape.from_stride[last] = from_strides[axis];
      shape.to_stride[last] = to_strides[axis];
      continue;
    }
    shape.extent[shape.rank] = extent;
    shape.from_stride[shape.rank] = from_strides[axis];
    shape.to_stride[shape.rank] = to_strides[axis];
    ++shape.rank;
  }
  if (shape.rank == 0) {
    shape.rank = 1;
    shape.extent[0] = 1;
    shape.from_stride[0] = 1;
    shape.to_stride[0] = 1;
  }
  return shape;
}

const CopyKernel generic_copy_rows = {.name = "generic_copy_rows",
                                      .isa = Isa::kGeneric,
                                      .strength = "dense rows on both sides",
                                      .refuse = refuse_unless_rows,
                                      .task_count = copy_task_count,
                                      .run = run_copy<false>};

const CopyKernel generic_copy_strided = {.name = "generic_copy_strided",
                                         .isa = Isa::kGeneric,
                                         .strength = "any strides, element by element",
                                         .task_count = copy_task_count,
                                         .run = run_copy<true>};

const PadKernel generic_pad = {.name = "generic_pad",
                               .isa = Isa::kGeneric,
                               .strength = "copy of the rows, constant around them",
                               .task_count = pad_task_count,
                               .run = run_pad};

}  // namespace lode::engine
