// Exact Euclidean distances to the nearest pixel that is 0, first within the columns, then within the rows by the lower
// envelope of parabolas (Felzenszwalb and Huttenlocher, 2012).
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

constexpr int32_t kFar = std::numeric_limits<int32_t>::max();  // there is no 0 in the column
constexpr int64_t kColumns = 256;                              // of a work unit
constexpr int64_t kLeastPixels = 4096;                         // of a work unit

// Distances within the columns [begin, end) of an image. All channels of a column are separate columns.
void scan_columns(const uint8_t* image, int64_t height, int64_t stride, int64_t begin, int64_t end, int32_t* out) {
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* __restrict row = image + y * stride;
    int32_t* __restrict to = out + y * stride;
    for (int64_t x = begin; x < end; ++x) {
      const int32_t above = y == 0 ? kFar : to[x - stride];
      to[x] = row[x] == 0 ? 0 : above + (above < kFar);
    }
  }
  for (int64_t y = height - 2; y >= 0; --y) {
    int32_t* to = out + y * stride;
    for (int64_t x = begin; x < end; ++x) {
      const int32_t below = to[x + stride], next = below + (below < kFar);
      to[x] = to[x] < next ? to[x] : next;
    }
  }
}

// Parabolas (x - column)^2 + height, of which the lower envelope is the squared distance in a row.
class Envelope {
 public:
  explicit Envelope(int64_t width) : columns_(width), values_(width), begins_(width) {}

  // Writes the squared distances of a row, given those within the columns. Columns have the distance `stride` in memory.
  void write(const int32_t* row, int64_t width, int64_t stride, double* squared) {
    int64_t count = 0;
    for (int64_t x = 0; x < width; ++x) {
      const int32_t within = row[x * stride];
      if (within == kFar) continue;
      const double column = static_cast<double>(x), value = static_cast<double>(within) * within;
      double begin = -std::numeric_limits<double>::infinity();
      for (; count > 0; --count) {
        const double other = columns_[count - 1];
        begin = (value - values_[count - 1]) / (2 * (column - other)) + (column + other) / 2;
        if (begin > begins_[count - 1]) break;
      }
      columns_[count] = column, values_[count] = value;
      begins_[count] = count == 0 ? -std::numeric_limits<double>::infinity() : begin;
      ++count;
    }
    if (count == 0) {
      std::fill(squared, squared + width, std::numeric_limits<double>::infinity());
      return;
    }
    for (int64_t i = 0, x = 0; i < count; ++i) {
      const int64_t end = i + 1 < count && begins_[i + 1] < width ? static_cast<int64_t>(std::ceil(begins_[i + 1])) : width;
      for (; x < end; ++x) {
        const double step = static_cast<double>(x) - columns_[i];
        squared[x] = step * step + values_[i];
      }
    }
  }

 private:
  Scratch<double> columns_, values_;
  Scratch<double> begins_;  // where each parabola begins to be the lowest one
};

inline void convert(double value, double* to) { *to = value; }
inline void convert(double value, float* to) { *to = static_cast<float>(value); }
inline void convert(double value, Half* to) { from_float(static_cast<float>(value), to); }

template <class Value>
void transform(const Tensor& images, const Tensor& distances, double most) {
  const uint8_t* pixels = images.as<uint8_t>();
  Value* out = distances.as<Value>();
  const int64_t count = images.dim(0), height = images.dim(1), width = images.dim(2), channels = images.dim(3);
  const int64_t stride = width * channels, blocks = (stride + kColumns - 1) / kColumns;
  Scratch<int32_t> within(images.size());
  parallel_for(count * blocks, 1 + kLeastPixels / (height * std::min(stride, kColumns)), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t image = i / blocks * height * stride, begin = i % blocks * kColumns;
      scan_columns(pixels + image, height, stride, begin, std::min(begin + kColumns, stride), within + image);
    }
  });
  parallel_for(count * height, 1 + kLeastPixels / stride, [&](int64_t first, int64_t last) {
    Envelope envelope(width);
    Scratch<double> squared(width);
    for (int64_t r = first; r < last; ++r)
      for (int64_t c = 0; c < channels; ++c) {
        envelope.write(within + r * stride + c, width, channels, squared);
        for (int64_t x = 0; x < width; ++x) squared[x] = std::sqrt(std::min(squared[x], most));
        for (int64_t x = 0; x < width; ++x) convert(squared[x], out + r * stride + x * channels + c);
      }
  });
}

void kernel(Context& context) {
  const Tensor images = context.input(0);
  require_rank(images, "images", 4);
  require(images.dim(1) < kFar, "images: got height %lld, expected less than 2^31 - 1",
          static_cast<long long>(images.dim(1)));
  const Tensor distances = context.output(0, images.shape);
  if (images.size() == 0) return;
  switch (distances.type) {
    case TF_HALF:
      return transform<Half>(images, distances, 65504);
    case TF_DOUBLE:
      return transform<double>(images, distances, std::numeric_limits<double>::max());
    default:
      return transform<float>(images, distances, std::numeric_limits<float>::max());
  }
}

void shapes_of(Shapes& shapes) { shapes.set(0, shapes.input(0, 4)); }

}  // namespace

TENSORSMITH_OP(distance_transform, "TensorsmithDistanceTransform",
               "images: uint8 -> distances: T | T: {half, float, double}", shapes_of, kernel);

TENSORSMITH_END
