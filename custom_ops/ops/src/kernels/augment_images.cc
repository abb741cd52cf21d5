// Augmentation of images in one pass: bilinear warp by a projective transform, affine map of the colors, clipping and
// normalization.
#include <cmath>
#include <limits>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

enum FillMode { kConstant, kReflect, kNearest };

typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));

constexpr int kMaxChannels = 8;

// Bilinear interpolation between a value and its neighbors, given their distances in memory.
template <class In>
float interpolated(const In* from, int64_t right, int64_t below, float fx, float fy) {
  const float left_above = from[0], left_below = from[below], right_above = from[right], right_below = from[right + below];
  const float left = left_above + fy * (left_below - left_above);
  return left + fx * (right_above + fy * (right_below - right_above) - left);
}

// Images, and how pixels outside of them are read.
template <class In>
struct Source {
  const In* pixels;
  int64_t height, width, channels;
  int64_t rest;  // number of values from the first pixel to the end of the batch
  FillMode mode;
  float fill;

  // Maps a coordinate to [0, size - 1], or to NaN if it is outside and the fill mode is constant. The area of the pixels
  // extends by half a pixel beyond their centers.
  float inside(float at, int64_t size) const {
    const float last = static_cast<float>(size - 1), length = static_cast<float>(size);
    if (mode == kConstant && !(at >= -0.5f && at < length - 0.5f)) return std::numeric_limits<float>::quiet_NaN();
    if (mode == kReflect && !(at >= 0 && at <= last)) {
      const float shifted = at + 0.5f;
      const float period = shifted - 2 * length * std::floor(shifted / (2 * length));
      at = (period < length ? period : 2 * length - period) - 0.5f;
    }
    return at > 0 ? (at < last ? at : last) : 0;
  }

  // Interpolates in the last row or column, or fills if a coordinate is NaN.
  void border(float x, float y, float* to) const {
    const bool fills = !(x >= 0 && y >= 0);
    const int64_t column = fills ? 0 : static_cast<int64_t>(x), row = fills ? 0 : static_cast<int64_t>(y);
    const int64_t right = column + 1 < width ? channels : 0, below = row + 1 < height ? width * channels : 0;
    const float fx = x - static_cast<float>(column), fy = y - static_cast<float>(row);
    const In* from = pixels + (row * width + column) * channels;
    for (int64_t c = 0; c < channels; ++c, ++from)
      to[c] = fills ? fill : interpolated<In>(from, right, below, fx, fy);
  }
};

// Colors of one image: `matrix` has a row of channels + 1 numbers for each channel.
struct Colors {
  const float *matrix, *scale, *offset;
  float low, high;
  bool identity;
};

float clipped(float value, float low, float high) { return value < low ? low : value > high ? high : value; }

void put(float value, float* to) { *to = value; }
void put(float value, uint8_t* to) {
  const float shifted = clipped(value, 0, 255) + 0x1p23f;  // rounds to nearest even, in the last bits
  uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  *to = static_cast<uint8_t>(bits);
}

// Eight values as floats, the two more than two pixels of three channels need.
Float8 eight(const float* from) { return at<Float8>(from); }
Float8 eight(const uint8_t* from) {
#if defined(__AVX2__)
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
#else
  Float8 values;
  for (int i = 0; i < 8; ++i) values[i] = from[i];
  return values;
#endif
}

