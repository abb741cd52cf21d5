// Linear-chain conditional random fields (Lafferty et al., 2001): log-likelihood, its gradient by marginal probabilities, and
// the best sequence of tags (Viterbi). Everything is in the logarithmic domain, so that no path underflows.
#include <cmath>

#include "runtime/op.h"
#include "runtime/packed.h"
#include "runtime/vector.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kRanges = 16;  // of sequences; each has a sum of its own for the gradient of the transitions
constexpr float kInfinity = __builtin_inff();

// The inputs that all three kernels share, checked: unaries [batch, steps, tags], lengths [batch], transitions [tags, tags].
struct Chain {
  int64_t batch, steps, tags;
  int64_t stride;  // floats of a row of tags, filled up to whole vectors
  const float *unaries, *transitions;
  const int32_t* lengths;

  Chain(const Tensor& unary_tensor, const Tensor& length_tensor, const Tensor& transition_tensor) {
    require_rank(unary_tensor, "unaries", 3);
    batch = unary_tensor.dim(0), steps = unary_tensor.dim(1), tags = unary_tensor.dim(2);
    require(tags > 0, "`unaries`: received shape %s, expected one tag or more", text(unary_tensor.shape).value);
    require_shape(length_tensor, "lengths", Shape(batch));
    require_shape(transition_tensor, "transitions", Shape(tags, tags));
    unaries = unary_tensor.as<float>(), transitions = transition_tensor.as<float>();
    lengths = length_tensor.as<int32_t>();
    for (int64_t b = 0; b < batch; ++b)
      require(lengths[b] >= 0 && lengths[b] <= steps, "`lengths`: received %d at %lld, expected 0 to %lld", lengths[b],
              static_cast<long long>(b), static_cast<long long>(steps));
    stride = padded(tags);
  }

  const float* unary(int64_t b, int64_t t) const { return unaries + (b * steps + t) * tags; }

  // The transitions in rows of whole vectors; what is filled up is minus infinity.
  void copy_transitions(float* to) const {
    for (int64_t i = 0; i < tags; ++i)
      for (int64_t j = 0; j < stride; ++j) to[i * stride + j] = j < tags ? transitions[i * tags + j] : -kInfinity;
  }

  void check_tags(const Tensor& tag_tensor) const {
    require_shape(tag_tensor, "tags", Shape(batch, steps));
    const int32_t* tag = tag_tensor.as<int32_t>();
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < lengths[b]; ++t)
        require(tag[b * steps + t] >= 0 && tag[b * steps + t] < tags,
                "`tags`: received %d at [%lld, %lld], expected 0 to %lld", tag[b * steps + t], static_cast<long long>(b),
                static_cast<long long>(t), static_cast<long long>(tags - 1));
  }
};

inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }
inline Vec or_zero(Vec x) { return x == broadcast(-kInfinity) ? Vec{} : x; }

float log_sum_exp(const float* values, int64_t count) {
  float top = -kInfinity;
  for (int64_t i = 0; i < count; ++i) top = values[i] > top ? values[i] : top;
  if (top == -kInfinity) return top;
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += std::exp(values[i] - top);
  return top + static_cast<float>(std::log(total));
}

// The logarithm of the sum over i of exp(before[i] + transitions[i][j]), for all j.
void step_forward(const Chain& chain, const float* transitions, const float* before, float* to) {
  for (int64_t j = 0; j < chain.stride; j += kLanes) {
    Vec top = broadcast(-kInfinity);
    for (int64_t i = 0; i < chain.tags; ++i) top = larger(top, load(transitions + i * chain.stride + j) + before[i]);
    const Vec shift = or_zero(top);
    Vec total{};
    for (int64_t i = 0; i < chain.tags; ++i)
      total += exp_below_one(load(transitions + i * chain.stride + j) + before[i] - shift);
    // At least 1, as the greatest term is; none where nothing leads.
    store(to + j, top == broadcast(-kInfinity) ? top : log_of_normal(total) + shift);
  }
}

