// Attention of the next tokens of sequences to all tokens before, whose keys and values are in a cache. Each feature of
// a head is a row of the cache with an entry for each token, so that dot products with all keys, and weighted sums of all
// values, are products of contiguous vectors.
#include "runtime/op.h"
#include "runtime/vector.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr float kInfinity = __builtin_inff();

// Validated inputs. The caches have the shape [batch, heads, width, capacity].
struct CacheArgs {
  int64_t batch, steps, heads, width, value_width, capacity;
  const Tensor query, key, value;
  const int32_t *counts, *lengths;
  float scale;

  explicit CacheArgs(Context& context)
      : query(context.input(0)), key(context.input(1)), value(context.input(2)), scale(context.number("scale")) {
    require_rank(query, "query", 4);
    require_rank(value, "value", 4);
    batch = query.dim(0), steps = query.dim(1), heads = query.dim(2), width = query.dim(3);
    value_width = value.dim(3);
    require_shape(key, "key", query.shape);
    require_shape(value, "value", Shape(batch, steps, heads, value_width));
    const Tensor count_tensor = context.input(5), length_tensor = context.input(6);
    require_shape(count_tensor, "counts", Shape(batch));
    require_shape(length_tensor, "lengths", Shape(batch));
    counts = count_tensor.as<int32_t>(), lengths = length_tensor.as<int32_t>();
  }

  void check_counts() const {
    for (int64_t b = 0; b < batch; ++b) {
      require(counts[b] >= 0, "counts: got %d, expected at least 0", counts[b]);
      require(lengths[b] >= 0 && lengths[b] <= steps, "lengths: got %d, expected 0 to %lld", lengths[b],
              static_cast<long long>(steps));
      require(int64_t{counts[b]} + lengths[b] <= capacity, "The cache of %lld tokens is full",
              static_cast<long long>(capacity));
    }
  }
};

// Scratch space of a range of heads.
struct Rows {
  Scratch<float> scores, converted, features;
  explicit Rows(const CacheArgs& p)
      : scores(padded(p.capacity)),
        converted(p.capacity),
        features(p.width > p.value_width ? p.width : p.value_width) {}
};

// Computes the output of one query, which attends to the first `count` tokens in the cache.
template <class T>
void attend(const CacheArgs& p, Rows& rows, const T* query, const T* keys, const T* values, int64_t count, T* output) {
  // Entries up to a multiple of the vector width are read as well. Their probabilities are 0.
  const int64_t end = padded(count) <= p.capacity ? padded(count) : count;
  float* scores = rows.scores;
  std::memset(scores, 0, padded(count) * sizeof(float));
  const float* features = read(query, rows.features, p.width);
  for (int64_t d = 0; d < p.width; ++d) {
    const float* row = read(keys + d * p.capacity, rows.converted, end);
    const float feature = features[d] * p.scale;
    each(end, [&](auto zero, int64_t j) {
      using V = decltype(zero);
      store(scores + j, at<V>(scores + j) + feature * at<V>(row + j));
    });
  }
  // Unnormalized probabilities, the exponentials of the scores minus their maximum, which cannot overflow.
  for (int64_t j = count; j < padded(count); ++j) scores[j] = -kInfinity;
  Vec maxima = broadcast(-kInfinity);
  for (int64_t j = 0; j < count; j += kLanes) {
    const Vec score = load(scores + j);
    maxima = score > maxima ? score : maxima;
  }
  float highest = maxima[0];
  for (int lane = 1; lane < kLanes; ++lane) highest = maxima[lane] > highest ? maxima[lane] : highest;
  Vec totals{};
  for (int64_t j = 0; j < count; j += kLanes) {
    const Vec probability = exp_below_one(load(scores + j) - highest);
    totals += probability;
    store(scores + j, probability);
  }
  const float inverse = 1 / sum(totals);
  for (int64_t d = 0; d < p.value_width; ++d) {
    const float* row = read(values + d * p.capacity, rows.converted, end);
    const float total = reduce(end, [&](auto zero, int64_t j) {
      using V = decltype(zero);
      return at<V>(scores + j) * at<V>(row + j);
    });
    from_float(total * inverse, output + d);
  }
}

void kernel(Context& context) {
  CacheArgs p(context);
  const Tensor keys = context.updated(3, 1), values = context.updated(4, 2);
  require_rank(keys, "keys", 4);
  p.capacity = keys.dim(3);
  require_shape(keys, "keys", Shape(p.batch, p.heads, p.width, p.capacity));
  require_shape(values, "values", Shape(p.batch, p.heads, p.value_width, p.capacity));
  p.check_counts();
  const Tensor output = context.output(0, p.value.shape);
  with_float_type(p.query.type, [&](auto storage) {
    using T = decltype(storage);
    parallel_for(p.batch * p.heads, grain_for(p.batch * p.heads, 32), [&](int64_t first, int64_t last) {
      Rows rows(p);
      for (int64_t head = first; head < last; ++head) {
        const int64_t b = head / p.heads, h = head % p.heads;
        T* own_keys = keys.as<T>() + head * p.width * p.capacity;
        T* own_values = values.as<T>() + head * p.value_width * p.capacity;
        for (int64_t i = 0; i < p.steps; ++i) {
          const int64_t token = (b * p.steps + i) * p.heads + h, position = p.counts[b] + i;
          T* to = output.as<T>() + token * p.value_width;
          if (i >= p.lengths[b]) {  // padding
            std::memset(to, 0, p.value_width * sizeof(T));
            continue;
          }
          for (int64_t d = 0; d < p.width; ++d)
            own_keys[d * p.capacity + position] = p.key.as<T>()[token * p.width + d];
          for (int64_t d = 0; d < p.value_width; ++d)
            own_values[d * p.capacity + position] = p.value.as<T>()[token * p.value_width + d];
          attend<T>(p, rows, p.query.as<T>() + token * p.width, own_keys, own_values, position + 1, to);
        }
      }
    });
  });
}

void shapes_of(Shapes& shapes) {
  shapes.set(0, shapes.input(2, 4));
  shapes.set(1, shapes.input(3, 4));
  shapes.set(2, shapes.input(4, 4));
}

}  // namespace

TENSORSMITH_OP(cached_attention, "TensorsmithCachedAttention",
               "query: T; key: T; value: T; keys: T; values: T; counts: int32; lengths: int32"
               " -> output: T; new_keys: T; new_values: T | T: {float, half, bfloat16}; scale: float",
               shapes_of, kernel);

TENSORSMITH_END
