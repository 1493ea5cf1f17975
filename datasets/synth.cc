// Everything is drawn from signed distance functions. Only + - * /, sqrt and floor are used: IEEE
// 754 rounds them exactly, while sin, exp and log differ between C libraries. For the same reason
// no two draws from the RNG stand in one expression: their order would be the compiler's.
#include "datasets/synth.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "base/rng.h"

namespace lode::datasets {
namespace {

struct Point {
  float x = 0;
  float y = 0;
};
using Rgb = std::array<float, kSynthChannels>;
using Image = std::array<Rgb, std::size_t{kSynthSize} * kSynthSize>;

std::size_t pixel_at(int x, int y) {
  return static_cast<std::size_t>(y) * kSynthSize + static_cast<std::size_t>(x);
}

/// What varies within a class, each uniform in [0, 1): proportions, stripe count, phase.
struct Traits {
  float a = 0;
  float b = 0;
  float c = 0;
};

// The difficulty of the task. Distances and radii in pixels, colours in [0, 1].
constexpr float kRadiusMin = 6.5F;
constexpr float kRadiusMax = 13.0F;
constexpr float kAspectMin = 0.78F;
constexpr float kContrastMin = 0.2F;
constexpr float kContrastMax = 0.75F;
constexpr float kGradientMax = 0.22F;
constexpr std::uint32_t kClutterBehindMax = 6;
constexpr std::uint32_t kClutterFrontMax = 2;
constexpr float kClutterRadiusMin = 1.2F;
constexpr float kClutterRadiusMax = 3.4F;
constexpr float kOccluderChance = 0.3F;
constexpr std::uint32_t kBlurMax = 2;
constexpr float kNoiseMin = 0.01F;
constexpr float kNoiseMax = 0.08F;

float lerp(float low, float high, float t) {
  return low + (high - low) * t;
}
float length(Point p) {
  return std::sqrt(p.x * p.x + p.y * p.y);
}
float fract(float value) {
  return value - std::floor(value);
}

// Signed distances, negative inside, of shapes that fill about the unit circle. Outside of corners
// they are lower bounds, which is all that anti-aliasing needs.

float disc(Point p, const Traits& t) {
  return length(p) - lerp(0.8F, 0.95F, t.a);
}

float ring(Point p, const Traits& t) {
  const float width = lerp(0.13F, 0.24F, t.a);
  return std::abs(length(p) - (0.95F - width)) - width;
}

float triangle(Point p, const Traits&) {
  const float sides = std::abs(p.x) * 0.8660254F + p.y * 0.5F;
  return std::max(sides, -p.y) - 0.5F;
}

float box(Point p, float half_width, float half_height) {
  return std::max(std::abs(p.x) - half_width, std::abs(p.y) - half_height);
}

float square(Point p, const Traits&) {
  return box(p, 0.75F, 0.75F);
}

float cross(Point p, const Traits& t) {
  const float width = lerp(0.2F, 0.32F, t.a);
  return std::min(box(p, 0.95F, width), box(p, width, 0.95F));
}

/// A pentagram is where at least four of its five half planes overlap: the second largest distance.
float star(Point p, const Traits& t) {
  constexpr std::array<Point, 5> kNormals = {{{0.0F, -1.0F},
                                              {0.9510565F, -0.3090170F},
                                              {0.5877853F, 0.8090170F},
                                              {-0.5877853F, 0.8090170F},
                                              {-0.9510565F, -0.3090170F}}};
  float largest = -10.0F;
  float second = -10.0F;
  for (const Point& normal : kNormals) {
    const float distance = p.x * normal.x + p.y * normal.y;
    second = std::max(second, std::min(largest, distance));
    largest = std::max(largest, distance);
  }
  return second - lerp(0.32F, 0.38F, t.a);
}

float crescent(Point p, const Traits& t) {
  const Point bite = {p.x - lerp(0.38F, 0.55F, t.a), p.y};
  return std::max(length(p) - 0.95F, 0.78F - length(bite));
}

float arrow(Point p, const Traits& t) {
  const float neck = lerp(-0.05F, 0.2F, t.a);
  const float shaft = box({p.x + 0.4F, p.y}, 0.4F + neck, lerp(0.14F, 0.22F, t.b));
  const float sides = (p.x - 0.95F) * 0.6F + std::abs(p.y) * 0.8F;
  return std::min(shaft, std::max(sides, neck - p.x));
}

/// The outline that carries a texture: a disc or a square, so that the outline tells nothing.
float patch(Point p, const Traits& t) {
  return t.c < 0.5F ? length(p) - 0.95F : box(p, 0.8F, 0.8F);
}

float stripes(Point p, const Traits& t) {
  const float period = lerp(0.48F, 0.7F, t.a);
  const float bar = std::abs(fract(p.x / period + t.b) - 0.5F) - 0.25F;
  return std::max(patch(p, t), bar * period);
}

float checker(Point p, const Traits& t) {
  const float period = lerp(0.9F, 1.2F, t.a);
  const float u = std::abs(fract(p.x / period + t.b) - 0.5F) - 0.25F;
  const float v = std::abs(fract(p.y / period + t.b) - 0.5F) - 0.25F;
  // Inside where exactly one of the two stripe patterns is.
  const float field = std::max(std::min(u, v), -std::max(u, v));
  return std::max(patch(p, t), field * period);
}

using Distance = float (*)(Point, const Traits&);
struct SynthClass {
  std::string_view name;
  Distance distance;
};
constexpr std::array<SynthClass, kSynthClasses> kClasses = {{
    {"disc", disc},
    {"ring", ring},
    {"triangle", triangle},
    {"square", square},
    {"cross", cross},
    {"star", star},
    {"crescent", crescent},
    {"arrow", arrow},
    {"stripes", stripes},
    {"checker", checker},
}};

template <std::size_t... kIndex>
constexpr auto names_of(std::index_sequence<kIndex...>) {
  return std::array<std::string_view, sizeof...(kIndex)>{kClasses[kIndex].name...};
}
constexpr auto kNames = names_of(std::make_index_sequence<kSynthClasses>{});

/// A shape put into the image: x and y radii and centre in pixels, rotation as a unit vector.
struct Placement {
  Point centre;
  Point radius;
  Point axis;
};

/// A uniform direction, by rejection: no sine, no cosine.
Point draw_direction(Rng& rng) {
  for (;;) {
    Point p;
    p.x = uniform_between(rng, -1.0F, 1.0F);
    p.y = uniform_between(rng, -1.0F, 1.0F);
    const float norm = length(p);
    if (norm > 0.1F && norm <= 1.0F) return {p.x / norm, p.y / norm};
  }
}

Traits draw_traits(Rng& rng) {
  Traits traits;
  traits.a = uniform_unit(rng);
  traits.b = uniform_unit(rng);
  traits.c = uniform_unit(rng);
  return traits;
}

Rgb draw_colour(Rng& rng) {
  Rgb colour;
  for (float& channel : colour) channel = uniform_between(rng, 0.05F, 0.95F);
  return colour;
}

/// A colour at a Euclidean distance in [low, high) from `from`, but for clamping at black or white.
Rgb draw_contrast(Rng& rng, const Rgb& from, float low, float high) {
  Rgb step;
  float norm = 0;
  do {
    norm = 0;
    for (float& channel : step) {
      channel = uniform_between(rng, -1.0F, 1.0F);
      norm += channel * channel;
    }
  } while (norm < 0.05F || norm > 1.0F);
  const float scale = uniform_between(rng, low, high) / std::sqrt(norm);
  Rgb colour;
  for (std::size_t i = 0; i < colour.size(); ++i) {
    const float up = from[i] + step[i] * scale;
    // Away from the border that would clamp it, so that the contrast stays.
    const float channel = up < 0.0F || up > 1.0F ? from[i] - step[i] * scale : up;
    colour[i] = std::clamp(channel, 0.0F, 1.0F);
  }
  return colour;
}

/// Blends `colour` over the pixels that the shape covers.
void draw_shape(Image& image, Distance distance, const Traits& traits, const Placement& place,
                const Rgb& colour) {
  const float reach = std::max(place.radius.x, place.radius.y) * 1.3F + 1.0F;
  const float pixels_per_unit = std::min(place.radius.x, place.radius.y);
  const auto first = [&](float centre) { return std::max(0, static_cast<int>(centre - reach)); };
  const auto last = [&](float centre) {
    return std::min(kSynthSize - 1, static_cast<int>(centre + reach));
  };
  for (int y = first(place.centre.y); y <= last(place.centre.y); ++y) {
    for (int x = first(place.centre.x); x <= last(place.centre.x); ++x) {
      const Point d = {static_cast<float>(x) + 0.5F - place.centre.x,
                       static_cast<float>(y) + 0.5F - place.centre.y};
      const Point p = {(d.x * place.axis.x + d.y * place.axis.y) / place.radius.x,
                       (d.y * place.axis.x - d.x * place.axis.y) / place.radius.y};
      const float coverage = 0.5F - distance(p, traits) * pixels_per_unit;
      if (coverage <= 0.0F) continue;
      Rgb& pixel = image[pixel_at(x, y)];
      for (std::size_t i = 0; i < colour.size(); ++i) {
        pixel[i] = lerp(pixel[i], colour[i], std::min(coverage, 1.0F));
      }
    }
  }
}

/// A base colour with a linear gradient across the image. Returns the base colour.
Rgb draw_background(Rng& rng, Image& image) {
  const Rgb base = draw_colour(rng);
  const Point axis = draw_direction(rng);
  Rgb slope;
  for (float& channel : slope) channel = uniform_between(rng, -kGradientMax, kGradientMax);
  for (int y = 0; y < kSynthSize; ++y) {
    for (int x = 0; x < kSynthSize; ++x) {
      const float u = (static_cast<float>(x) + 0.5F) / kSynthSize - 0.5F;
      const float v = (static_cast<float>(y) + 0.5F) / kSynthSize - 0.5F;
      const float along = u * axis.x + v * axis.y;
      Rgb& pixel = image[pixel_at(x, y)];
      for (std::size_t i = 0; i < base.size(); ++i) pixel[i] = base[i] + slope[i] * along;
    }
  }
  return base;
}

/// Up to `most` small shapes or strokes anywhere, too small to be taken for the object.
void draw_clutter(Rng& rng, Image& image, std::uint32_t most) {
  static constexpr std::array<Distance, 3> kKinds = {disc, triangle, square};
  const std::uint32_t count = uniform_below(rng, most + 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Distance kind = kKinds[uniform_below(rng, kKinds.size())];
    const bool stroke = uniform_unit(rng) < 0.5F;
    Placement place;
    place.centre.x = uniform_between(rng, 0.0F, kSynthSize);
    place.centre.y = uniform_between(rng, 0.0F, kSynthSize);
    place.radius.x = uniform_between(rng, kClutterRadiusMin, kClutterRadiusMax);
    place.radius.y = stroke ? 0.9F : place.radius.x;
    place.radius.x *= stroke ? 2.0F : 1.0F;
    place.axis = draw_direction(rng);
    const Traits traits = draw_traits(rng);
    draw_shape(image, kind, traits, place, draw_colour(rng));
  }
}

/// A bar that hides a part of the object, towards its rim.
void draw_occluder(Rng& rng, Image& image, const Placement& object) {
  const float size = std::min(object.radius.x, object.radius.y);
  Placement place;
  place.axis = draw_direction(rng);
  const float offset = uniform_between(rng, 0.3F, 0.9F) * size;
  place.centre = {object.centre.x - place.axis.y * offset, object.centre.y + place.axis.x * offset};
  place.radius.x = uniform_between(rng, 0.5F, 1.6F) * size;
  place.radius.y = uniform_between(rng, 0.12F, 0.3F) * size;
  draw_shape(image, square, {}, place, draw_colour(rng));
}

Placement draw_placement(Rng& rng) {
  Placement place;
  const float radius = uniform_between(rng, kRadiusMin, kRadiusMax);
  const float aspect = uniform_between(rng, kAspectMin, 1.0F);
  const bool upright = uniform_unit(rng) < 0.5F;
  place.radius = upright ? Point{radius * aspect, radius} : Point{radius, radius * aspect};
  place.axis = draw_direction(rng);
  // The centre keeps most of the object inside.
  const float slack = std::max(1.5F, kSynthSize * 0.5F - radius);
  place.centre.x = kSynthSize * 0.5F + uniform_between(rng, -slack, slack);
  place.centre.y = kSynthSize * 0.5F + uniform_between(rng, -slack, slack);
  return place;
}

/// Filters `from` with [1 2 1]/4 into `to`, along rows or along columns; the border repeats.
void blur_lines(const Image& from, Image& to, bool along_rows) {
  const auto pixel = [along_rows](int at, int line) {
    const int inside = std::clamp(at, 0, kSynthSize - 1);
    return along_rows ? pixel_at(inside, line) : pixel_at(line, inside);
  };
  for (int line = 0; line < kSynthSize; ++line) {
    for (int at = 0; at < kSynthSize; ++at) {
      const Rgb& before = from[pixel(at - 1, line)];
      const Rgb& here = from[pixel(at, line)];
      const Rgb& after = from[pixel(at + 1, line)];
      Rgb& out = to[pixel(at, line)];
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = (before[i] + after[i]) * 0.25F + here[i] * 0.5F;
      }
    }
  }
}

void blur(Image& image) {
  Image rows;
  blur_lines(image, rows, true);
  blur_lines(rows, image, false);
}

/// Adds noise of deviation `sigma` and rounds to bytes. The noise is the sum of the four bytes of
/// one draw: close to normal (cut at 3.45 deviations), exact on every machine, and cheap.
void quantise_with_noise(Rng& rng, const Image& image, float sigma,
                         std::span<std::uint8_t> pixels) {
  constexpr float kMean = 510.0F;
  constexpr float kDeviation = 147.8017F;  // sqrt(4 * (256^2 - 1) / 12)
  const float scale = sigma / kDeviation;
  std::size_t at = 0;
  for (const Rgb& pixel : image) {
    for (const float channel : pixel) {
      const auto bits = static_cast<std::uint32_t>(rng());
      const std::uint32_t pairs = (bits & 0x00FF00FFU) + ((bits >> 8) & 0x00FF00FFU);
      const auto sum = static_cast<float>((pairs & 0xFFFFU) + (pairs >> 16));
      const float value = channel + (sum - kMean) * scale;
      const float byte = std::clamp(value * 255.0F + 0.5F, 0.0F, 255.0F);
      pixels[at++] = static_cast<std::uint8_t>(byte);
    }
  }
}

/// The stream of one sample.
Rng sample_rng(std::uint64_t seed, std::uint64_t index) {
  std::array<char, 32> name = {'s', 'y', 'n', 't', 'h', '/'};
  const auto end = std::to_chars(name.data() + 6, name.data() + name.size(), index).ptr;
  return make_rng(seed, {name.data(), static_cast<std::size_t>(end - name.data())});
}

}  // namespace

