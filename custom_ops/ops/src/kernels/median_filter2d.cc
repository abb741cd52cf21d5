// Medians of all windows of an image. Small windows are reduced by vectorized minima and maxima, in the order of
// "forgetful selection": of slightly more than half of the pixels, the smallest and the largest one cannot be the median
// and are discarded, then the next pixel is added. Large windows of bytes are counted in a histogram that slides along
// a row (Huang, Yang and Tang, 1979), and other large windows are partially sorted.
#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/op.h"
#include "runtime/vector.h"

// The compiler unrolls loops with a constant number of steps, so that it keeps arrays in registers. The sanitizers
// prevent this, with a warning.
#if defined(__SANITIZE_ADDRESS__)
#define TENSORSMITH_UNROLL
#else
#define TENSORSMITH_UNROLL _Pragma("GCC unroll 16")
#endif

TENSORSMITH_BEGIN
namespace {

// Pixels are compared as integers, called keys here. `Pixel` converts between both. NaN has the largest key.
template <class Key, class Value>
struct FloatPixel {
  using KeyType = Key;
  static constexpr bool kSame = false;
  static constexpr Key kLargest = std::numeric_limits<Key>::max();

  static Key ordered(Key bits) { return bits ^ (bits >> (8 * sizeof(Key) - 1) & kLargest); }
  // All bits of the exponent are 1, and the fraction is not 0, with a key that exceeds the key of infinity.
  static Key key_of(Value value, Key infinity) {
    Key bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return (bits & kLargest) > infinity ? kLargest : ordered(bits);
  }
  static Value value_of(Key key) {
    const Key bits = ordered(key);
    Value value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
};
template <class Value>
struct Pixel {  // an integer, which is its own key
  using KeyType = Value;
  static constexpr bool kSame = true;
  static Value value_of(Value key) { return key; }
  static Value mean(Value low, Value high) { return static_cast<Value>((int64_t{low} + int64_t{high}) / 2); }
};
template <>
struct Pixel<float> : FloatPixel<int32_t, float> {
  static constexpr int32_t kInfinity = 0x7f800000;
  static float mean(float low, float high) { return (low + high) / 2; }
};
template <>
struct Pixel<double> : FloatPixel<int64_t, double> {
  static constexpr int64_t kInfinity = 0x7ff0000000000000;
  static double mean(double low, double high) { return (low + high) / 2; }
};
template <class Value, int16_t kInfinityKey>
struct ShortPixel : FloatPixel<int16_t, Value> {
  static constexpr int16_t kInfinity = kInfinityKey;
  static Value mean(Value low, Value high) {
    Value result;
    from_float((to_float(low) + to_float(high)) / 2, &result);
    return result;
  }
};
template <>
struct Pixel<Half> : ShortPixel<Half, 0x7c00> {};
template <>
struct Pixel<BFloat16> : ShortPixel<BFloat16, 0x7f80> {};

// Validated sizes of images, windows and results.
struct Sizes {
  int64_t batch, height, width, channels, window_height, window_width, rows, columns;

  Sizes(Context& context, const Tensor& images)
      : window_height(context.integer("window_height")), window_width(context.integer("window_width")) {
    require_rank(images, "images", 4);
    batch = images.dim(0), height = images.dim(1), width = images.dim(2), channels = images.dim(3);
    require(window_height >= 1 && window_height <= height, "window_height: got %lld, expected 1 to %lld",
            static_cast<long long>(window_height), static_cast<long long>(height));
    require(window_width >= 1 && window_width <= width, "window_width: got %lld, expected 1 to %lld",
            static_cast<long long>(window_width), static_cast<long long>(width));
    rows = height - window_height + 1, columns = width - window_width + 1;
  }
  int64_t area() const { return window_height * window_width; }
  int64_t stride() const { return width * channels; }          // of an input row
  int64_t outputs() const { return columns * channels; }       // of an output row
  Shape shape() const { return Shape(batch, rows, columns, channels); }
};

template <class Key>
struct VectorOf {
  static constexpr int kCount = kLanes * 4 / sizeof(Key);
  typedef Key Type __attribute__((vector_size(kLanes * 4)));
};

template <class V>
inline __attribute__((always_inline)) void sort_pair(V& a, V& b) {
  const V low = a < b ? a : b;
  b = a < b ? b : a;
  a = low;
}

// Moves the smallest of `count` values to the front and the largest to the back.
template <class V>
inline __attribute__((always_inline)) void extremes(V* values, int count) {
  TENSORSMITH_UNROLL
  for (int i = 0; i < count / 2; ++i) sort_pair(values[i], values[count - 1 - i]);
  TENSORSMITH_UNROLL
  for (int i = 1; i < (count + 1) / 2; ++i) sort_pair(values[0], values[i]);
  TENSORSMITH_UNROLL
  for (int i = count / 2; i < count - 1; ++i) sort_pair(values[i], values[count - 1]);
}

// The same steps with constant numbers of values, which the compiler keeps in registers. The area is odd.
template <int kArea, int kCount, class V, class Load>
inline __attribute__((always_inline)) void discard(V* values, V& most, const Load& load) {
  extremes(values, kCount);
  most = most < values[kCount - 1] ? values[kCount - 1] : most;
  if constexpr (kCount > 3) {
    values[0] = load(kArea + 3 - kCount);
    discard<kArea, kCount - 1>(values, most, load);
  }
}

// Medians of adjacent windows, of which load(i) returns the pixels i.
template <int kArea, class V>
struct Medians {
  V low, high;  // the same if the area is odd
  V most;       // the largest of all pixels, or, with one pixel, that one

