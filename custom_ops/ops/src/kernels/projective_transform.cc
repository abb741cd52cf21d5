// Projective transform of images, with the results of TensorFlow's op ImageProjectiveTransformV3.
//
// TensorFlow is compiled without fused multiply-add. Results are equal only if this file is, too.
#pragma GCC optimize("-ffp-contract=off")

#include <cmath>
#include <limits>
#include <type_traits>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

enum FillMode { kConstant, kReflect, kWrap, kNearest, kModes };

constexpr int kChunk = 256;  // pixels of a row that are processed together

struct Sizes {
  int64_t batch, rows, columns, channels, out_rows, out_columns, transforms;

  Sizes(const Tensor& images, const Tensor& transform, const Tensor& output_shape, const Tensor& fill) {
    require_rank(images, "images", 4);
    require_rank(transform, "transforms", 2);
    require_shape(output_shape, "output_shape", Shape(2));
    require_rank(fill, "fill_value", 0);
    batch = images.dim(0), rows = images.dim(1), columns = images.dim(2), channels = images.dim(3);
    transforms = transform.dim(0);
    require((transforms == 1 || transforms == batch) && transform.dim(1) == 8,
            "transforms: got shape %s, expected [1, 8] or [%lld, 8]", text(transform.shape).value,
            static_cast<long long>(batch));
    out_rows = output_shape.as<int32_t>()[0], out_columns = output_shape.as<int32_t>()[1];
    require(out_rows > 0 && out_columns > 0, "output_shape: got [%lld, %lld], expected positive sizes",
            static_cast<long long>(out_rows), static_cast<long long>(out_columns));
    const int64_t most = int64_t{1} << 24;  // larger coordinates are not exact in float32
    require(rows < most && columns < most && out_rows < most && out_columns < most,
            "images: got a size of 2^24 pixels or more, expected smaller images");
    require(rows * columns < int64_t{1} << 31, "images: got 2^31 pixels or more, expected fewer");
  }

  Shape outputs() const { return Shape(batch, out_rows, out_columns, channels); }
};

// Maps a coordinate to the image. The products of integers are exact, and rounded as in TensorFlow.
template <FillMode kMode>
inline float mapped(float at, float size) {
  const float last = size - 1;
  if constexpr (kMode == kConstant) return at;
  if constexpr (kMode != kNearest) {
    constexpr float kMost = 0x1p62f;  // the differences of infinite coordinates would be NaN
    at = at > kMost ? kMost : at < -kMost ? -kMost : at;
  }
  float inside = at;
  if constexpr (kMode == kReflect) {
    const float period = 2 * size;
    const float low = period * std::trunc(-at / period) + at, high = at - period * std::trunc(at / period);
    const float below = low < -size ? low + period : -low - 1;
    const float above = high >= size ? period - high - 1 : high;
    inside = at < 0 ? below : at > last ? above : at;
  }
  if constexpr (kMode == kWrap) {
    const float below = at + size * (std::trunc(-at / last) + 1), above = at - size * std::trunc(at / last);
    inside = at < 0 ? below : at > last ? above : at;
  }
  if constexpr (kMode == kReflect || kMode == kWrap) inside = size <= 1 && (at < 0 || at > last) ? 0 : inside;
  inside = inside < 0 ? 0 : inside;
  return inside > last ? last : inside;
}

// Coordinates in the image for a chunk of a row of the output.
struct Chunk {
  float x[kChunk], y[kChunk];
  bool infinite[kChunk];  // the denominator is 0
  bool any_infinite;

  template <FillMode kMode>
  void locate(const Sizes& sizes, const float* t, int64_t row, int64_t first, int count) {
    const float down = static_cast<float>(row), columns = static_cast<float>(sizes.columns),
                rows = static_cast<float>(sizes.rows), begin = static_cast<float>(first);
    const float a0 = t[0], a1 = t[1] * down, a2 = t[2], b0 = t[3], b1 = t[4] * down, b2 = t[5], c0 = t[6],
                c1 = t[7] * down;
    int infinities = 0;
    for (int i = 0; i < count; ++i) {
      const float across = begin + static_cast<float>(i);
      const float k = c0 * across + c1 + 1.0f;
      x[i] = mapped<kMode>((a0 * across + a1 + a2) / k, columns);
      y[i] = mapped<kMode>((b0 * across + b1 + b2) / k, rows);
      infinite[i] = k == 0;
      infinities += k == 0;
    }
    any_infinite = infinities > 0;
  }
};

// Conversions to and from float. Numbers that do not fit into an integer become the lowest one, as on x86.
template <class T>
inline float number(T value) {
  return static_cast<float>(value);
}
inline float number(Half value) { return to_float(value); }
inline float number(BFloat16 value) { return to_float(value); }

