// Linear-chain conditional random fields (Lafferty et al., 2001): log-likelihood, its gradient from marginal
// probabilities, and Viterbi decoding. Forward scores are stored in log space, so that no path underflows. Each step
// subtracts the maximum, so that values grow neither with the number of steps nor with the scores.
#include <cmath>

#include "runtime/op.h"
#include "runtime/packed.h"
#include "runtime/vector.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kRanges = 16;  // ranges of sequences, each with its own sum for the transition gradient
constexpr float kInfinity = __builtin_inff();

// Validated inputs of all three kernels: unaries [batch, steps, tags], lengths [batch] and transitions [tags, tags].
struct Chain {
  int64_t batch, steps, tags;
  int64_t stride;  // row size, `tags` padded to whole vectors
  const float *unaries, *transitions;
  const int32_t* lengths;

  Chain(const Tensor& unary_tensor, const Tensor& length_tensor, const Tensor& transition_tensor) {
    require_rank(unary_tensor, "unaries", 3);
    batch = unary_tensor.dim(0), steps = unary_tensor.dim(1), tags = unary_tensor.dim(2);
    require(tags > 0, "unaries: got shape %s, expected at least one tag", text(unary_tensor.shape).value);
    require_shape(length_tensor, "lengths", Shape(batch));
    require_shape(transition_tensor, "transitions", Shape(tags, tags));
    unaries = unary_tensor.as<float>(), transitions = transition_tensor.as<float>();
    lengths = length_tensor.as<int32_t>();
    for (int64_t b = 0; b < batch; ++b)
      require(lengths[b] >= 0 && lengths[b] <= steps, "lengths: got %d at %lld, expected 0 to %lld", lengths[b],
              static_cast<long long>(b), static_cast<long long>(steps));
    stride = padded(tags);
  }

  const float* unary(int64_t b, int64_t t) const { return unaries + (b * steps + t) * tags; }

  // Copies the transitions into rows of whole vectors, padded with -inf.
  void copy_transitions(float* to) const {
    for (int64_t i = 0; i < tags; ++i) copy_row(transitions + i * tags, to + i * stride);
  }
  void copy_row(const float* from, float* to) const {
    for (int64_t j = 0; j < stride; ++j) to[j] = j < tags ? from[j] : -kInfinity;
  }

  void check_tags(const Tensor& tag_tensor) const {
    require_shape(tag_tensor, "tags", Shape(batch, steps));
    const int32_t* tag = tag_tensor.as<int32_t>();
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < lengths[b]; ++t)
        require(tag[b * steps + t] >= 0 && tag[b * steps + t] < tags,
                "tags: got %d at [%lld, %lld], expected 0 to %lld", tag[b * steps + t], static_cast<long long>(b),
                static_cast<long long>(t), static_cast<long long>(tags - 1));
  }
};

// Comparison in which NaN is the maximum.
inline IntVec beats(Vec a, Vec b) { return (a > b) | (a != a); }
inline bool beats(float a, float b) { return a > b || a != a; }
inline Vec larger(Vec a, Vec b) { return beats(a, b) ? a : b; }
inline Vec or_zero(Vec x) { return x == broadcast(-kInfinity) ? Vec{} : x; }

float log_sum_exp(const float* values, int64_t count) {
  float top = -kInfinity;
  for (int64_t i = 0; i < count; ++i) top = beats(values[i], top) ? values[i] : top;
  if (top == -kInfinity) return top;
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += std::exp(values[i] - top);
  return top + static_cast<float>(std::log(total));
}

// Subtracts the maximum from a padded row and returns it, or 0 if all elements are -inf.
float take_greatest(float* row, int64_t stride) {
  Vec lanes = load(row);
  for (int64_t j = kLanes; j < stride; j += kLanes) lanes = larger(load(row + j), lanes);
  float tops[kLanes];
  store(tops, lanes);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) tops[i] = beats(tops[i + half], tops[i]) ? tops[i + half] : tops[i];
  const float top = tops[0] == -kInfinity ? 0 : tops[0];
  for (int64_t j = 0; j < stride; j += kLanes) store(row + j, load(row + j) - top);
  return top;
}