  template <class Load>
  inline __attribute__((always_inline)) Medians(int64_t area, V* values, const Load& load) {
    if constexpr (kArea > 0) {
      constexpr int kCount = kArea / 2 + 2;
      V own[kCount];
      TENSORSMITH_UNROLL
      for (int i = 0; i < kCount; ++i) own[i] = load(i);
      most = own[0];
      discard<kArea, kCount>(own, most, load);
      low = high = own[1];
    } else {
      int count = static_cast<int>(std::min(area / 2 + 2, area)), next = count;
      for (int i = 0; i < count; ++i) values[i] = load(i);
      most = values[0];
      while (true) {
        extremes(values, count);
        most = most < values[count - 1] ? values[count - 1] : most;
        if (next == area) break;
        values[0] = load(next++);
        --count;
      }
      low = values[(count - 1) / 2], high = values[count / 2];
    }
  }
};

// Keys of the medians of one row of results.
template <class Key>
struct Results {
  Key *low, *high;
};

template <class Value, int kArea>
void select_row(const typename Pixel<Value>::KeyType* top, const Sizes& sizes, const int64_t* offsets,
                Results<typename Pixel<Value>::KeyType> results) {
  using Key = typename Pixel<Value>::KeyType;
  using V = typename VectorOf<Key>::Type;
  constexpr int64_t kCount = VectorOf<Key>::kCount;
  const int64_t outputs = sizes.outputs(), area = sizes.area();
  Scratch<V> values(area / 2 + 2);
  // The last vector overlaps the one before. Shorter rows are read in part.
  const int64_t used = std::min(outputs, kCount);
  for (int64_t i = 0; i < outputs; i += kCount) {
    const Key* from = top + std::min(i, outputs - used);
    const auto load = [&](int64_t place) {
      V value{};
      std::memcpy(&value, from + offsets[place], sizeof(V));
      return value;
    };
    const auto load_part = [&](int64_t place) {
      V value{};
      std::memcpy(&value, from + offsets[place], used * sizeof(Key));
      return value;
    };
    Medians<kArea, V> medians = used == kCount ? Medians<kArea, V>(area, values, load)
                                               : Medians<kArea, V>(area, values, load_part);
    if constexpr (!Pixel<Value>::kSame) {
      const V unknown = V{} + Pixel<Value>::kLargest;
      medians.low = medians.most == unknown ? unknown : medians.low;
      medians.high = medians.most == unknown ? unknown : medians.high;
    }
    const int64_t at = from - top;
    std::memcpy(results.low + at, &medians.low, used * sizeof(Key));
    std::memcpy(results.high + at, &medians.high, used * sizeof(Key));
  }
}

// Counts of the 256 values of bytes in a window, and the number of pixels below the value `low`, the lower median.
class Histogram {
 public:
  explicit Histogram(int64_t area) : rank_((area - 1) / 2), even_(area % 2 == 0) {}

  void add(uint8_t value, int64_t sign) {
    counts_[value] += sign;
    below_ += value < low_ ? sign : 0;
  }
  uint8_t low() {
    while (below_ > rank_) below_ -= counts_[--low_];
    while (below_ + counts_[low_] <= rank_) below_ += counts_[low_++];
    return static_cast<uint8_t>(low_);
  }
  // The upper median, after low().
  uint8_t high() const {
    int value = low_;
    if (even_ && below_ + counts_[value] == rank_ + 1) {
      do ++value;
      while (counts_[value] == 0);
    }
    return static_cast<uint8_t>(value);
  }

