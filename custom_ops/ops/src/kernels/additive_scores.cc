// Attention scores of a network with one hidden layer (Bahdanau et al., 2015): sum(scale * tanh(query + key)) for all
// pairs of a query and a key. The hidden layer, which is larger than the scores by the number of units, is never
// stored. The gradient computes it again.
#include "runtime/op.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kGrain = 1 << 13;  // hidden units of a work unit
constexpr int64_t kRanges = 64;      // ranges of examples, each with its own gradient of the scale

// Validated inputs. Rows are copied to whole vectors, padded with zeros, for which the hidden units are 0.
struct Pairs {
  int64_t batch, queries, keys, units, width;
  const float *query, *key, *scale;

  Pairs(Context& context, int first) {
    const Tensor q = context.input(first), k = context.input(first + 1), s = context.input(first + 2);
    require_rank(q, "query", 3);
    require_rank(k, "keys", 3);
    batch = q.dim(0), queries = q.dim(1), units = q.dim(2), keys = k.dim(1), width = padded(units);
    require_shape(k, "keys", Shape(batch, keys, units));
    require_shape(s, "scale", Shape(units));
    query = q.as<float>(), key = k.as<float>(), scale = s.as<float>();
  }
};

inline void copy_row(const float* from, float* to, int64_t units, int64_t width) {
  std::memcpy(to, from, units * sizeof(float));
  for (int64_t i = units; i < width; ++i) to[i] = 0;
}

// Copies the keys of an example.
inline void copy_keys(const Pairs& p, int64_t example, float* to) {
  for (int64_t j = 0; j < p.keys; ++j)
    copy_row(p.key + (example * p.keys + j) * p.units, to + j * p.width, p.units, p.width);
}

void forward(Context& context) {
  const Pairs p(context, 0);
  float* scores = context.output(0, Shape(p.batch, p.queries, p.keys)).as<float>();
  const int64_t grain = 1 + kGrain / (1 + p.keys * p.width);
  parallel_for(p.batch * p.queries, grain, [&](int64_t begin, int64_t end) {
    Scratch<float> keys(p.keys * p.width), query(p.width), scale(p.width);
    copy_row(p.scale, scale, p.units, p.width);
    int64_t example = -1;
    for (int64_t row = begin; row < end; ++row) {
      if (row / p.queries != example) copy_keys(p, example = row / p.queries, keys);
      copy_row(p.query + row * p.units, query, p.units, p.width);
      for (int64_t j = 0; j < p.keys; ++j) {
        const float* key = keys + j * p.width;
        Vec total{};
        for (int64_t i = 0; i < p.width; i += kLanes) total += load(scale + i) * tanh(load(query + i) + load(key + i));
        scores[row * p.keys + j] = sum(total);
      }
    }
  });
}

void backward(Context& context) {
  const Tensor up = context.input(0);
  const Pairs p(context, 1);
  require_shape(up, "dscores", Shape(p.batch, p.queries, p.keys));
  const float* upstream = up.as<float>();
  float* dquery = context.output(0, Shape(p.batch, p.queries, p.units)).as<float>();
  float* dkey = context.output(1, Shape(p.batch, p.keys, p.units)).as<float>();
  float* dscale = context.output(2, Shape(p.units)).as<float>();
  const int64_t grain = grain_for(p.batch, kRanges), ranges = (p.batch + grain - 1) / grain;
  Scratch<float> sums(ranges * p.width);
  parallel_for(p.batch, grain, [&](int64_t begin, int64_t end) {
    Scratch<float> keys(2 * p.keys * p.width), query(2 * p.width), scale(p.width);
    float *key_sums = keys + p.keys * p.width, *query_sum = query + p.width, *scale_sum = sums + begin / grain * p.width;
    copy_row(p.scale, scale, p.units, p.width);
    std::memset(scale_sum, 0, p.width * sizeof(float));
    for (int64_t example = begin; example < end; ++example) {
      copy_keys(p, example, keys);
      std::memset(key_sums, 0, p.keys * p.width * sizeof(float));
      for (int64_t row = example * p.queries; row < (example + 1) * p.queries; ++row) {
        copy_row(p.query + row * p.units, query, p.units, p.width);
        std::memset(query_sum, 0, p.width * sizeof(float));
        for (int64_t j = 0; j < p.keys; ++j) {
          const float* key = keys + j * p.width;
          float* key_sum = key_sums + j * p.width;
          const float d = upstream[row * p.keys + j];
          for (int64_t i = 0; i < p.width; i += kLanes) {
            const Vec hidden = tanh(load(query + i) + load(key + i));
            const Vec slope = d * load(scale + i) * (1.0f - hidden * hidden);
            store(query_sum + i, load(query_sum + i) + slope);
            store(key_sum + i, load(key_sum + i) + slope);
            store(scale_sum + i, load(scale_sum + i) + d * hidden);
          }
        }
        std::memcpy(dquery + row * p.units, query_sum, p.units * sizeof(float));
      }
      for (int64_t j = 0; j < p.keys; ++j)
        std::memcpy(dkey + (example * p.keys + j) * p.units, key_sums + j * p.width, p.units * sizeof(float));
    }
  });
  // Sum over the ranges, in fixed order.
  for (int64_t i = 0; i < p.units; ++i) {
    float total = 0;
    for (int64_t range = 0; range < ranges; ++range) total += sums[range * p.width + i];
    dscale[i] = total;
  }
}

void forward_shapes(Shapes& shapes) {
  const auto query = shapes.input(0, 3), keys = shapes.input(1, 3);
  shapes.set(0, shapes.join(shapes.part(query, 0, 2), shapes.part(keys, 1, 2)));
}

void backward_shapes(Shapes& shapes) {
  for (int i = 0; i < 3; ++i) shapes.set(i, shapes.input(i + 1));
}

}  // namespace

TENSORSMITH_OP(additive_scores, "TensorsmithAdditiveScores", "query: float; keys: float; scale: float -> scores: float",
               forward_shapes, forward);

TENSORSMITH_OP(additive_scores_grad, "TensorsmithAdditiveScoresGrad",
               "dscores: float; query: float; keys: float; scale: float -> dquery: float; dkeys: float; dscale: float",
               backward_shapes, backward);

TENSORSMITH_END
