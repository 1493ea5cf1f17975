#include "datasets/image_transform.h"

#include <algorithm>
#include <cmath>

namespace lode::datasets {
namespace {

/// 32 bits less 8 of the pixel and 2 of headroom for the sum.
constexpr int kFractionBits = 22;

/// The inputs of each output along one axis: weights[i * width ...] from input first[i] on.
struct FilterBank {
  std::int64_t taps_max = 0;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> taps;
  std::vector<std::int32_t> weights;  ///< [outputs, taps_max], kFractionBits fraction bits
};

FilterBank triangle_filters(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double support = std::max(scale, 1.0);
  FilterBank bank;
  bank.taps_max = static_cast<std::int64_t>(std::ceil(support)) * 2 + 1;
  bank.weights.resize(static_cast<std::size_t>(out * bank.taps_max));
  std::vector<double> exact(static_cast<std::size_t>(bank.taps_max));
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first =
        std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - support + 0.5)));
    const auto last = std::min(in, static_cast<std::int64_t>(std::floor(centre + support + 0.5)));
    double sum = 0;
    for (std::int64_t k = first; k < last; ++k) {
      const double distance = std::abs((static_cast<double>(k) - centre + 0.5) * (1.0 / support));
      const double weight = std::max(0.0, 1.0 - distance);
      exact[static_cast<std::size_t>(k - first)] = weight;
      sum += weight;
    }
    for (std::int64_t k = 0; k < last - first; ++k) {
      const double share = exact[static_cast<std::size_t>(k)] * (1.0 / sum);
      bank.weights[static_cast<std::size_t>(i * bank.taps_max + k)] =
          static_cast<std::int32_t>(std::lround(share * (1 << kFractionBits)));
    }
    bank.first.push_back(first);
    bank.taps.push_back(last - first);
  }
  return bank;
}

/// One output value: `taps` inputs, `stride` bytes apart.
std::uint8_t filter(const std::uint8_t* from, std::int64_t stride, const std::int32_t* weights,
                    std::int64_t taps) {
  std::int32_t sum = 1 << (kFractionBits - 1);
  for (std::int64_t k = 0; k < taps; ++k) sum += from[k * stride] * weights[k];
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

Image resize_columns(const Image& image, std::int64_t width) {
  const FilterBank bank = triangle_filters(image.width, width);
  Image out{width, image.height, image.channels, {}};
  out.pixels.resize(static_cast<std::size_t>(width * image.height * image.channels));
  for (std::int64_t y = 0; y < image.height; ++y) {
    std::uint8_t* to = out.row(y);
    for (std::int64_t x = 0; x < width; ++x) {
      const auto at = static_cast<std::size_t>(x);
      const std::uint8_t* from = image.row(y) + bank.first[at] * image.channels;
      const std::int32_t* weights = bank.weights.data() + x * bank.taps_max;
      for (std::int64_t c = 0; c < image.channels; ++c) {
        *to++ = filter(from + c, image.channels, weights, bank.taps[at]);
      }
    }
  }
  return out;
}

Image resize_rows(const Image& image, std::int64_t height) {
  const FilterBank bank = triangle_filters(image.height, height);
  const std::int64_t row_bytes = image.width * image.channels;
  Image out{image.width, height, image.channels, {}};
  out.pixels.resize(static_cast<std::size_t>(row_bytes * height));
  for (std::int64_t y = 0; y < height; ++y) {
    const auto at = static_cast<std::size_t>(y);
    const std::int32_t* weights = bank.weights.data() + y * bank.taps_max;
    const std::uint8_t* from = image.row(bank.first[at]);
    std::uint8_t* to = out.row(y);
    for (std::int64_t i = 0; i < row_bytes; ++i) {
      to[i] = filter(from + i, row_bytes, weights, bank.taps[at]);
    }
  }
  return out;
}

}  // namespace

Image resize_bilinear(const Image& image, std::int64_t width, std::int64_t height) {
  LODE_ASSERT(width > 0 && height > 0);
  if (image.width == width && image.height == height) return image;
  if (image.width == width) return resize_rows(image, height);
  const Image columns = resize_columns(image, width);
  return image.height == height ? columns : resize_rows(columns, height);
}

Result<Image> resize_shorter_side(Image image, std::int64_t side) {
  LODE_ASSERT(side > 0 && image.width > 0 && image.height > 0);
  const std::int64_t shorter = std::min(image.width, image.height);
  const std::int64_t longer = std::max(image.width, image.height);
  if (shorter == side) return image;
  const std::int64_t long_side = side * longer / shorter;
  if (long_side > kImagePixelsMax / std::max(side, shorter)) {
    return runtime_error("is {}x{}, too narrow to resize its shorter side to {}", image.width,
                         image.height, side);
  }
  return image.width < image.height ? resize_bilinear(image, side, long_side)
                                    : resize_bilinear(image, long_side, side);
}

Result<Image> crop_centre(const Image& image, std::int64_t side) {
  LODE_ASSERT(side > 0);
  if (image.width < side || image.height < side) {
    return runtime_error("is {}x{}, smaller than the crop of {}; resize it first", image.width,
                         image.height, side);
  }
  const std::int64_t left = (image.width - side) / 2;
  const std::int64_t top = (image.height - side) / 2;
  Image out{side, side, image.channels, {}};
  out.pixels.reserve(static_cast<std::size_t>(side * side * image.channels));
  for (std::int64_t y = 0; y < side; ++y) {
    const std::uint8_t* from = image.row(top + y) + left * image.channels;
    out.pixels.insert(out.pixels.end(), from, from + side * image.channels);
  }
  return out;
}

}  // namespace lode::datasets
