// Medians of all windows of an image. In windows of 3 x 3 and 5 x 5 pixels, columns are sorted first, which neighboring
// windows share, and the median is then selected by a network of minima and maxima. Other small windows are reduced in
// the order of "forgetful selection": of slightly more than half of the pixels, the smallest and the largest one cannot
// be the median and are discarded, then the next pixel is added. Large windows of bytes are counted in a histogram that
// slides along a row (Huang, Yang and Tang, 1979), and other large windows are partially sorted.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

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

// Copies the first elements of a vector, from or to memory.
template <class To, class From>
inline __attribute__((always_inline)) void copy_vector(To* to, const From* from, int64_t count) {
  constexpr size_t kElement = std::min(sizeof(To), sizeof(From)), kVector = kLanes * 4;
  if (count * kElement == kVector)
    std::memcpy(to, from, kVector);
  else
    std::memcpy(to, from, count * kElement);
}

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

// Medians of adjacent windows, of which load(i) returns the pixels i.
template <class V>
struct Medians {
  V low, high;  // the same if the area is odd
  V most;       // the largest of all pixels, or, with one pixel, that one

  template <class Load>
  inline __attribute__((always_inline)) Medians(int64_t area, V* values, const Load& load) {
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
};

// A step of a selection network, which adds the minimum or maximum of two of the values so far to the end of them.
struct Step {
  uint8_t first, second;
  bool is_max;
};

// Networks for square windows with sorted columns, whose pixels are the first values, row by row. The last value is the
// median. They were found by a search that removes steps from a sort of all rows as long as the results are right for
// all sorted columns of zeros and ones, which suffices for networks of minima and maxima (the 0-1 principle of Knuth). A
// test checks these columns.
template <int kSize>
struct Network;
template <>
struct Network<3> {
  static constexpr int kSort[][2] = {{0, 2}, {0, 1}, {1, 2}};  // pairs of rows that sort the columns
  static constexpr Step kSteps[] = {
    {0, 1, 1}, {9, 2, 1}, {4, 5, 0}, {4, 5, 1}, {3, 12, 0}, {13, 11, 1}, {7, 8, 0}, {6, 15, 0}, {14, 16, 0},
    {14, 16, 1}, {18, 10, 0}, {17, 19, 1},
  };
};
template <>
struct Network<5> {
  static constexpr int kSort[][2] = {{0, 3}, {1, 4}, {0, 2}, {1, 3}, {0, 1}, {2, 4}, {1, 2}, {3, 4}, {2, 3}};
  static constexpr Step kSteps[] = {
    {0, 1, 0}, {0, 1, 1}, {3, 4, 0}, {3, 4, 1}, {2, 28, 0}, {2, 28, 1}, {29, 27, 1}, {26, 30, 0}, {26, 30, 1},
    {25, 31, 1}, {32, 34, 1}, {6, 9, 0}, {6, 9, 1}, {5, 8, 0}, {5, 8, 1}, {7, 37, 0}, {7, 37, 1}, {36, 39, 0},
    {36, 39, 1}, {43, 41, 0}, {43, 41, 1}, {38, 40, 1}, {46, 44, 0}, {46, 44, 1}, {42, 47, 1}, {13, 14, 0},
    {13, 14, 1}, {10, 11, 0}, {10, 11, 1}, {52, 12, 0}, {52, 12, 1}, {53, 55, 0}, {53, 55, 1}, {54, 50, 1},
    {56, 51, 0}, {56, 51, 1}, {57, 60, 0}, {59, 58, 0}, {59, 58, 1}, {61, 63, 0}, {61, 63, 1}, {18, 19, 0},
    {18, 19, 1}, {15, 16, 0}, {15, 16, 1}, {68, 17, 0}, {68, 17, 1}, {69, 71, 0}, {69, 71, 1}, {70, 66, 0},
    {70, 66, 1}, {72, 67, 0}, {76, 75, 0}, {76, 75, 1}, {73, 78, 0}, {23, 24, 0}, {23, 24, 1}, {20, 21, 0},
    {20, 21, 1}, {82, 22, 0}, {82, 22, 1}, {83, 85, 0}, {84, 80, 0}, {84, 80, 1}, {86, 81, 0}, {89, 88, 0},
    {49, 74, 1}, {35, 62, 1}, {64, 87, 0}, {64, 87, 1}, {48, 33, 0}, {48, 33, 1}, {77, 45, 0}, {90, 79, 0},
    {91, 92, 1}, {93, 95, 1}, {94, 96, 0}, {101, 100, 0}, {101, 100, 1}, {97, 65, 0}, {99, 102, 0}, {99, 102, 1},
    {106, 103, 0}, {106, 103, 1}, {105, 104, 1}, {107, 98, 0}, {108, 109, 0}, {110, 111, 1},
  };
};

template <int kSize, class V, size_t... kIndices>
inline __attribute__((always_inline)) void sort_columns(V* rows, std::index_sequence<kIndices...>) {
  (sort_pair(rows[Network<kSize>::kSort[kIndices][0]], rows[Network<kSize>::kSort[kIndices][1]]), ...);
}

template <int kSize, size_t kIndex, class V>
inline __attribute__((always_inline)) void take_step(V* values) {
  constexpr Step kStep = Network<kSize>::kSteps[kIndex];
  const V a = values[kStep.first], b = values[kStep.second];
  values[kSize * kSize + kIndex] = kStep.is_max ? (a < b ? b : a) : (a < b ? a : b);
}

template <int kSize, class V, size_t... kIndices>
inline __attribute__((always_inline)) V select_median(V* values, std::index_sequence<kIndices...>) {
  (take_step<kSize, kIndices>(values), ...);
  return values[kSize * kSize + sizeof...(kIndices) - 1];
}

// Keys of the medians of one row of results.
template <class Key>
struct Results {
  Key *low, *high;
};

// Medians of square windows of a constant size. The columns are sorted in `sorted`, whose rows have the given pitch and
// more space than is used, so that whole vectors can be read and written.
template <class Value, int kSize>
void select_sorted_row(const typename Pixel<Value>::KeyType* top, const Sizes& sizes,
                       typename Pixel<Value>::KeyType* sorted, int64_t pitch,
                       Results<typename Pixel<Value>::KeyType> results) {
  using Key = typename Pixel<Value>::KeyType;
  using V = typename VectorOf<Key>::Type;
  constexpr int64_t kCount = VectorOf<Key>::kCount;
  constexpr size_t kPairs = std::size(Network<kSize>::kSort), kSteps = std::size(Network<kSize>::kSteps);
  for (int64_t i = 0; i < sizes.stride(); i += kCount) {
    const int64_t used = std::min(sizes.stride() - i, kCount);
    V rows[kSize] = {};
    TENSORSMITH_UNROLL
    for (int y = 0; y < kSize; ++y) copy_vector(&rows[y], top + y * sizes.stride() + i, used);
    sort_columns<kSize>(rows, std::make_index_sequence<kPairs>());
    TENSORSMITH_UNROLL
    for (int y = 0; y < kSize; ++y) std::memcpy(sorted + y * pitch + i, &rows[y], sizeof(V));
  }
  for (int64_t i = 0; i < sizes.outputs(); i += kCount) {
    V values[kSize * kSize + kSteps];
    TENSORSMITH_UNROLL
    for (int y = 0; y < kSize; ++y)
      TENSORSMITH_UNROLL
      for (int x = 0; x < kSize; ++x)
        std::memcpy(&values[y * kSize + x], sorted + y * pitch + i + x * sizes.channels, sizeof(V));
    V median = select_median<kSize>(values, std::make_index_sequence<kSteps>());
    if constexpr (!Pixel<Value>::kSame) {
      const V* last = values + (kSize - 1) * kSize;  // the largest of each column
      V most = last[0];
      for (int x = 1; x < kSize; ++x) most = most < last[x] ? last[x] : most;
      const V unknown = V{} + Pixel<Value>::kLargest;
      median = most == unknown ? unknown : median;
    }
    copy_vector(results.low + i, &median, std::min(sizes.outputs() - i, kCount));
  }
}

template <class Value>
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
    Medians<V> medians = used == kCount ? Medians<V>(area, values, load) : Medians<V>(area, values, load_part);
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
  const int64_t side = sizes.window_height == sizes.window_width ? sizes.window_height : 0;
  const bool select = area <= (kBytes ? 16 + kLanes * 4 : 10 * VectorOf<Key>::kCount);
  Scratch<int64_t> offsets(select || !kBytes ? area : 0);
  if (select || !kBytes)
    for (int64_t place = 0; place < area; ++place)
      offsets[place] = place / sizes.window_width * sizes.stride() + place % sizes.window_width * sizes.channels;
  parallel_for(sizes.batch * sizes.rows, 1 + (1 << 18) / (outputs * area), [&](int64_t begin, int64_t end) {
    Scratch<Key> low(outputs), high(outputs);
    Results<Key> results = {low, high};
    const int64_t pitch = sizes.stride() + VectorOf<Key>::kCount;
    Scratch<Key> sorted(side == 3 || side == 5 ? side * pitch : 0);
    for (int64_t r = begin; r < end; ++r) {
      Value* to = out + r * outputs;
      if constexpr (P::kSame)
        if (area % 2 == 1) results.low = to;  // the keys are the results
      const Key* top = keys + (r / sizes.rows * sizes.height + r % sizes.rows) * sizes.stride();
      if (side == 3)
        select_sorted_row<Value, 3>(top, sizes, sorted, pitch, results);
      else if (side == 5)
        select_sorted_row<Value, 5>(top, sizes, sorted, pitch, results);
      else if (select)
        select_row<Value>(top, sizes, offsets, results);
      else if constexpr (kBytes)
        count_row(top, sizes, results);
      else
        sort_row<Value>(top, sizes, offsets, results);
      if (area % 2 == 0)
        for (int64_t i = 0; i < outputs; ++i) to[i] = P::mean(P::value_of(low[i]), P::value_of(high[i]));
      else if constexpr (!P::kSame)
        for (int64_t i = 0; i < outputs; ++i) to[i] = P::value_of(low[i]);
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
