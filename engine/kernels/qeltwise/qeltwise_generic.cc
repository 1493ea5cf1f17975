// The variants for every machine. The 256 bytes of a copy to another scale are computed once a
// task: it is then a table's.
#include <array>

#include "engine/kernels/qeltwise/qeltwise.h"
#include "engine/kernels/qeltwise/qrows.h"

namespace lode::engine {

namespace {

void run_binary(const BinaryShape& shape, const QBinaryArguments& arguments, std::int64_t task) {
  const RowTask share = row_task(cut_of(shape), task);
  const std::size_t last = shape.rank - 1;
  const QFactors factors = factors_of(shape, arguments);
  const Requantisation to =
      requantisation(arguments.activation, arguments.y_scale.scale, arguments.y_scale.zero);
  RowWalker walker(shape.extent, shape.rank, shape.a_stride, shape.b_stride, share.row_begin);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row, walker.next()) {
    const std::uint8_t* a = arguments.a + walker.a();
    const std::uint8_t* b = arguments.b + walker.b();
    std::uint8_t* y = arguments.y + row * shape.extent[last];
    for (std::int64_t i = share.begin; i < share.end; ++i) {
      const std::int32_t of_a = a[i * shape.a_stride[last]] - arguments.a_scale.zero;
      const std::int32_t of_b = b[i * shape.b_stride[last]] - arguments.b_scale.zero;
      y[i] = requantised(
          to, shape.op == BinaryOp::kMultiply
                  ? static_cast<float>(of_a * of_b) * factors.a
                  : static_cast<float>(of_a) * factors.a + static_cast<float>(of_b) * factors.b);
    }
  }
}

void copy_through_table(const QCopyShape& shape, const std::uint8_t* from, std::uint8_t* to,
                        const std::uint8_t* table, std::int64_t task) {
  const RowTask share = row_task(cut_of(shape), task);
  for (std::int64_t row = share.row_begin; row < share.row_end; ++row) {
    const std::uint8_t* x = from + row * x_step(shape);
    std::uint8_t* y = to + row * y_step(shape);
    for (std::int64_t i = share.begin; i < share.end; ++i) y[i] = table[x[i]];
  }
}

void run_table(const QCopyShape& shape, const QTableArguments& arguments, std::int64_t task) {
  copy_through_table(shape, arguments.x, arguments.y, arguments.table, task);
}

void run_requantise(const QCopyShape& shape, const RequantiseArguments& arguments,
                    std::int64_t task) {
  const Requantisation to =
      requantisation(arguments.activation, arguments.y_scale.scale, arguments.y_scale.zero);
  const float factor = arguments.x_scale.scale / arguments.y_scale.scale;
  std::array<std::uint8_t, 256> table{};
  for (std::int32_t x = 0; x < 256; ++x) {
    table[static_cast<std::size_t>(x)] =
        requantised(to, static_cast<float>(x - arguments.x_scale.zero) * factor);
  }
  copy_through_table(shape, arguments.x, arguments.y, table.data(), task);
}

}  // namespace

const QBinaryKernel generic_u8_binary = {.name = "generic_u8_binary",
                                         .isa = Isa::kGeneric,
                                         .strength = "element by element, any strides",
                                         .refuse = refuse_unless_sum_or_product,
                                         .task_count = binary_task_count,
                                         .run = run_binary};

const RequantiseKernel generic_u8_requantise = {.name = "generic_u8_requantise",
                                                .isa = Isa::kGeneric,
                                                .strength = "through a table",
                                                .task_count = qcopy_task_count,
                                                .run = run_requantise};

const QTableKernel generic_u8_table = {.name = "generic_u8_table",
                                       .isa = Isa::kGeneric,
                                       .strength = "byte by byte",
                                       .task_count = qcopy_task_count,
                                       .run = run_table};

}  // namespace lode::engine