// exp(transitions - top), where `top` is the maximum of each column. Columns whose maximum is -inf (unreachable tags
// and padding) are set to 1, which is multiplied by exp(top) = 0 later.
class Exponentials {
 public:
  explicit Exponentials(const Chain& chain)
      : logarithms(chain.tags * chain.stride), weights(chain.tags * chain.stride), tops(chain.stride) {
    chain.copy_transitions(logarithms);
    for (int64_t j = 0; j < chain.stride; j += kLanes) {
      Vec top = broadcast(-kInfinity);
      for (int64_t i = 0; i < chain.tags; ++i) top = larger(load(logarithms + i * chain.stride + j), top);
      store(tops + j, top);
      for (int64_t at = j; at < chain.tags * chain.stride; at += chain.stride)
        store(weights + at, top == broadcast(-kInfinity) ? broadcast(1) : exp_below_one(load(logarithms + at) - top));
    }
  }

  Scratch<float> logarithms, weights, tops;
};

// One step of the forward algorithm from tags i to tags j. It factors exp(before[i] + transitions[i][j]) into
// factors[i] * weights[i][j] * exp(shifts[j]), and computes totals[j], the sum of factors[i] * weights[i][j] over i.
class Step {
 public:
  Step(const Chain& chain, const Exponentials& exponentials)
      : chain_(chain), exponentials_(exponentials), factors(chain.stride), totals(chain.stride),
        own_weights_(chain.tags * chain.stride), own_shifts_(chain.stride) {}

  // `before` is a padded row with maximum 0.
  void take(const float* before) {
    for (int64_t i = 0; i < chain_.stride; i += kLanes) store(factors + i, exp_below_one(load(before + i)));
    weights = exponentials_.weights, shifts = exponentials_.tops;
    // Terms below exp(-87) underflow, which is negligible unless the total is tiny as well.
    if (!add_up(1e-26f)) take_each(before);
  }

 private:
  // Computes the totals. Returns true if all of them are at least `least`.
  bool add_up(float least) {
    Vec fit = broadcast(1);
    for (int64_t j = 0; j < chain_.stride; j += kLanes) {
      Vec total{};
      for (int64_t i = 0; i < chain_.tags; ++i) total += load(weights + i * chain_.stride + j) * factors[i];
      store(totals + j, total);
      fit = total >= least ? fit : Vec{};
    }
    return sum(fit) == kLanes;
  }

  // Slow path for any scores: one exponential per pair of tags, shifted by the maximum of each column.
  void take_each(const float* before) {
    for (int64_t j = 0; j < chain_.stride; j += kLanes) {
      const float* column = exponentials_.logarithms + j;
      Vec top = broadcast(-kInfinity);
      for (int64_t i = 0; i < chain_.tags; ++i) top = larger(load(column + i * chain_.stride) + before[i], top);
      store(own_shifts_ + j, top);
      for (int64_t i = 0; i < chain_.tags; ++i)
        store(own_weights_ + i * chain_.stride + j,
              exp_below_one(load(column + i * chain_.stride) + before[i] - or_zero(top)));
    }
    for (int64_t i = 0; i < chain_.tags; ++i) factors[i] = 1;
    weights = own_weights_, shifts = own_shifts_;
    add_up(0);
  }

  const Chain& chain_;
  const Exponentials& exponentials_;

 public:
  Scratch<float> factors, totals;
  const float *weights = nullptr, *shifts = nullptr;

 private:
  Scratch<float> own_weights_, own_shifts_;
};

void log_likelihood(Context& context) {
  const Tensor tag_tensor = context.input(1);
  const Chain chain(context.input(0), context.input(2), context.input(3));
  chain.check_tags(tag_tensor);
  float* likelihoods = context.output(0, Shape(chain.batch)).as<float>();
  float* alphas = context.output(1, Shape(chain.batch, chain.steps, chain.tags)).as<float>();
  const Exponentials exponentials(chain);
  const int32_t* all_tags = tag_tensor.as<int32_t>();
  parallel_for(chain.batch, grain_for(chain.batch, kRanges), [&](int64_t first, int64_t last) {
    Step step(chain, exponentials);
    Scratch<float> alpha(chain.stride), unary(chain.stride);
    for (int64_t b = first; b < last; ++b) {
      const int32_t* tags = all_tags + b * chain.steps;
      // Forward algorithm.
      double likelihood = 0;  // log-likelihood of the tags up to t, up to the normalizer in alpha
      for (int64_t t = 0; t < chain.steps; ++t) {
        float* saved = alphas + (b * chain.steps + t) * chain.tags;
        if (t >= chain.lengths[b]) {
          for (int64_t j = 0; j < chain.tags; ++j) saved[j] = 0;
          continue;
        }
        chain.copy_row(chain.unary(b, t), unary);
        likelihood += unary[tags[t]];
        likelihood -= take_greatest(unary, chain.stride);  // before the additions, so that large scores are not rounded
        if (t > 0) {
          likelihood += chain.transitions[tags[t - 1] * chain.tags + tags[t]];
          step.take(alpha);
        }
        for (int64_t j = 0; j < chain.stride; j += kLanes) {
          const Vec reached = t > 0 ? log_of_normal(load(step.totals + j)) + load(step.shifts + j) : Vec{};
          store(alpha + j, reached + load(unary + j));
        }
        likelihood -= take_greatest(alpha, chain.stride);
        for (int64_t j = 0; j < chain.tags; ++j) saved[j] = alpha[j];
      }
      if (chain.lengths[b] > 0) likelihood -= log_sum_exp(alpha, chain.tags);
      likelihoods[b] = static_cast<float>(likelihood);
    }
  });
}