// One row of an image with three channels: a pixel is a vector of four floats, the last of which is not used.
template <class In, class Out>
void row_of_three(const Source<In>& source, const Colors& colors, const float* xs, const float* ys, int64_t count,
                  Out* to) {
  Float4 columns[4];
  for (int i = 0; i < 4; ++i)
    columns[i] = Float4{colors.matrix[i], colors.matrix[4 + i], colors.matrix[8 + i], 0};
  const Float4 scale = {colors.scale[0], colors.scale[1], colors.scale[2], 0};
  const Float4 offset = {colors.offset[0], colors.offset[1], colors.offset[2], 0};
  const Float4 low = Float4{} + colors.low, high = Float4{} + colors.high;
  // Both rows of a pixel are read as eight values, two more than needed.
  const float right = static_cast<float>(source.width - 1), bottom = static_cast<float>(source.height - 1);
  const int64_t below = 3 * source.width, last = source.rest - 8 - below;
  for (int64_t i = 0; i < count; ++i) {
    const float x = xs[i], y = ys[i];
    Float4 pixel;
    int64_t at = -1;
    if (x >= 0 && y >= 0 && x < right && y < bottom)
      at = 3 * (static_cast<int64_t>(static_cast<int32_t>(y)) * source.width + static_cast<int32_t>(x));
    if (at >= 0 && at <= last) {
      const float fx = x - static_cast<float>(static_cast<int32_t>(x));
      const float fy = y - static_cast<float>(static_cast<int32_t>(y));
      const Float8 top = eight(source.pixels + at), low_row = eight(source.pixels + at + below);
      const Float8 rows = top + fy * (low_row - top);
      const Float4 first = __builtin_shufflevector(rows, rows, 0, 1, 2, 3);
      const Float4 second = __builtin_shufflevector(rows, rows, 3, 4, 5, 6);
      pixel = first + fx * (second - first);
    } else {
      pixel = Float4{};
      float values[4] = {};
      source.border(x, y, values);
      std::memcpy(&pixel, values, sizeof(pixel));
    }
    if (!colors.identity) pixel = columns[3] + pixel[0] * columns[0] + pixel[1] * columns[1] + pixel[2] * columns[2];
    pixel = pixel < low ? low : pixel;
    pixel = pixel > high ? high : pixel;
    pixel = pixel * scale + offset;
    if constexpr (sizeof(Out) == sizeof(float)) {
      if (i + 1 < count) {
        std::memcpy(to + 3 * i, &pixel, sizeof(pixel));  // the next pixel overwrites the last value
        continue;
      }
    }
    float values[4];
    std::memcpy(values, &pixel, sizeof(pixel));
    for (int c = 0; c < 3; ++c) put(values[c], to + 3 * i + c);
  }
}

// One row of an image with any number of channels.
template <class In, class Out>
void row_of_any(const Source<In>& source, const Colors& colors, const float* xs, const float* ys, int64_t count,
                Out* to) {
  const int64_t channels = source.channels, below = channels * source.width;
  const float right = static_cast<float>(source.width - 1), bottom = static_cast<float>(source.height - 1);
  float values[kMaxChannels];
  for (int64_t i = 0; i < count; ++i) {
    const float x = xs[i], y = ys[i];
    if (x >= 0 && y >= 0 && x < right && y < bottom) {
      const int32_t column = static_cast<int32_t>(x), row = static_cast<int32_t>(y);
      const float fx = x - static_cast<float>(column), fy = y - static_cast<float>(row);
      const In* from = source.pixels + row * below + column * channels;
      for (int64_t c = 0; c < channels; ++c) values[c] = interpolated(from + c, channels, below, fx, fy);
    } else {
      source.border(x, y, values);
    }
    for (int64_t c = 0; c < channels; ++c) {
      float value = values[c];
      if (!colors.identity) {
        const float* row = colors.matrix + c * (channels + 1);
        value = row[channels];
        for (int64_t k = 0; k < channels; ++k) value += row[k] * values[k];
      }
      put(clipped(value, colors.low, colors.high) * colors.scale[c] + colors.offset[c], to + i * channels + c);
    }
  }
}

bool is_identity(const float* matrix, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t k = 0; k <= channels; ++k)
      if (matrix[c * (channels + 1) + k] != (c == k ? 1.0f : 0.0f)) return false;
  return true;
}