template <class T>
inline T converted(float value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    T result;
    from_float(value, &result);
    return result;
  } else if constexpr (std::is_integral_v<T>) {
    using Wide = std::conditional_t<sizeof(T) < 4, int32_t, T>;
    constexpr float kMost = sizeof(Wide) == 4 ? 0x1p31f : 0x1p63f;
    const bool fits = value >= -kMost && value < kMost;
    return static_cast<T>(fits ? static_cast<Wide>(value) : std::numeric_limits<Wide>::min());
  } else {
    return value;
  }
}

// Rounds half away from zero.
inline float rounded(float value) {
  const float whole = std::trunc(value);
  return std::fabs(value - whole) >= 0.5f ? whole + std::copysign(1.0f, value) : whole;
}

// Four elements as floats, for the three channels of a pixel and one element after them.
typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourInts __attribute__((vector_size(16)));
inline Four four(const float* from) { return at<Four>(from); }
inline Four four(const uint8_t* from) {
  int32_t bytes;
  std::memcpy(&bytes, from, sizeof(bytes));
  constexpr FourInts kShifts = {0, 8, 16, 24};  // bytes are in the order of little-endian machines
  return __builtin_convertvector((FourInts{} + bytes) >> kShifts & 255, Four);  // GCC converts bytes one by one
}
inline void store(Four value, float* to) {
  for (int c = 0; c < 3; ++c) to[c] = value[c];
}
inline void store(Four value, uint8_t* to) {
  const FourInts numbers = __builtin_convertvector(value, FourInts);
  for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(numbers[c]);
}

// Interpolates a chunk. The number of channels is `kChannels`, or variable if that is 0.
template <class T, int kChannels>
struct Interpolation {
  const Sizes& sizes;
  const T* image;
  T fill;

  // If true, pixels inside are processed as vectors.
  static constexpr bool kPacked = kChannels == 3 && (std::is_same_v<T, uint8_t> || std::is_same_v<T, float>);

  int64_t channels() const { return kChannels > 0 ? kChannels : sizes.channels; }

  void set(T* to) const {
    for (int64_t c = 0; c < channels(); ++c) to[c] = fill;
  }

  void nearest(const Chunk& chunk, int count, T* to) const {
    int32_t offsets[kChunk];
    const float last_column = static_cast<float>(sizes.columns - 1), last_row = static_cast<float>(sizes.rows - 1);
    const int32_t columns = static_cast<int32_t>(sizes.columns);
    for (int i = 0; i < count; ++i) {
      const float x = rounded(chunk.x[i]), y = rounded(chunk.y[i]);
      const bool inside = (x >= 0) & (x <= last_column) & (y >= 0) & (y <= last_row);  // not for NaN
      const int32_t column = static_cast<int32_t>(inside ? x : 0), row = static_cast<int32_t>(inside ? y : 0);
      offsets[i] = inside ? row * columns + column : -1;
    }
    if (chunk.any_infinite)
      for (int i = 0; i < count; ++i) offsets[i] = chunk.infinite[i] ? -1 : offsets[i];
    for (int i = 0; i < count; ++i, to += channels()) {
      if (offsets[i] < 0) {
        set(to);
      } else {
        const T* from = image + offsets[i] * channels();
        for (int64_t c = 0; c < channels(); ++c) to[c] = from[c];
      }
    }
  }

  void bilinear(const Chunk& chunk, int count, T* to) const {
    // Of the upper left pixel, or -1 if a pixel is outside, or if one is the last, after which nothing may be read.
    int32_t offsets[kChunk];
    float lefts[kChunk], rights[kChunk], uppers[kChunk], lowers[kChunk];
    const float most_columns = static_cast<float>(sizes.columns - 1), most_rows = static_cast<float>(sizes.rows - 1);
    const int32_t columns = static_cast<int32_t>(sizes.columns);
    const int32_t last = static_cast<int32_t>(sizes.rows * sizes.columns - 1) - columns - 1;
    for (int i = 0; i < count; ++i) {
      const float x = std::floor(chunk.x[i]), y = std::floor(chunk.y[i]);
      const bool inside = (x >= 0) & (x < most_columns) & (y >= 0) & (y < most_rows);  // not for NaN
      const int32_t column = static_cast<int32_t>(inside ? x : 0), row = static_cast<int32_t>(inside ? y : 0);
      const int32_t offset = row * columns + column;
      offsets[i] = inside & (offset < last) ? offset : -1;
      lefts[i] = x + 1 - chunk.x[i], rights[i] = chunk.x[i] - x;
      uppers[i] = y + 1 - chunk.y[i], lowers[i] = chunk.y[i] - y;
    }
    if (chunk.any_infinite)
      for (int i = 0; i < count; ++i) offsets[i] = chunk.infinite[i] ? -1 : offsets[i];
    for (int i = 0; i < count; ++i, to += channels()) {
      const float left = lefts[i], right = rights[i], upper = uppers[i], lower = lowers[i];
      if (offsets[i] >= 0) {
        const T *above = image + offsets[i] * channels(), *below = above + columns * channels();
        if constexpr (kPacked) {
          const Four first = left * four(above) + right * four(above + 3);
          const Four second = left * four(below) + right * four(below + 3), value = upper * first + lower * second;
          store(value, to);
          continue;
        }
        for (int64_t c = 0; c < channels(); ++c) {
          const float first = left * number(above[c]) + right * number(above[channels() + c]);
          const float second = left * number(below[c]) + right * number(below[channels() + c]);
          to[c] = converted<T>(upper * first + lower * second);
        }
      } else if (chunk.infinite[i]) {
        set(to);
      } else {
        // Pixels outside have the fill value, even with weight 0.
        const float x = std::floor(chunk.x[i]), y = std::floor(chunk.y[i]);
        const auto pixel = [&](float row, float column, int64_t c) {
          const bool inside = row >= 0 && row <= most_rows && column >= 0 && column <= most_columns;
          if (!inside) return number(fill);
          return number(image[(static_cast<int64_t>(row) * columns + static_cast<int64_t>(column)) * channels() + c]);
        };
        for (int64_t c = 0; c < channels(); ++c) {
          const float first = left * pixel(y, x, c) + right * pixel(y, x + 1, c);
          const float second = left * pixel(y + 1, x, c) + right * pixel(y + 1, x + 1, c);
          to[c] = converted<T>(upper * first + lower * second);
        }
      }
    }
  }
};