void log_likelihood(Context& context) {
  const Tensor tag_tensor = context.input(1);
  const Chain chain(context.input(0), context.input(2), context.input(3));
  chain.check_tags(tag_tensor);
  float* likelihoods = context.output(0, Shape(chain.batch)).as<float>();
  float* alphas = context.output(1, Shape(chain.batch, chain.steps, chain.tags)).as<float>();
  Scratch<float> transitions(chain.tags * chain.stride);
  chain.copy_transitions(transitions);
  const int32_t* all_tags = tag_tensor.as<int32_t>();
  parallel_for(chain.batch, grain_for(chain.batch, kRanges), [&](int64_t first, int64_t last) {
    Scratch<float> alpha(chain.stride), next(chain.stride);
    for (int64_t b = first; b < last; ++b) {
      const int32_t* tags = all_tags + b * chain.steps;
      double score = 0;
      for (int64_t t = 0; t < chain.steps; ++t) {
        float* saved = alphas + (b * chain.steps + t) * chain.tags;
        if (t >= chain.lengths[b]) {
          for (int64_t j = 0; j < chain.tags; ++j) saved[j] = 0;
          continue;
        }
        const float* unary = chain.unary(b, t);
        score += unary[tags[t]];
        if (t > 0) {
          score += chain.transitions[tags[t - 1] * chain.tags + tags[t]];
          step_forward(chain, transitions, alpha, next);
        }
        for (int64_t j = 0; j < chain.tags; ++j) saved[j] = alpha[j] = t > 0 ? next[j] + unary[j] : unary[j];
      }
      likelihoods[b] = chain.lengths[b] > 0 ? static_cast<float>(score - log_sum_exp(alpha, chain.tags)) : 0;
    }
  });
}

// Unary and pairwise marginals, from the last step back: the probability of tag i at t is the sum over j of that of j at
// t + 1 times that of i given j, which the saved alphas hold.
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
  Scratch<float> transitions(chain.tags * chain.stride);
  chain.copy_transitions(transitions);
  const int64_t grain = grain_for(chain.batch, kRanges), ranges = (chain.batch + grain - 1) / grain;
  const int64_t matrix = chain.tags * chain.stride;
  Scratch<float> sums(ranges * matrix);
  parallel_for(chain.batch, grain, [&](int64_t first, int64_t last) {
    float* sum_of_range = sums + first / grain * matrix;
    for (int64_t i = 0; i < matrix; ++i) sum_of_range[i] = 0;
    Scratch<float> marginal(chain.stride), before(chain.stride), reached(chain.stride);
    for (int64_t j = 0; j < chain.stride; ++j) reached[j] = 0;
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
        const float* alpha = alphas + (b * chain.steps + t) * chain.tags;
        if (t == length - 1) {
          const float normalizer = log_sum_exp(alpha, chain.tags);
          for (int64_t j = 0; j < chain.stride; ++j) marginal[j] = j < chain.tags ? std::exp(alpha[j] - normalizer) : 0;
        } else {
          const float *after = alpha + chain.tags, *unary = chain.unary(b, t + 1);
          for (int64_t j = 0; j < chain.tags; ++j) reached[j] = after[j] - unary[j];
          for (int64_t i = 0; i < chain.tags; ++i) {
            Vec total{};
            const float* row = transitions + i * chain.stride;
            float* pairs = sum_of_range + i * chain.stride;
            for (int64_t j = 0; j < chain.stride; j += kLanes) {
              const Vec pair = load(marginal + j) * exp_below_one(load(row + j) + alpha[i] - or_zero(load(reached + j)));
              total += pair;
              store(pairs + j, load(pairs + j) - up * pair);
            }
            before[i] = sum(total);
          }
          for (int64_t i = 0; i < chain.tags; ++i) marginal[i] = before[i];
          sum_of_range[tags[t] * chain.stride + tags[t + 1]] += up;
        }
        for (int64_t j = 0; j < chain.tags; ++j) to[j] = -up * marginal[j];
        to[tags[t]] += up;
      }
    }
  });
  for (int64_t i = 0; i < chain.tags; ++i)
    for (int64_t j = 0; j < chain.tags; ++j) {
      float total = 0;
      for (int64_t range = 0; range < ranges; ++range) total += sums[range * matrix + i * chain.stride + j];
      dtransitions[i * chain.tags + j] = total;
    }
}

// The best sequence of tags and its score; the first of equals, and tag 0 after the end.
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
      for (int64_t t = 0; t < length; ++t) {
        const float* unary = chain.unary(b, t);
        if (t > 0) {
          for (int64_t j = 0; j < chain.stride; j += kLanes) {
            Vec top = load(transitions + j) + score[0];
            IntVec origin{};
            for (int64_t i = 1; i < chain.tags; ++i) {
              const Vec candidate = load(transitions + i * chain.stride + j) + score[i];
              origin = candidate > top ? IntVec{} + static_cast<int32_t>(i) : origin;
              top = larger(candidate, top);
            }
            store(next + j, top);
            std::memcpy(origins + t * chain.stride + j, &origin, sizeof(origin));
          }
        }
        for (int64_t j = 0; j < chain.tags; ++j) score[j] = t > 0 ? next[j] + unary[j] : unary[j];
      }
      int32_t tag = 0;
      for (int32_t j = 1; j < chain.tags; ++j)
        if (score[j] > score[tag]) tag = j;
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
