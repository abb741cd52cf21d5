// Filter of images whose weights are the product of weights along the height and along the width. Each row of an image
// is converted to float32 or float64 once, extended by its margins and filtered along the width. The last rows are kept
// in a ring, in the cache, from which the rows of the result are computed.
//
// All sums have the order of the weights, and products are rounded before they are added, so that results depend
// neither on the number of threads nor, on x86-64, on the instruction set.
#include <algorithm>
#include <cstring>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

constexpr int kVectors = 4;  // computed together, so that the processor need not wait for the sums

template <class Real>
struct VectorOf {
  static constexpr int kCount = kLanes * 4 / sizeof(Real);
  typedef Real Type __attribute__((vector_size(kLanes * 4)));
};
template <class Real>
constexpr int64_t kMargin = kVectors * VectorOf<Real>::kCount;  // elements read and written beyond the end of a row

template <class Real>
inline typename VectorOf<Real>::Type vector_at(const Real* from) {
  typename VectorOf<Real>::Type value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <class V>
inline V rounded_product(V a, V b) {
  V product = a * b;
#if defined(__FMA__)
  asm("" : "+v"(product));  // prevents a fused multiply-add, which only some instruction sets have
#endif
  return product;
}

// Writes the weighted sums of `count` elements of several rows, of which tap(i) returns the row i. Reads and writes less
// than `kMargin` elements more.
template <class Real, class Tap>
void weighted_sums(const Real* weights, int64_t taps, int64_t count, const Tap& tap, Real* sums) {
  using V = typename VectorOf<Real>::Type;
  constexpr int kCount = VectorOf<Real>::kCount;
  for (int64_t i = 0; i < count; i += kVectors * kCount) {
    V total[kVectors] = {};
    for (int64_t t = 0; t < taps; ++t) {
      const V weight = V{} + weights[t];
      const Real* from = tap(t) + i;
      for (int j = 0; j < kVectors; ++j) total[j] += rounded_product(weight, vector_at(from + j * kCount));
    }
    std::memcpy(sums + i, total, sizeof(total));
  }
}

enum Padding { kReflect, kConstant, kSymmetric };

// Returns the pixel that is shown at an index outside of an axis, which is reflected repeatedly if it is short.
int64_t reflected(int64_t index, int64_t length, Padding padding) {
  const int64_t skipped = padding == kReflect ? 1 : 0;  // 1 if the pixels at the border are not repeated
  const int64_t period = std::max<int64_t>(2 * (length - skipped), 1);
  const int64_t position = (index % period + period) % period;
  return std::min(position, period - 1 + skipped - position);
}

// Conversion of a row from and to the dtype of the images.
inline void read_row(const double* from, double* to, int64_t count) { std::copy_n(from, count, to); }
inline void read_row(const uint8_t* from, float* to, int64_t count) { std::copy_n(from, count, to); }
template <class Value>
inline void read_row(const Value* from, float* to, int64_t count) {
  const float* values = read(from, to, count);
  if (values != to) std::copy_n(values, count, to);
}
inline void write_row(const double* from, double* to, int64_t count) { std::copy_n(from, count, to); }
// Rounds to the nearest byte, and to the even one of two. Adding 1.5 * 2^23 moves the integer to the last bits.
inline void write_row(const float* __restrict from, uint8_t* __restrict to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float value = from[i] < 0 ? 0 : from[i];
    value = (value > 255 ? 255 : value) + 12582912.0f;
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    to[i] = static_cast<uint8_t>(bits);
  }
}
template <class Value>
inline void write_row(const float* from, Value* to, int64_t count) {
  write(from, to, count);
}

template <class Value, class Real>
class Filter {
 public:
  Filter(const Tensor& images, const Tensor& height_weights, const Tensor& width_weights, Real fill, Padding padding)
      : height_(images.dim(1)),
        width_(images.dim(2)),
        channels_(images.dim(3)),
        window_height_(height_weights.size()),
        window_width_(width_weights.size()),
        height_weights_(height_weights.as<Real>()),
        width_weights_(width_weights.as<Real>()),
        fill_(fill),
        padding_(padding) {}

