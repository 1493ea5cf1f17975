// The two codecs behind decode_image(). Both make RGB.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "datasets/image.h"

namespace lode::datasets {

[[nodiscard]] Result<Image> decode_jpeg(std::string_view bytes);
[[nodiscard]] Result<Image> decode_png(std::string_view bytes);

[[nodiscard]] std::string jpeg_library();
[[nodiscard]] std::string png_library();

/// "WxH is empty or larger than ..." or success.
[[nodiscard]] Status check_image_size(std::int64_t width, std::int64_t height);

}  // namespace lode::datasets
