#include "quant/feedback_rounding.h"

#include <algorithm>
#include <cmath>

namespace lode::quant {

namespace {

using engine::Tensor;

constexpr std::size_t kLargestMoment = 2048;
/// Positions of an image that are looked at: more say little new.
constexpr std::int64_t kPositions = 64;
/// What is added to the diagonal, over its mean: directions that the samples do not show must not
/// be free.
constexpr double kDamping = 0.01;

/// Where a layer's weights read. A matrix product is a convolution over one pixel.
struct Window {
  std::int64_t groups = 1;
  std::int64_t channels = 1;  ///< of the input, in one group
  std::int64_t kernel[2] = {1, 1};
  std::int64_t strides[2] = {1, 1};
  std::int64_t pads[4] = {0, 0, 0, 0};
  std::int64_t dilations[2] = {1, 1};

  [[nodiscard]] std::size_t taps() const {
    return static_cast<std::size_t>(channels * kernel[0] * kernel[1]);
  }
  [[nodiscard]] std::int64_t outputs(std::size_t axis, std::int64_t extent) const {
    return (extent + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1) - 1) /
               strides[axis] +
           1;
  }
};

Result<bool> read_window(const engine::Graph& graph, const Layer& layer, Window& window) {
  const Shape& shape = layer.weights.shape();
  window.groups = layer.groups;
  if (!layer.is_convolution()) {
    window.channels = shape[layer.channel_axis == 0 ? 1 : 0];
    return true;
  }
  if (shape.rank() != 4) return false;
  const engine::Node& node = graph.node(layer.node);
  LODE_TRY(const std::string automatic, engine::attribute_string(node, "auto_pad", "NOTSET"));
  if (automatic != "NOTSET") return false;
  LODE_TRY(const auto strides, engine::attribute_ints(node, "strides", {1, 1}));
  LODE_TRY(const auto pads, engine::attribute_ints(node, "pads", {0, 0, 0, 0}));
  LODE_TRY(const auto dilations, engine::attribute_ints(node, "dilations", {1, 1}));
  if (strides.size() != 2 || pads.size() != 4 || dilations.size() != 2) return false;
  window.channels = shape[1];
  window.kernel[0] = shape[2];
  window.kernel[1] = shape[3];
  std::copy(strides.begin(), strides.end(), window.strides);
  std::copy(pads.begin(), pads.end(), window.pads);
  std::copy(dilations.begin(), dilations.end(), window.dilations);
  return true;
}

/// What the weights of one group read at one position, in their own order.
void read_taps(const Window& window, std::span<const float> image, std::int64_t height,
               std::int64_t width, std::int64_t group, std::int64_t y, std::int64_t x,
               std::span<float> taps) {
  std::size_t at = 0;
  for (std::int64_t c = group * window.channels; c < (group + 1) * window.channels; ++c) {
    for (std::int64_t ky = 0; ky < window.kernel[0]; ++ky) {
      const std::int64_t row = y * window.strides[0] - window.pads[0] + ky * window.dilations[0];
      for (std::int64_t kx = 0; kx < window.kernel[1]; ++kx) {
        const std::int64_t column =
            x * window.strides[1] - window.pads[1] + kx * window.dilations[1];
        const bool is_inside = row >= 0 && row < height && column >= 0 && column < width;
        taps[at++] =
            is_inside ? image[static_cast<std::size_t>((c * height + row) * width + column)] : 0.0F;
      }
    }
  }
}

/// Second moments of the taps, one matrix a group; the upper triangles alone.
class Moments {
 public:
  explicit Moments(const Window& window)
      : window_(window),
        size_(window.taps()),
        sums_(static_cast<std::size_t>(window.groups) * size_ * size_, 0.0F),
        taps_(size_) {}

  void add(const Tensor& input, std::size_t sample) {
    const Shape& shape = input.shape();
    const bool is_image = shape.rank() == 4;
    const std::int64_t height = is_image ? shape[2] : 1;
    const std::int64_t width = is_image ? shape[3] : 1;
    const std::int64_t columns = window_.outputs(1, width);
    const std::int64_t positions = window_.outputs(0, height) * columns;
    const std::int64_t looked_at = std::min(positions, kPositions);
    for (std::int64_t i = 0; i < looked_at; ++i) {
      // Another offset for each sample, so that all positions have their turn.
      const std::int64_t step = positions / looked_at;
      const std::int64_t at =
          (i * positions / looked_at + static_cast<std::int64_t>(sample) % step) % positions;
      for (std::int64_t group = 0; group < window_.groups; ++group) {
        read_taps(window_, input.as<float>(), height, width, group, at / columns, at % columns,
                  taps_);
        add_product(group);
      }
    }
  }