using Locate = void (Chunk::*)(const Sizes&, const float*, int64_t, int64_t, int);
constexpr Locate kLocate[kModes] = {&Chunk::locate<kConstant>, &Chunk::locate<kReflect>, &Chunk::locate<kWrap>,
                                    &Chunk::locate<kNearest>};

template <class T, int kChannels>
void transform(const Sizes& sizes, const T* images, const float* transforms, float fill_value, int64_t mode,
               bool bilinear, T* out) {
  const Locate locate = kLocate[mode];
  const T fill = converted<T>(fill_value);
  const int64_t grain = 1 + 4096 / sizes.out_columns;
  parallel_for(sizes.batch * sizes.out_rows, grain, [&](int64_t begin, int64_t end) {
    Chunk chunk;
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / sizes.out_rows;
      const float* t = transforms + (sizes.transforms == 1 ? 0 : 8 * n);
      const Interpolation<T, kChannels> image{sizes, images + n * sizes.rows * sizes.columns * sizes.channels, fill};
      for (int64_t first = 0; first < sizes.out_columns; first += kChunk) {
        const int64_t rest = sizes.out_columns - first;
        const int count = rest < kChunk ? static_cast<int>(rest) : kChunk;
        (chunk.*locate)(sizes, t, row % sizes.out_rows, first, count);
        T* to = out + (row * sizes.out_columns + first) * sizes.channels;
        bilinear ? image.bilinear(chunk, count, to) : image.nearest(chunk, count, to);
      }
    }
  });
}

template <class Visit>
void with_type(TF_DataType type, const Visit& visit) {
  switch (type) {
    case TF_UINT8:
      return visit(uint8_t{});
    case TF_INT32:
      return visit(int32_t{});
    case TF_INT64:
      return visit(int64_t{});
    case TF_DOUBLE:
      return visit(double{});
    default:
      return with_float_type(type, visit);
  }
}

void kernel(Context& context) {
  const Tensor images = context.input(0), transforms = context.input(1), output_shape = context.input(2),
               fill = context.input(3);
  const Sizes sizes(images, transforms, output_shape, fill);
  const int64_t mode = context.integer("fill_mode");
  require(mode >= 0 && mode < kModes, "fill_mode: got %lld, expected 0 to 3", static_cast<long long>(mode));
  const bool bilinear = context.flag("bilinear");
  const Tensor out = context.output(0, sizes.outputs());
  with_type(images.type, [&](auto storage) {
    using T = decltype(storage);
    const auto run = sizes.channels == 1   ? transform<T, 1>
                     : sizes.channels == 3 ? transform<T, 3>
                                           : transform<T, 0>;
    run(sizes, images.as<T>(), transforms.as<float>(), *fill.as<float>(), mode, bilinear, out.as<T>());
  });
}

void shapes_of(Shapes& shapes) {
  const auto images = shapes.input(0, 4);
  shapes.input(1, 2);
  shapes.input(2, 1);
  const auto pixels = shapes.join(shapes.vector(Shapes::kUnknown), shapes.vector(Shapes::kUnknown));
  shapes.set(0, shapes.join(shapes.part(images, 0, 1), shapes.join(pixels, shapes.part(images, 3))));
}

}  // namespace

TENSORSMITH_OP(projective_transform, "TensorsmithProjectiveTransform",
               "images: T; transforms: float; output_shape: int32; fill_value: float -> y: T | T: {uint8, int32, int64, "
               "half, bfloat16, float, double}; bilinear: bool; fill_mode: int",
               shapes_of, kernel);

TENSORSMITH_END
