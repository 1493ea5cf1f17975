#include "engine/runtime/fuse_bands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>

#include "engine/ops/conv_fusion.h"
#include "engine/ops/lowering.h"
#include "engine/runtime/band_schedule.h"

namespace lode::engine {

namespace {

/// What a chain's rows and weights may take of a second-level cache of 2 MiB.
constexpr std::int64_t kCacheFloats = 1 << 18;
/// A worker's share of a value that stays in such a cache from the step that makes it to the next.
constexpr std::int64_t kCachedBytes = 1 << 19;
/// With several workers, of a value that is so many times as large as what the chain reads: without
/// a chain they would wait for one another around it, and read what others wrote of it.
constexpr std::int64_t kSharedBytes = 1 << 16;
constexpr std::size_t kExpansion = 3;
/// Multiplications that ranges may repeat at their borders, as a factor.
constexpr double kMostRepeated = 1.15;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

/// A chain that runs in bands: what the fused step's tasks share.
struct BandStep {
  std::vector<ConvCall> convs;
  std::vector<std::shared_ptr<const void>> weights;  ///< that the calls point into
  std::vector<std::int64_t> residual_inputs;         ///< of the step, by convolution; -1: none
  BandSchedule schedule;
  std::vector<std::size_t> buffers_at;  ///< in the scratch, behind the kernels'
  std::size_t scratch_bytes = 0;

  void run(const StepArguments& arguments, std::int64_t task) const;
};

/// Task: an image's range. The first convolution's input is input 0.
void BandStep::run(const StepArguments& arguments, std::int64_t task) const {
  const auto ranges = static_cast<std::int64_t>(schedule.ranges.size());
  const std::int64_t image = task / ranges;
  const auto buffer = [&](std::size_t stage) {
    return reinterpret_cast<float*>(arguments.scratch + buffers_at[stage]);
  };
  const ConvShape& first = convs.front().shape;
  const ConvShape& last = convs.back().shape;
  const std::int64_t x_image = first.x_is_plain ? first.in_c * first.x_plane_step()
                                                : first.in_h * first.in_w * first.x_step();
  const float* x = float_input(arguments, 0) + image * x_image;
  float* y = float_output(arguments, 0) + image * last.out_pixels() * last.y_step();
  for (const BandCall& call : schedule.ranges[static_cast<std::size_t>(task % ranges)]) {
    const ConvCall& conv = convs[call.stage];
    float* to = call.stage + 1 == convs.size() ? y : buffer(call.stage);
    if (call.kept_floats > 0 && call.kept_offset > 0) {
      std::memmove(to, to + call.kept_offset,
                   static_cast<std::size_t>(call.kept_floats) * sizeof(float));
    }
    ConvArguments own{.x = (call.stage == 0 ? x : buffer(call.stage - 1)) + call.x_offset,
                      .packed = conv.packed,
                      .y = to + call.y_offset,
                      .scratch = arguments.scratch,
                      .activation = conv.activation};
    if (call.shape.has_residual) {
      own.residual = float_input(arguments, static_cast<std::size_t>(residual_inputs[call.stage])) +
                     image * conv.shape.out_pixels() * conv.shape.residual_step() +
                     call.residual_offset;
    }
    for (std::int64_t i = 0; i < call.tasks; ++i) conv.kernel->run(call.shape, own, i);
  }
}

class Fuser {
 public:
  Fuser(PlanParts& parts, PassReport& report)
      : parts_(parts), report_(report), uses_(parts.buffers.size()) {
    for (std::size_t i = 0; i < parts.steps.size(); ++i) {
      for (const Argument& argument : parts.steps[i].inputs) note_use(argument, i, false);
      for (const Argument& argument : parts.steps[i].outputs) note_use(argument, i, true);
    }
  }

  void run();

 private:
  /// Who touches a buffer.
  struct Uses {
    std::int64_t reads = 0;
    std::int64_t writes = 0;
    std::size_t reader = 0;  ///< the last one
  };
  using Chain = std::vector<std::size_t>;  ///< steps