std::span<const std::string_view> synth_class_names() {
  return kNames;
}

int synth_image(std::uint64_t seed, std::uint64_t index, std::span<std::uint8_t> pixels) {
  LODE_ASSERT(pixels.size() == std::size_t{kSynthSize} * kSynthSize * kSynthChannels);
  Rng rng = sample_rng(seed, index);
  const std::uint32_t label = uniform_below(rng, kSynthClasses);
  Image image;
  const Rgb background = draw_background(rng, image);
  draw_clutter(rng, image, kClutterBehindMax);
  const Placement object = draw_placement(rng);
  const Traits traits = draw_traits(rng);
  const Rgb colour = draw_contrast(rng, background, kContrastMin, kContrastMax);
  draw_shape(image, kClasses[label].distance, traits, object, colour);
  if (uniform_unit(rng) < kOccluderChance) draw_occluder(rng, image, object);
  draw_clutter(rng, image, kClutterFrontMax);
  const std::uint32_t blurs = uniform_below(rng, kBlurMax + 1);
  for (std::uint32_t i = 0; i < blurs; ++i) blur(image);
  const float sigma = uniform_between(rng, kNoiseMin, kNoiseMax);
  quantise_with_noise(rng, image, sigma, pixels);
  return static_cast<int>(label);
}

}  // namespace lode::datasets