 private:
  int64_t rank_;
  bool even_;
  int low_ = 0;
  int64_t below_ = 0;
  int64_t counts_[256] = {};
};

void count_row(const uint8_t* top, const Sizes& sizes, Results<uint8_t> results) {
  const int64_t channels = sizes.channels;
  for (int64_t c = 0; c < channels; ++c) {
    Histogram histogram(sizes.area());
    const auto add = [&](int64_t x, int64_t sign) {
      const uint8_t* from = top + x * channels + c;
      for (int64_t y = 0; y < sizes.window_height; ++y) histogram.add(from[y * sizes.stride()], sign);
    };
    for (int64_t x = 0; x < sizes.window_width - 1; ++x) add(x, 1);
    for (int64_t x = 0; x < sizes.columns; ++x) {
      add(x + sizes.window_width - 1, 1);
      results.low[x * channels + c] = histogram.low();
      results.high[x * channels + c] = histogram.high();
      add(x, -1);
    }
  }
}

template <class Value>
void sort_row(const typename Pixel<Value>::KeyType* top, const Sizes& sizes, const int64_t* offsets,
              Results<typename Pixel<Value>::KeyType> results) {
  using Key = typename Pixel<Value>::KeyType;
  const int64_t area = sizes.area(), rank = (area - 1) / 2;
  Scratch<Key> values(area);
  for (int64_t i = 0; i < sizes.outputs(); ++i) {
    for (int64_t place = 0; place < area; ++place) values[place] = top[i + offsets[place]];
    if constexpr (!Pixel<Value>::kSame) {
      const Key most = *std::max_element(values.data(), values + area);
      if (most == Pixel<Value>::kLargest) {
        results.low[i] = results.high[i] = most;
        continue;
      }
    }
    std::nth_element(values.data(), values + rank, values + area);
    results.low[i] = values[rank];
    results.high[i] = area % 2 == 0 ? *std::min_element(values + rank + 1, values + area) : values[rank];
  }
}

template <class Value>
void filter(const Tensor& images, const Sizes& sizes, Value* out) {
  using P = Pixel<Value>;
  using Key = typename P::KeyType;
  constexpr bool kBytes = sizeof(Key) == 1;
  const int64_t area = sizes.area(), outputs = sizes.outputs();
  const Value* pixels = images.as<Value>();
  Scratch<Key> converted(P::kSame ? 0 : images.size());
  const Key* keys = converted;
  if constexpr (P::kSame) {
    keys = pixels;
  } else {
    parallel_for(images.size(), 65536, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) converted[i] = P::key_of(pixels[i], P::kInfinity);
    });
  }
  // The largest areas for which selection is faster, measured.
  const bool select = area <= (kBytes ? 16 + kLanes * 4 : 10 * VectorOf<Key>::kCount);
  Scratch<int64_t> offsets(select || !kBytes ? area : 0);
  if (select || !kBytes)
    for (int64_t place = 0; place < area; ++place)
      offsets[place] = place / sizes.window_width * sizes.stride() + place % sizes.window_width * sizes.channels;
  parallel_for(sizes.batch * sizes.rows, 1 + (1 << 18) / (outputs * area), [&](int64_t begin, int64_t end) {
    Scratch<Key> low(outputs), high(outputs);
    const Results<Key> results = {low, high};
    for (int64_t r = begin; r < end; ++r) {
      const Key* top = keys + (r / sizes.rows * sizes.height + r % sizes.rows) * sizes.stride();
      if (select && area == 9)
        select_row<Value, 9>(top, sizes, offsets, results);
      else if (select && area == 25)
        select_row<Value, 25>(top, sizes, offsets, results);
      else if (select)
        select_row<Value, 0>(top, sizes, offsets, results);
      else if constexpr (kBytes)
        count_row(top, sizes, results);
      else
        sort_row<Value>(top, sizes, offsets, results);
      Value* to = out + r * outputs;
      if (area % 2 == 1)
        for (int64_t i = 0; i < outputs; ++i) to[i] = P::value_of(low[i]);
      else
        for (int64_t i = 0; i < outputs; ++i) to[i] = P::mean(P::value_of(low[i]), P::value_of(high[i]));
    }
  });
}

void kernel(Context& context) {
  const Tensor images = context.input(0);
  const Sizes sizes(context, images);
  const Tensor medians = context.output(0, sizes.shape());
  if (medians.size() == 0) return;
  switch (images.type) {
    case TF_UINT8:
      return filter(images, sizes, medians.as<uint8_t>());
    case TF_INT32:
      return filter(images, sizes, medians.as<int32_t>());
    case TF_DOUBLE:
      return filter(images, sizes, medians.as<double>());
    default:
      with_float_type(images.type, [&](auto storage) { filter(images, sizes, medians.as<decltype(storage)>()); });
  }
}

void shapes_of(Shapes& shapes) {
  const auto images = shapes.input(0, 4);
  const auto unknown = shapes.join(shapes.vector(Shapes::kUnknown), shapes.vector(Shapes::kUnknown));
  shapes.set(0, shapes.join(shapes.join(shapes.part(images, 0, 1), unknown), shapes.part(images, 3)));
}

}  // namespace

TENSORSMITH_OP(median_filter2d, "TensorsmithMedianFilter2D",
               "images: T -> medians: T | T: {uint8, int32, float, half, bfloat16, double}; window_height: int; "
               "window_width: int",
               shapes_of, kernel);

TENSORSMITH_END
