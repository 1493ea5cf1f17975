// LRN: local response normalization across channels.
#include <algorithm>
#include <cmath>

#include "engine/ops/checks.h"
#include "engine/ops/element.h"
#include "engine/ops/lowering.h"

namespace lode::engine {
namespace {

struct LrnAttributes {
  double alpha = 0.0;
  double beta = 0.0;
  double bias = 0.0;
  std::int64_t size = 1;
};

Result<LrnAttributes> read_lrn(const Node& node) {
  LrnAttributes lrn;
  LODE_TRY(lrn.alpha, attribute_float(node, "alpha", 1e-4F));
  LODE_TRY(lrn.beta, attribute_float(node, "beta", 0.75F));
  LODE_TRY(lrn.bias, attribute_float(node, "bias", 1.0F));
  // 0 stands for absent, which is as wrong.
  LODE_TRY(lrn.size, attribute_within(node, "size", 0, 1, kMaxElements));
  return lrn;
}

Status check_lrn(const Node& node) {
  return check_signature(node, {}, {{"alpha"}, {"beta"}, {"bias"}, {"size"}});
}

Status infer_lrn(InferContext& context) {
  LODE_CHECK_OK(check_type(context, 0, kFloatTypes));
  LODE_CHECK_OK(check_rank(context, 0, 2));
  LODE_CHECK_OK(read_lrn(context.node));
  return set_output(context, context.inputs[0].dtype, context.inputs[0].shape);
}

// y = x / (bias + alpha/size * sum of squares over the channels around)^beta
template <typename T>
void normalize(const ReferenceContext& context, const LrnAttributes& lrn) {
  const Shape& shape = context.inputs[0].shape;
  const std::int64_t channels = shape[1];
  const std::int64_t inner = extent_product(shape, 2, shape.rank());
  const T* source = elements<T>(context.inputs[0]);
  T* result = elements<T>(context.outputs[0]);
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const std::int64_t first = std::max<std::int64_t>(0, channel - (lrn.size - 1) / 2);
      const std::int64_t last = std::min(channels - 1, channel + lrn.size / 2);
      for (std::int64_t i = 0; i < inner; ++i) {
        double squares = 0.0;
        for (std::int64_t c = first; c <= last; ++c) {
          const double x = widen(source[c * inner + i]);
          squares += x * x;
        }
        const double scale = lrn.bias + lrn.alpha / static_cast<double>(lrn.size) * squares;
        *result++ = narrow<T>(widen(source[channel * inner + i]) / std::pow(scale, lrn.beta));
      }
    }
    source += channels * inner;
  }
}

Status run_lrn(const ReferenceContext& context) {
  LODE_TRY(const LrnAttributes lrn, read_lrn(context.node));
  visit_floating(context.inputs[0].dtype, [&]<typename T>() { normalize<T>(context, lrn); });
  return {};
}

}  // namespace

OperatorDef lrn_operator() {
  return {.op_type = "LRN",
          .opset_min = 1,
          .opset_max = kLatestOpset,
          .check = check_lrn,
          .infer = infer_lrn,
          .reference = run_lrn,
          .lower = lower_lrn,
          .layout = LayoutRule::kChannelsLast,
          .keeps_samples = each_sample};
}

}  // namespace lode::engine
