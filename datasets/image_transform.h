// Resizing and cropping, with Pillow's arithmetic: the pixels are those that the usual training
// and evaluation pipelines feed to a model.
#pragma once

#include "base/result.h"
#include "datasets/image.h"

namespace lode::datasets {

/// Bilinear with antialiasing: each output pixel is a triangle filter over the input, widened by
/// the reduction factor. Columns first, then rows, each rounded to 8 bits with 22-bit fixed-point
/// weights, as Pillow's BILINEAR. Sizes are positive.
[[nodiscard]] Image resize_bilinear(const Image& image, std::int64_t width, std::int64_t height);

/// Resizes so that the shorter side is `side`; the other becomes floor(side * longer / shorter), as
/// torchvision has it. An error if that is larger than kImagePixelsMax.
[[nodiscard]] Result<Image> resize_shorter_side(Image image, std::int64_t side);

/// The `side` x `side` middle, from column floor((width - side) / 2) and row likewise. An error if
/// the image is smaller.
[[nodiscard]] Result<Image> crop_centre(const Image& image, std::int64_t side);

}  // namespace lode::datasets
