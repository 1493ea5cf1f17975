// JPEG and PNG files to pixels.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "datasets/image.h"

namespace lode::datasets {

/// Decodes a JPEG or PNG, told apart by its first bytes, to RGB; with `grey` to one channel of
/// ITU-R 601 luma, round((19595 R + 38470 G + 7471 B) / 65536), Pillow's convert("L").
///
/// JPEG: grey, YCbCr, RGB, and CMYK or YCCK in Adobe's inverted form (R = K*C/255 of the stored
/// values). The EXIF orientation is not applied, as Pillow and torchvision leave it alone too.
/// PNG: every type and depth; 16 bits are scaled to 8, alpha and gamma are ignored.
///
/// Anything that damages the picture is an error, also where a viewer would show the rest: a
/// premature end, a bad code, a bad checksum. Also an error: more than kImagePixelsMax pixels.
[[nodiscard]] Result<Image> decode_image(std::string_view bytes, bool grey);

/// The libraries and their versions: "libjpeg-turbo 2.1.5, libpng 1.6.39".
[[nodiscard]] std::string decoder_name();

}  // namespace lode::datasets