  void note_use(const Argument& argument, std::size_t step, bool is_write) {
    if (argument.buffer == kNoBuffer) return;
    Uses& uses = uses_[static_cast<std::size_t>(argument.buffer)];
    ++(is_write ? uses.writes : uses.reads);
    if (!is_write) uses.reader = step;
  }
  [[nodiscard]] const PlanStep& step(std::size_t index) const { return parts_.steps[index]; }
  [[nodiscard]] std::vector<const ConvCall*> calls(const Chain& chain) const;
  [[nodiscard]] std::string why_no_member(std::size_t index) const;
  [[nodiscard]] std::string why_no_link(std::size_t index) const;
  [[nodiscard]] std::string why_too_long(const Chain& chain) const;
  [[nodiscard]] std::int64_t ranges_of(const ConvShape& last) const;
  [[nodiscard]] bool is_worth_it(const Argument& value, const Argument& input) const;
  [[nodiscard]] Chain chain_from(std::size_t index);
  [[nodiscard]] PlanStep fused(const Chain& chain) const;

  PlanParts& parts_;
  PassReport& report_;
  std::vector<Uses> uses_;  ///< by buffer
};

std::vector<const ConvCall*> Fuser::calls(const Chain& chain) const {
  std::vector<const ConvCall*> result;
  for (const std::size_t index : chain) result.push_back(step(index).step.conv.get());
  return result;
}

/// Why the step cannot be part of any chain; "" if it can.
std::string Fuser::why_no_member(std::size_t index) const {
  const ConvCall* conv = step(index).step.conv.get();
  if (conv == nullptr) return fmt::format("'{}' is no convolution", step(index).name);
  if (!conv->kernel->takes_bands) {
    return fmt::format("{} does not compute bands of rows", conv->kernel->name);
  }
  return conv->shape.prologue == ConvPrologue::kNone ? "" : "a prologue is in front";
}

/// Why what the step makes is not the input of the next of a chain alone; "" if it is.
std::string Fuser::why_no_link(std::size_t index) const {
  const Argument& output = step(index).outputs[0];
  const Buffer& buffer = parts_.buffers[static_cast<std::size_t>(output.buffer)];
  const Uses& uses = uses_[static_cast<std::size_t>(output.buffer)];
  if (buffer.home != Buffer::Home::kArena) return "it is an output of the graph";
  if (output.bytes != buffer.bytes || uses.writes != 1) return "it is written in parts";
  if (uses.reads != 1) return "others read it as well";
  std::string why_not = why_no_member(uses.reader);
  if (!why_not.empty()) return why_not;
  const PlanStep& next = step(uses.reader);
  if (next.inputs[0].buffer != output.buffer) return "the next one adds it";
  if (next.step.conv->shape.x_is_plain) return "the next one reads NCHW";
  return "";
}

/// Ranges of an image's rows, so that every worker has as many.
std::int64_t Fuser::ranges_of(const ConvShape& last) const {
  if (last.batch >= kTasksPerWorker * parts_.workers) return 1;
  return std::min(last.out_h, parts_.workers / std::gcd(last.batch, parts_.workers));
}

std::string Fuser::why_too_long(const Chain& chain) const {
  const std::vector<const ConvCall*> convs = calls(chain);
  const std::int64_t least = band_floats(convs, 2);
  if (least > kCacheFloats) {
    return fmt::format("weights and two rows of all {} convolutions take {} KiB", chain.size(),
                       least * static_cast<std::int64_t>(sizeof(float)) / 1024);
  }
  const ConvShape& last = convs.back()->shape;
  const double repeated = schedule_bands(convs, ranges_of(last), kCacheFloats).repeated;
  if (repeated <= kMostRepeated) return "";
  return fmt::format("workers would compute {:.0f}% more, at their borders",
                     (repeated - 1.0) * 100.0);
}

/// Whether a value should not lie between two steps, in a chain that reads `input`.
bool Fuser::is_worth_it(const Argument& value, const Argument& input) const {
  const std::int64_t share = static_cast<std::int64_t>(value.bytes) / parts_.workers;
  if (share > kCachedBytes) return true;
  return parts_.workers > 1 && share > kSharedBytes && value.bytes >= kExpansion * input.bytes;
}

/// The chain that begins with the step, of at least one.
Fuser::Chain Fuser::chain_from(std::size_t index) {
  Chain chain = {index};
  while (why_no_member(index).empty()) {
    const Argument& output = step(index).outputs[0];
    if (!is_worth_it(output, step(chain.front()).inputs[0])) break;
    std::string why_not = why_no_link(index);
    if (why_not.empty()) {
      chain.push_back(uses_[static_cast<std::size_t>(output.buffer)].reader);
      why_not = why_too_long(chain);
      if (!why_not.empty()) chain.pop_back();
    }
    if (!why_not.empty()) {
      report_.refused.push_back({step(index).name, std::move(why_not)});
      break;
    }
    index = chain.back();
  }
  return chain;
}

PlanStep Fuser::fused(const Chain& chain) const {
  auto bands = std::make_shared<BandStep>();
  const std::vector<const ConvCall*> convs = calls(chain);
  PlanStep result;
  const PlanStep& last = step(chain.back());
  result.node = last.node;
  result.output_shape = last.output_shape;
  result.inputs = {step(chain.front()).inputs[0]};
  result.outputs = last.outputs;
  std::string kernels;
  for (const std::size_t index : chain) {
    const PlanStep& member = step(index);
    const bool has_residual = member.step.conv->shape.has_residual;
    bands->residual_inputs.push_back(has_residual ? static_cast<std::int64_t>(result.inputs.size())
                                                  : -1);
    if (has_residual) result.inputs.push_back(member.inputs[kConvResidual]);
    bands->convs.push_back(*member.step.conv);
    bands->weights.push_back(member.step.weights);
    result.step.weight_bytes += member.step.weight_bytes;
    result.step.flops += member.step.flops;
    result.step.members.push_back({member.step.kernel, member.step.flops});
    const std::string_view separator = index == chain.front() ? "" : "+";
    result.op_type += fmt::format("{}{}", separator, member.op_type);
    result.name += fmt::format("{}{}", separator, member.name);
    kernels += fmt::format("{}{}", index == chain.front() ? "" : ", ", member.step.kernel);
  }
  const ConvShape& shape = convs.back()->shape;
  bands->schedule = schedule_bands(convs, ranges_of(shape), kCacheFloats);
  bands->scratch_bytes = aligned(bands->schedule.kernel_scratch_bytes);
  for (const std::int64_t floats : bands->schedule.buffer_floats) {
    bands->buffers_at.push_back(bands->scratch_bytes);
    bands->scratch_bytes += aligned(static_cast<std::size_t>(floats) * sizeof(float));
  }
  result.step.kernel = fmt::format("bands({})", kernels);
  result.step.reason =
      fmt::format("{} rows at a time stay in the second-level cache", bands->schedule.band_rows);
  result.step.task_count = shape.batch * static_cast<std::int64_t>(bands->schedule.ranges.size());
  result.step.scratch_bytes = bands->scratch_bytes;
  result.step.run = [bands](const StepArguments& arguments, std::int64_t task) {
    bands->run(arguments, task);
  };
  result.step.weights = bands;
  return result;
}

void Fuser::run() {
  const std::size_t count = parts_.steps.size();
  std::vector<bool> is_taken(count, false);
  std::vector<std::optional<PlanStep>> fused_at(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (is_taken[i]) continue;
    const Chain chain = chain_from(i);
    if (chain.size() == 1) continue;
    for (const std::size_t index : chain) is_taken[index] = true;
    fused_at[chain.back()] = fused(chain);
    ++report_.changes;
  }
  std::vector<PlanStep> steps;
  for (std::size_t i = 0; i < count; ++i) {
    if (fused_at[i]) steps.push_back(std::move(*fused_at[i]));
    if (!is_taken[i]) steps.push_back(std::move(parts_.steps[i]));
  }
  parts_.steps = std::move(steps);
}

}  // namespace

void fuse_bands(PlanParts& parts, PassReport& report) {
  Fuser(parts, report).run();
}

}  // namespace lode::engine