  /// The Cholesky factor R of a group's moment, damped: H = R' R, R upper triangular.
  [[nodiscard]] std::vector<double> factor(std::int64_t group) const {
    const std::size_t n = size_;
    const float* sums = sums_.data() + static_cast<std::size_t>(group) * n * n;
    double mean = 0.0;
    for (std::size_t i = 0; i < n; ++i) mean += sums[i * n + i] / static_cast<double>(n);
    if (mean <= 0.0) return {};
    std::vector<double> r(sums, sums + n * n);
    for (std::size_t i = 0; i < n; ++i) r[i * n + i] += kDamping * mean;
    for (std::size_t k = 0; k < n; ++k) {
      double* row = r.data() + k * n;
      const double pivot = std::sqrt(std::max(row[k], 1e-12 * mean));
      for (std::size_t j = k; j < n; ++j) row[j] /= pivot;
      row[k] = pivot;
      for (std::size_t i = k + 1; i < n; ++i) {
        const double factor = row[i];
        double* below = r.data() + i * n;
        for (std::size_t j = i; j < n; ++j) below[j] -= factor * row[j];
      }
    }
    return r;
  }

 private:
  void add_product(std::int64_t group) {
    float* sums = sums_.data() + static_cast<std::size_t>(group) * size_ * size_;
    for (std::size_t i = 0; i < size_; ++i) {
      const float factor = taps_[i];
      if (factor == 0.0F) continue;
      float* row = sums + i * size_;
      for (std::size_t j = i; j < size_; ++j) row[j] += factor * taps_[j];
    }
  }

  const Window& window_;
  std::size_t size_;
  std::vector<float> sums_;
  std::vector<float> taps_;
};

/// Rounds the weights of one output channel; `position(i)` is where weight i stands.
template <typename Position>
void round_channel(std::span<const double> r, std::size_t n, const QuantParams& params,
                   std::span<const float> weights, std::uint8_t* codes, const Position& position,
                   std::vector<double>& errors) {
  for (std::size_t i = n; i-- > 0;) {
    const double* row = r.data() + i * n;
    double carried = 0.0;
    for (std::size_t j = i + 1; j < n; ++j) carried += row[j] * errors[j];
    const std::size_t at = position(i);
    const double wanted = weights[at] + carried / row[i];
    const std::int32_t code = params.encode(static_cast<float>(wanted));
    codes[at] = static_cast<std::uint8_t>(code & 0xFF);
    errors[i] = double{weights[at]} - params.decode(code);
  }
}

}  // namespace

Result<bool> round_with_feedback(const engine::Graph& graph, const Layer& layer,
                                 const WeightScheme& scheme, std::size_t sample_count,
                                 const LayerInput& input, LayerEncoding& encoding) {
  Window window;
  LODE_TRY(const bool is_known, read_window(graph, layer, window));
  const std::size_t n = window.taps();
  if (!is_known || n > kLargestMoment || sample_count == 0) return false;
  Moments moments(window);
  for (std::size_t i = 0; i < sample_count; ++i) moments.add(input(i), i);
  QuantizedWeights& weights = encoding.weights;
  // A copy: the codes are shared with whoever holds the tensor.
  Tensor codes(weights.codes.dtype(), weights.codes.shape());
  auto* to = reinterpret_cast<std::uint8_t*>(codes.mutable_view().data);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(weights.codes.view().data), codes.byte_size(),
              to);
  const std::size_t per_group = layer.channels / static_cast<std::size_t>(layer.groups);
  std::vector<double> errors(n);
  for (std::int64_t group = 0; group < layer.groups; ++group) {
    const std::vector<double> r = moments.factor(group);
    if (r.empty()) continue;  // its inputs are always 0
    for (std::size_t k = 0; k < per_group; ++k) {
      const std::size_t c = static_cast<std::size_t>(group) * per_group + k;
      const QuantParams params = weights.params_of(c, scheme);
      round_channel(
          r, n, params, layer.weights.as<float>(), to,
          [&](std::size_t i) {
            return layer.channel_axis == 0 ? c * n + i : i * layer.channels + c;
          },
          errors);
    }
  }
  weights.codes = std::move(codes);
  return true;
}

}  // namespace lode::quant