// Computes unary and pairwise marginals from the last step to the first: p(i at t) is the sum over j of p(j at t + 1) *
// p(i at t | j at t + 1), and the conditional probability is factors[i] * weights[i][j] / totals[j]. The gradient is
// the indicator of the given tags minus the marginals, times the upstream gradient.
void gradient(Context& context) {
  const Tensor up_tensor = context.input(0), tag_tensor = context.input(2), alpha_tensor = context.input(5);
  const Chain chain(context.input(1), context.input(3), context.input(4));
  chain.check_tags(tag_tensor);
  require_shape(up_tensor, "dlikelihood", Shape(chain.batch));
  require_shape(alpha_tensor, "alphas", Shape(chain.batch, chain.steps, chain.tags));
  float* dunaries = context.output(0, alpha_tensor.shape).as<float>();
  float* dtransitions = context.output(1, Shape(chain.tags, chain.tags)).as<float>();
  const float *ups = up_tensor.as<float>(), *alphas = alpha_tensor.as<float>();
  const int32_t* all_tags = tag_tensor.as<int32_t>();
  const Exponentials exponentials(chain);
  const int64_t grain = grain_for(chain.batch, kRanges), ranges = (chain.batch + grain - 1) / grain;
  const int64_t matrix = chain.tags * chain.stride;
  Scratch<float> sums(ranges * matrix);
  parallel_for(chain.batch, grain, [&](int64_t first, int64_t last) {
    float* sum_of_range = sums + first / grain * matrix;
    for (int64_t i = 0; i < matrix; ++i) sum_of_range[i] = 0;
    Step step(chain, exponentials);
    Scratch<float> alpha(chain.stride), marginal(chain.stride), weight(chain.stride);
    for (int64_t b = first; b < last; ++b) {
      const int32_t* tags = all_tags + b * chain.steps;
      const float up = ups[b];
      const int64_t length = chain.lengths[b];
      for (int64_t t = chain.steps - 1; t >= 0; --t) {
        float* to = dunaries + (b * chain.steps + t) * chain.tags;
        if (t >= length) {
          for (int64_t j = 0; j < chain.tags; ++j) to[j] = 0;
          continue;
        }
        chain.copy_row(alphas + (b * chain.steps + t) * chain.tags, alpha);
        if (t == length - 1) {
          // Marginals of the last step.
          const float normalizer = log_sum_exp(alpha, chain.tags);
          for (int64_t j = 0; j < chain.stride; ++j) marginal[j] = j < chain.tags ? std::exp(alpha[j] - normalizer) : 0;
        } else {
          step.take(alpha);
          for (int64_t j = 0; j < chain.stride; j += kLanes) {
            const Vec total = load(step.totals + j);
            store(weight + j, load(marginal + j) * (total == Vec{} ? total : 1.0f / total));
          }
          // Pairwise marginals, and their sums over j.
          for (int64_t i = 0; i < chain.tags; ++i) {
            Vec total{};
            const float* row = step.weights + i * chain.stride;
            float* pairs = sum_of_range + i * chain.stride;
            for (int64_t j = 0; j < chain.stride; j += kLanes) {
              const Vec pair = load(weight + j) * (load(row + j) * step.factors[i]);
              total += pair;
              store(pairs + j, load(pairs + j) - up * pair);
            }
            marginal[i] = sum(total);
          }
          // Renormalizes, so that rounding errors do not accumulate over the steps.
          const float whole = reduce(chain.tags, [&](auto v, int64_t i) { return at<decltype(v)>(marginal + i); });
          for (int64_t i = 0; i < chain.tags; ++i) marginal[i] /= whole;
          sum_of_range[tags[t] * chain.stride + tags[t + 1]] += up;
        }
        for (int64_t j = 0; j < chain.tags; ++j) to[j] = -up * marginal[j];
        to[tags[t]] += up;
      }
    }
  });
  // Sum over the ranges, in fixed order.
  for (int64_t i = 0; i < chain.tags; ++i)
    for (int64_t j = 0; j < chain.tags; ++j) {
      float total = 0;
      for (int64_t range = 0; range < ranges; ++range) total += sums[range * matrix + i * chain.stride + j];
      dtransitions[i * chain.tags + j] = total;
    }
}

