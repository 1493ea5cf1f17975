// The portable passes in their order, and the loop that runs them.
#include <algorithm>
#include <array>
#include <new>

#include "base/clock.h"
#include "engine/graph/quote.h"
#include "engine/ops/machine_pass.h"
#include "engine/passes/passes.h"

namespace lode::engine {

namespace {

constexpr std::array kPasses = {
    Pass{"eliminate_identity",
         "drops copies; first, since they stand between nodes that later passes want side by side",
         eliminate_identity},
    Pass{"fold_constants",
         "computes what no input can change; before the folds, whose constants old exporters reach "
         "through Constant, Unsqueeze and Mul chains",
         fold_constants},
    Pass{"match_activation",
         "one operator for what exporters spell out in up to four; behind fold_constants, which "
         "makes the 3 and the 6 visible, and before fold_scale, which would take the 3 away",
         match_activation},
    Pass{"fuse_pad",
         "a convolution pads for nothing; before the folds, which do not look past a Pad",
         fuse_pad},
    Pass{"split_sum",
         "a Sum of several has no kernel, a chain of Adds has, and fuses; before all that look for "
         "Add",
         split_sum},
    Pass{"fold_scale",
         "takes the scale layers of old exporters into Conv, Gemm and BatchNormalization; before "
         "fold_batch_norm, which then finds Conv and BatchNormalization side by side",
         fold_scale},
    Pass{"fold_batch_norm",
         "a BatchNormalization behind a Conv costs nothing once it is in the weights; before "
         "fuse_activation, which wants the activation next to the Conv",
         fold_batch_norm},
    Pass{"match_dynamic",
         "one quantisation for all readers, and what follows the sums in their registers; before "
         "the fusions, which then find its layers as they find a Conv",
         match_dynamic},
    Pass{"fuse_residual",
         "adds in the registers of the convolution; behind fold_batch_norm, which brings Conv and "
         "Add together, and before fuse_activation, since the activation comes last",
         fuse_residual},
    Pass{"fuse_activation",
         "saves a pass over memory for each activation; behind the folds, since a fused node takes "
         "no further map",
         fuse_activation},
    Pass{
        "quantize_dynamic",
        "brings FP32 layers to dynamic INT8 where that is asked for; behind fuse_activation, whose "
        "work it takes along, and before the prologues, which layers of bytes have not",
        quantize_dynamic, "int8-dynamic"},
    Pass{"move_dequantize",
         "pools and reshapes bytes; before the matches, which look for a QuantizeLinear right "
         "behind",
         move_dequantize},
    Pass{"match_qdq_products",
         "multiplies bytes where a file dequantises both factors; behind fuse_activation, since "
         "activations and sums go along",
         match_qdq_products},
    Pass{"match_qdq_elementwise", "adds, pools, joins and activates bytes; behind move_dequantize",
         match_qdq_elementwise},
    Pass{"merge_requantize",
         "what is dequantised only to be quantised again stays bytes; behind the matches, which "
         "want both",
         merge_requantize},
    Pass{"fold_dequantize",
         "weights in 8 bits of which no match made use are made floats once; behind the matches",
         fold_dequantize},
    Pass{"unsigned_activations",
         "kernels know u8 alone; behind the matches, which leave few kinds of nodes to follow",
         unsigned_activations},
    Pass{"spell_quantized",
         "concatenations of bytes are written in place, and products have one operator; behind "
         "unsigned_activations, which leaves one type",
         spell_quantized},
    Pass{"fuse_quantized_sum",
         "adds in the registers of the convolution; behind unsigned_activations and the matches",
         fuse_quantized_sum},
    Pass{"fuse_prologue",
         "saves a pass over memory where normalisation and ReLU stand in front of a 1x1 "
         "convolution; behind fuse_activation, which brings both into one node",
         fuse_prologue},
    Pass{"fuse_gate",
         "multiplies by a squeeze-and-excite gate while the 1x1 convolution behind reads; behind "
         "the folds, which leave no other Mul in between",
         fuse_gate},
    Pass{"narrow_weights",
         "rounds weights to half where that is asked for; behind the folds, since a weight that is "
         "multiplied after it was rounded is rounded twice",
         narrow_weights, "fp16"},
    Pass{"half_weights",
         "half the memory traffic of weights that are stored in half; behind narrow_weights, which "
         "makes such weights",
         half_weights},
    Pass{"dead_code",
         "frees what the others left over; last, since each of them leaves constants behind",
         dead_code},
};

const Pass* find_pass(std::string_view name) {
  const auto found = std::find_if(kPasses.begin(), kPasses.end(),
                                  [name](const Pass& pass) { return pass.name == name; });
  return found == kPasses.end() ? nullptr : &*found;
}

Error no_such_pass(std::string_view name) {
  std::string names;
  for (const Pass& pass : kPasses) {
    if (!names.empty()) names += ", ";
    names += pass.name;
  }
  for (const MachinePassDef& pass : all_machine_passes()) names += fmt::format(", {}", pass.name);
  return usage_error("there is no pass {}, the passes are {}", quote(name), names);
}

Status check_disabled(std::string_view name) {
  MachinePasses machine_passes;
  if (find_pass(name) != nullptr || machine_passes.disable(name)) return {};
  return no_such_pass(name);
}

Status check_last(std::string_view name) {
  if (name.empty() || find_pass(name) != nullptr) return {};
  MachinePasses machine_passes;
  if (!machine_passes.disable(name)) return no_such_pass(name);
  return usage_error("pass {} rewrites no graph and cannot be the one to stop after", quote(name));
}

bool is_disabled(const PassOptions& options, std::string_view name) {
  return std::find(options.disabled.begin(), options.disabled.end(), name) !=
         options.disabled.end();
}

Result<PassReport> run_pass(const Pass& pass, Graph& graph) {
  const RealClock clock;
  PassReport report;
  report.name = pass.name;
  const std::int64_t start_ns = clock.now_ns();
  try {
    LODE_CHECK_OK(pass.run(graph, report));
  } catch (const std::bad_alloc&) {
    return runtime_error("not enough memory for pass '{}'", pass.name);
  }
  report.duration_ns = clock.now_ns() - start_ns;
  if (report.changes == 0) return report;
  const Status verified = verify(graph);
  if (!verified.ok()) {
    return verified.error().within(fmt::format("the graph is broken by pass '{}'", pass.name));
  }
  return report;
}

}  // namespace

std::span<const Pass> all_passes() {
  return kPasses;
}

Result<std::vector<PassReport>> optimise(Graph& graph, const PassOptions& options) {
  for (const std::string& name : options.disabled) LODE_CHECK_OK(check_disabled(name));
  LODE_CHECK_OK(check_last(options.stop_after));
  if (is_disabled(options, options.stop_after)) {
    return usage_error("pass {} is disabled and cannot be the one to stop after: drop one of both",
                       quote(options.stop_after));
  }
  std::vector<PassReport> reports;
  for (const Pass& pass : kPasses) {
    const bool is_wanted = pass.precision.empty() || pass.precision == options.precision;
    if (is_wanted && !is_disabled(options, pass.name)) {
      LODE_TRY(PassReport report, run_pass(pass, graph));
      reports.push_back(std::move(report));
    }
    if (pass.name == options.stop_after) break;
  }
  return reports;
}

}  // namespace lode::engine