  void run(const Value* images, int64_t batch, Value* out) const {
    // Large enough for the margins of a block, which are computed again for the next one.
    const int64_t rows = std::max(4 * window_height_, 1 + 32768 / row_size());
    const int64_t blocks = (height_ + rows - 1) / rows;
    parallel_for(batch * blocks, 1, [&](int64_t begin, int64_t end) {
      const int64_t stride = row_size() + kMargin<Real>;
      const int64_t line_size = (width_ + window_width_ - 1) * channels_ + kMargin<Real>;
      Scratch<Real> line(line_size), ring(window_height_ * stride), sums(stride);
      Scratch<Real*> window(window_height_);
      std::fill_n(line.data(), line_size, Real{0});  // what is read beyond the last element should not be slow
      std::fill_n(ring.data(), window_height_ * stride, Real{0});
      for (int64_t i = 0; i < window_height_; ++i) window[i] = ring + i * stride;
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b % blocks * rows, offset = b / blocks * height_ * row_size();
        filter_rows(images + offset, first, std::min(first + rows, height_), line, window, sums, out + offset);
      }
    });
  }

 private:
  int64_t row_size() const { return width_ * channels_; }

  // Writes the rows [first, last) of an image.
  void filter_rows(const Value* image, int64_t first, int64_t last, Real* line, Real** window, Real* sums,
                   Value* out) const {
    const int64_t above = (window_height_ - 1) / 2;
    for (int64_t row = first - above; row < last - above + window_height_ - 1; ++row) {
      Real* newest = window[0];  // replaces the oldest one
      std::copy(window + 1, window + window_height_, window);
      window[window_height_ - 1] = newest;
      fill_line(image, row, line);
      weighted_sums(width_weights_, window_width_, row_size(), [&](int64_t t) { return line + t * channels_; }, newest);
      const int64_t done = row + above - window_height_ + 1;  // the row of the result whose window is complete
      if (done < first) continue;
      weighted_sums(height_weights_, window_height_, row_size(), [&](int64_t t) { return window[t]; }, sums);
      write_row(sums, out + done * row_size(), row_size());
    }
  }

  // Writes a row of an image, which may lie outside of it, with its margins.
  void fill_line(const Value* image, int64_t row, Real* line) const {
    const int64_t left = (window_width_ - 1) / 2, right = window_width_ - 1 - left;
    const bool outside = row < 0 || row >= height_;
    if (padding_ == kConstant) {
      std::fill_n(line, (width_ + window_width_ - 1) * channels_, fill_);
      if (outside) return;
    }
    const int64_t source = outside ? reflected(row, height_, padding_) : row;
    Real* inner = line + left * channels_;
    read_row(image + source * row_size(), inner, row_size());
    if (padding_ == kConstant) return;
    const auto fill_column = [&](int64_t x) {
      std::copy_n(inner + reflected(x, width_, padding_) * channels_, channels_, inner + x * channels_);
    };
    for (int64_t x = -left; x < 0; ++x) fill_column(x);
    for (int64_t x = width_; x < width_ + right; ++x) fill_column(x);
  }

  int64_t height_, width_, channels_, window_height_, window_width_;
  const Real *height_weights_, *width_weights_;
  Real fill_;
  Padding padding_;
};

void kernel(Context& context) {
  const Tensor images = context.input(0), height_weights = context.input(1), width_weights = context.input(2);
  const Tensor fill = context.input(3);
  const int64_t padding = context.integer("padding");
  require_rank(images, "images", 4);
  require_rank(height_weights, "height_weights", 1);
  require_rank(width_weights, "width_weights", 1);
  require_rank(fill, "fill_value", 0);
  require(height_weights.size() > 0 && width_weights.size() > 0, "weights: got no weight, expected one or more");
  require(padding >= kReflect && padding <= kSymmetric, "padding: got %lld, expected 0 to 2",
          static_cast<long long>(padding));
  const bool is_double = images.type == TF_DOUBLE;
  require((height_weights.type == TF_DOUBLE) == is_double, "weights: expected float64 if and only if images have it");
  const Tensor filtered = context.output(0, images.shape);
  if (images.size() == 0) return;
  const auto run = [&](auto value, auto real) {
    using Value = decltype(value);
    using Real = decltype(real);
    Filter<Value, Real>(images, height_weights, width_weights, *fill.as<Real>(), static_cast<Padding>(padding))
        .run(images.as<Value>(), images.dim(0), filtered.as<Value>());
  };
  switch (images.type) {
    case TF_UINT8:
      return run(uint8_t{}, float{});
    case TF_DOUBLE:
      return run(double{}, double{});
    default:
      with_float_type(images.type, [&](auto storage) { run(storage, float{}); });
  }
}

void same_shape(Shapes& shapes) { shapes.set(0, shapes.input(0, 4)); }

}  // namespace

TENSORSMITH_OP(separable_filter2d, "TensorsmithSeparableFilter2D",
               "images: T; height_weights: U; width_weights: U; fill_value: U -> filtered: T | T: {uint8, float, half, "
               "bfloat16, double}; U: {float, double}; padding: int",
               same_shape, kernel);

TENSORSMITH_END