// Viterbi decoding. Ties are resolved in favor of the smaller tag, and tags after the end are 0.
void decode(Context& context) {
  const Chain chain(context.input(0), context.input(1), context.input(2));
  int32_t* best = context.output(0, Shape(chain.batch, chain.steps)).as<int32_t>();
  float* scores = context.output(1, Shape(chain.batch)).as<float>();
  Scratch<float> transitions(chain.tags * chain.stride);
  chain.copy_transitions(transitions);
  parallel_for(chain.batch, grain_for(chain.batch, kRanges), [&](int64_t first, int64_t last) {
    Scratch<float> score(chain.stride), next(chain.stride);
    Scratch<int32_t> origins(chain.steps * chain.stride);
    for (int64_t b = first; b < last; ++b) {
      int32_t* to = best + b * chain.steps;
      const int64_t length = chain.lengths[b];
      for (int64_t t = length; t < chain.steps; ++t) to[t] = 0;
      scores[b] = 0;
      if (length == 0) continue;
      // Scores of the best partial sequences, and the previous tag of each.
      for (int64_t t = 0; t < length; ++t) {
        const float* unary = chain.unary(b, t);
        if (t > 0) {
          for (int64_t j = 0; j < chain.stride; j += kLanes) {
            Vec top = load(transitions + j) + score[0];
            IntVec origin{};
            for (int64_t i = 1; i < chain.tags; ++i) {
              const Vec candidate = load(transitions + i * chain.stride + j) + score[i];
              origin = beats(candidate, top) ? IntVec{} + static_cast<int32_t>(i) : origin;
              top = larger(candidate, top);
            }
            store(next + j, top);
            std::memcpy(origins + t * chain.stride + j, &origin, sizeof(origin));
          }
        }
        for (int64_t j = 0; j < chain.tags; ++j) score[j] = t > 0 ? next[j] + unary[j] : unary[j];
      }
      // Best last tag, then backtracking.
      int32_t tag = 0;
      for (int32_t j = 1; j < chain.tags; ++j)
        if (beats(score[j], score[tag])) tag = j;
      scores[b] = score[tag];
      for (int64_t t = length - 1; t >= 0; --t) {
        to[t] = tag;
        if (t > 0) tag = origins[t * chain.stride + tag];
      }
    }
  });
}

void likelihood_shapes(Shapes& shapes) {
  const auto unaries = shapes.input(0, 3);
  shapes.set(0, shapes.part(unaries, 0, 1));
  shapes.set(1, unaries);
}

void gradient_shapes(Shapes& shapes) {
  shapes.set(0, shapes.input(1, 3));
  shapes.set(1, shapes.input(4, 2));
}

void decode_shapes(Shapes& shapes) {
  const auto unaries = shapes.input(0, 3);
  shapes.set(0, shapes.part(unaries, 0, 2));
  shapes.set(1, shapes.part(unaries, 0, 1));
}

}  // namespace

TENSORSMITH_OP(crf_log_likelihood, "TensorsmithCrfLogLikelihood",
               "unaries: float; tags: int32; lengths: int32; transitions: float -> likelihood: float; alphas: float",
               likelihood_shapes, log_likelihood);

TENSORSMITH_OP(crf_log_likelihood_grad, "TensorsmithCrfLogLikelihoodGrad",
               "dlikelihood: float; unaries: float; tags: int32; lengths: int32; transitions: float; alphas: float"
               " -> dunaries: float; dtransitions: float",
               gradient_shapes, gradient);

TENSORSMITH_OP(crf_decode, "TensorsmithCrfDecode",
               "unaries: float; lengths: int32; transitions: float -> tags: int32; score: float", decode_shapes, decode);

TENSORSMITH_END
