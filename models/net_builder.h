// The vocabulary in which the zoo's networks are written: layers that add ONNX nodes with seeded
// weights, and count what they cost.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/graph/editor.h"

namespace lode::models {

enum class Activation : std::uint8_t {
  kNone,
  kRelu,
  kRelu6,
  kSigmoid,
  kSilu,
  kHardSigmoid,
  kHardSwish,
};

/// A tensor of the net under construction: [N, channels, height, width], or [N, channels] behind
/// flatten(), with height and width 1.
struct Feature {
  engine::ValueId id = engine::kNoValue;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  /// Expected element and expected square of one, as far as they can be told without running the
  /// net. The next layer's weights are scaled by the square, so that activations keep their size at
  /// every depth.
  double mean = 0.0;
  double mean_square = 1.0;
};

struct ConvSpec {
  std::int64_t channels = 0;  ///< of the output
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  std::optional<std::int64_t> padding = std::nullopt;  ///< on each side; kernel / 2 if not given
  bool has_bias = false;
};

struct PoolSpec {
  std::int64_t kernel = 2;
  std::int64_t stride = 2;
  std::int64_t padding = 0;  ///< on each side
  bool ceil_mode = false;    ///< a last window that is only partly there counts
};

/// What a net costs, by the papers' conventions: parameters are what training learns (running
/// statistics of batch normalisation are not); multiply-adds are those of one image in convolutions
/// and fully connected layers.
struct Costs {
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;
  friend bool operator==(const Costs&, const Costs&) = default;
};

/// Adds a net to a graph, layer by layer. Layers are named by the caller ("block2.1/expand"); their
/// weights' values depend on seed and name alone. Without a graph it only counts.
class NetBuilder {
 public:
  /// `graph` (may be null) must outlive the builder.
  NetBuilder(engine::Graph* graph, std::uint64_t seed, std::int64_t classes);

  [[nodiscard]] std::int64_t classes() const { return classes_; }
  [[nodiscard]] const Costs& costs() const { return costs_; }
  /// Of every batch normalisation from now on; PyTorch's 1e-5 if never called.
  void set_norm_epsilon(float epsilon) { norm_epsilon_ = epsilon; }

  /// The input "image", [batch, 3, size, size]; without a batch its extent is the symbol N.
  Feature image(std::optional<std::int64_t> batch, std::int64_t size);
  /// Makes `x` the output, [batch, classes]; the layer must be called "logits".
  void logits(const Feature& x, std::optional<std::int64_t> batch);

  Feature conv(const std::string& name, const Feature& x, const ConvSpec& spec);
  /// Scale, bias, mean and variance near those of no change, times `gain`.
  Feature batch_norm(const std::string& name, const Feature& x, float gain = 1.0F);
  Feature activate(const std::string& name, const Feature& x, Activation activation);
  Feature conv_act(const std::string& name, const Feature& x, const ConvSpec& spec,
                   Activation activation);
  Feature conv_norm_act(const std::string& name, const Feature& x, const ConvSpec& spec,
                        Activation activation);
  /// Normalisation and ReLU in front of the convolution: DenseNet's order.
  Feature norm_relu_conv(const std::string& name, const Feature& x, const ConvSpec& spec);
  /// The last convolution of a residual branch: normalised, no activation, and scaled down, so that
  /// a sum of many branches stays of order 1.
  Feature branch_end(const std::string& name, const Feature& x, const ConvSpec& spec);
  Feature add(const std::string& name, const Feature& a, const Feature& b);
  Feature concat(const std::string& name, const Feature& a, const Feature& b);
  /// x times gate(up(inner(down(mean of x)))), channel by channel; `squeezed` channels in between.
  Feature squeeze_excite(const std::string& name, const Feature& x, std::int64_t squeezed,
                         Activation inner, Activation gate);
  Feature max_pool(const std::string& name, const Feature& x, const PoolSpec& spec);
  Feature average_pool(const std::string& name, const Feature& x, const PoolSpec& spec);
  Feature global_average_pool(const std::string& name, const Feature& x);
  Feature flatten(const std::string& name, const Feature& x);
  /// Fully connected, with bias. `x` is flat.
  Feature linear(const std::string& name, const Feature& x, std::int64_t channels);
  /// linear() to the classes, called "logits".
  Feature classifier(const Feature& x);

 private:
  using Attributes = std::map<std::string, engine::Attribute, std::less<>>;

  engine::ValueId node(const std::string& name, std::string_view op_type,
                       std::vector<engine::ValueId> inputs, Attributes attributes);
  /// A constant of elements uniform in [low, high).
  engine::ValueId uniform(const std::string& name, const Shape& shape, double low, double high);
  /// A bound of ReLU6, made once.
  engine::ValueId scalar(const std::string& name, float value);
  engine::ValueId pool(const std::string& name, std::string_view op_type, const Feature& x,
                       const PoolSpec& spec);

  engine::Graph* graph_;
  std::optional<engine::GraphEditor> editor_;
  std::uint64_t seed_;
  std::int64_t classes_;
  float norm_epsilon_ = 1e-5F;
  Costs costs_;
  std::map<std::string, engine::ValueId, std::less<>> scalars_;
};

/// The multiple of 8 that is nearest to `channels`, not more than 10% below it: how the MobileNet
/// and EfficientNet families round channels (their reference code's make_divisible).
[[nodiscard]] std::int64_t round_channels(double channels);

}  // namespace lode::models
