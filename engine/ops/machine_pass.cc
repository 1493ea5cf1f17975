#include "engine/ops/machine_pass.h"

#include <algorithm>
#include <array>

namespace lode::engine {

namespace {

constexpr std::array kMachinePasses = {
    MachinePassDef{MachinePass::kSplitBatch, "split_batch",
                   "parts of a batch go through the whole network on one worker each, where that "
                   "keeps activations in its caches; asks for samples that are kept apart"},
    MachinePassDef{MachinePass::kPlainFirstLayer, "plain_first_layer",
                   "a convolution reads the graph's input as it is, NCHW, where a kernel can"},
    MachinePassDef{MachinePass::kConcatInPlace, "concat_in_place",
                   "convolutions write their channels where a Concat wants them; asks for kernels "
                   "that step over other channels"},
    MachinePassDef{MachinePass::kWinograd, "winograd",
                   "fewer multiplications for 3x3 kernels of stride 1, at a larger error"},
    MachinePassDef{MachinePass::kBf16x3, "bf16x3",
                   "floats are multiplied as pairs of bfloat16, three products for one, where the "
                   "processor has tiles for those, at a larger error"},
    MachinePassDef{MachinePass::kFuseRanges, "fuse_ranges",
                   "convolutions leave the range of what they write to the dynamic quantisation "
                   "behind them, which need not read it once more; asks for a kernel that does"},
    MachinePassDef{MachinePass::kFuseBands, "fuse_bands",
                   "convolutions that follow each other go through the image together, a band of "
                   "rows at a time, where what is between them would leave the caches; asks for "
                   "kernels that give a row the same bits in every band"},
    MachinePassDef{MachinePass::kReuseInputs, "reuse_inputs",
                   "elementwise operators write over an input that nobody reads afterwards"},
};

}  // namespace

std::span<const MachinePassDef> all_machine_passes() {
  return kMachinePasses;
}

bool MachinePasses::disable(std::string_view name) {
  const auto found =
      std::find_if(kMachinePasses.begin(), kMachinePasses.end(),
                   [name](const MachinePassDef& definition) { return definition.name == name; });
  if (found == kMachinePasses.end()) return false;
  disable(found->id);
  return true;
}

}  // namespace lode::engine