template <class In, class Out>
void augment(Context& context, const Tensor& images, const Tensor& augmented) {
  const float *transforms = context.input(1).as<float>(), *matrices = context.input(2).as<float>();
  const float *scale = context.input(3).as<float>(), *offset = context.input(4).as<float>();
  const In* from = images.as<In>();
  Out* to = augmented.as<Out>();
  const int64_t in_height = images.dim(1), in_width = images.dim(2), channels = images.dim(3);
  const int64_t height = augmented.dim(1), width = augmented.dim(2), of_image = in_height * in_width * channels;
  const int64_t of_matrix = channels * (channels + 1);
  const int64_t mode = context.integer("fill_mode");
  require(mode >= kConstant && mode <= kNearest, "fill_mode: got %lld, expected 0 to 2", static_cast<long long>(mode));
  const float fill = context.number("fill_value"), low = context.number("low"), high = context.number("high");
  // Images without pixels are filled, because all positions are outside.
  const FillMode fill_mode = of_image == 0 ? kConstant : static_cast<FillMode>(mode);
  parallel_for(images.dim(0) * height, 16, [&](int64_t begin, int64_t end) {
    Scratch<float> xs(width), ys(width);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t image = r / height;
      const float y = static_cast<float>(r % height), *t = transforms + 8 * image;
      const Source<In> source = {from + image * of_image, in_height, in_width,  channels,
                                 images.size() - image * of_image, fill_mode, fill};
      const float* matrix = matrices + of_matrix * image;
      const Colors colors = {matrix, scale, offset, low, high, is_identity(matrix, channels)};
      // Positions in the input.
      const float x_start = t[1] * y + t[2], y_start = t[4] * y + t[5], k_start = t[7] * y + 1;
      for (int64_t i = 0; i < width; ++i) {
        xs[i] = t[0] * static_cast<float>(i) + x_start;
        ys[i] = t[3] * static_cast<float>(i) + y_start;
      }
      if (t[6] != 0 || t[7] != 0) {
        for (int64_t i = 0; i < width; ++i) {
          const float k = t[6] * static_cast<float>(i) + k_start;
          xs[i] /= k;
          ys[i] /= k;
        }
      }
      for (int64_t i = 0; i < width; ++i) {
        xs[i] = source.inside(xs[i], in_width);
        ys[i] = source.inside(ys[i], in_height);
      }
      Out* row = to + r * width * channels;
      if (channels == 3)
        row_of_three(source, colors, xs, ys, width, row);
      else
        row_of_any(source, colors, xs, ys, width, row);
    }
  });
}

void kernel(Context& context) {
  const Tensor images = context.input(0), size = context.input(5);
  require_rank(images, "images", 4);
  require_shape(size, "size", Shape(2));
  const int64_t channels = images.dim(3), height = size.as<int32_t>()[0], width = size.as<int32_t>()[1];
  require(channels <= kMaxChannels, "images: got %lld channels, expected at most %d",
          static_cast<long long>(channels), kMaxChannels);
  require(height >= 0 && width >= 0, "size: got [%lld, %lld], expected no negative numbers",
          static_cast<long long>(height), static_cast<long long>(width));
  require_shape(context.input(1), "transforms", Shape(images.dim(0), 8));
  require_shape(context.input(2), "colors", Shape(images.dim(0), channels, channels + 1));
  require_shape(context.input(3), "scale", Shape(channels));
  require_shape(context.input(4), "offset", Shape(channels));
  // The positions are computed with 32-bit integers.
  constexpr int64_t kMost = int64_t{1} << 24;
  require(images.dim(1) < kMost && images.dim(2) < kMost && height < kMost && width < kMost,
          "images: got shape %s, expected sides below 2^24", text(images.shape).value);
  const Tensor augmented = context.output(0, Shape(images.dim(0), height, width, channels));
  if (augmented.size() == 0) return;
  if (images.type == TF_FLOAT)
    augment<float, float>(context, images, augmented);
  else if (augmented.type == TF_FLOAT)
    augment<uint8_t, float>(context, images, augmented);
  else
    augment<uint8_t, uint8_t>(context, images, augmented);
}

void shapes_of(Shapes& shapes) {
  const auto images = shapes.input(0, 4);
  shapes.input(1, 2), shapes.input(2, 3), shapes.input(3, 1), shapes.input(4, 1), shapes.input(5, 1);
  const auto sides = shapes.join(shapes.vector(Shapes::kUnknown), shapes.vector(Shapes::kUnknown));
  shapes.set(0, shapes.join(shapes.join(shapes.part(images, 0, 1), sides), shapes.part(images, 3)));
}

}  // namespace

TENSORSMITH_OP(augment_images, "TensorsmithAugmentImages",
               "images: T; transforms: float; colors: float; scale: float; offset: float; size: int32 -> augmented: U "
               "| T: {uint8, float}; U: {uint8, float}; fill_mode: int; fill_value: float; low: float; high: float",
               shapes_of, kernel);

TENSORSMITH_END
