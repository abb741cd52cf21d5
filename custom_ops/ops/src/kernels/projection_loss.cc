// Fused output projection and softmax cross-entropy over a vocabulary. Tokens are processed in blocks: their logits are
// computed, replaced by their gradients in place, and multiplied into the gradients of the inputs. The logits of all
// tokens are never stored, and no product is computed twice.
#include <cmath>

#include "runtime/matmul.h"
#include "runtime/op.h"
#include "runtime/vector.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kBlockFloats = int64_t{3} << 20;  // logits per block of tokens, 12 MB
constexpr int64_t kTile = 512;                      // words per tile, whose weights fit into the L2 cache
constexpr int64_t kGroups = 8;  // groups of words, each with its own sum for the feature gradient
constexpr float kInfinity = __builtin_inff();

// Validated inputs and block sizes.
struct ProjectionArgs {
  int64_t tokens, width, words, stride, block;
  const float *features, *kernel, *bias, *weights;
  const int32_t* labels;
  float smoothing, normalizer;

  explicit ProjectionArgs(Context& context) {
    const Tensor feature_tensor = context.input(0), kernel_tensor = context.input(1), bias_tensor = context.input(2);
    const Tensor label_tensor = context.input(3), weight_tensor = context.input(4);
    require_rank(feature_tensor, "features", 2);
    require_rank(kernel_tensor, "kernel", 2);
    tokens = feature_tensor.dim(0), width = feature_tensor.dim(1), words = kernel_tensor.dim(1);
    require(words > 0, "kernel: got shape %s, expected at least one word", text(kernel_tensor.shape).value);
    require_shape(kernel_tensor, "kernel", Shape(width, words));
    require_shape(bias_tensor, "bias", Shape(words));
    require_shape(label_tensor, "labels", Shape(tokens));
    require_shape(weight_tensor, "weights", Shape(tokens));
    features = feature_tensor.as<float>(), kernel = kernel_tensor.as<float>(), bias = bias_tensor.as<float>();
    labels = label_tensor.as<int32_t>(), weights = weight_tensor.as<float>();
    for (int64_t i = 0; i < tokens; ++i)
      require(weights[i] == 0 || (labels[i] >= 0 && labels[i] < words), "labels: got %d at %lld, expected 0 to %lld",
              labels[i], static_cast<long long>(i), static_cast<long long>(words - 1));
    smoothing = context.number("label_smoothing");
    double total = 0;
    for (int64_t i = 0; i < tokens; ++i) total += weights[i];
    normalizer = !context.flag("mean") ? 1.0f : total != 0 ? static_cast<float>(1 / total) : 0.0f;
    stride = padded(words) + kLanes;  // not a power of two, to avoid cache conflicts between rows
    block = kBlockFloats / stride / 16 * 16;
    block = block < 16 ? 16 : block > 512 ? 512 : block;
    if (block > tokens) block = tokens;
  }

  int64_t tiles() const { return (words + kTile - 1) / kTile; }
  int64_t tile_width(int64_t tile) const { return tile + 1 < tiles() ? kTile : words - tile * kTile; }
};

// Computes the logits of a block of tokens, one tile of words at a time.
void form_logits(const ProjectionArgs& p, int64_t first, int64_t rows, float* logits) {
  parallel_for(p.tiles(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t column = tile * kTile, columns = p.tile_width(tile);
      float* to = logits + column;
      for (int64_t r = 0; r < rows; ++r) std::memcpy(to + r * p.stride, p.bias + column, columns * sizeof(float));
      matmul(rows, columns, p.width, {p.features + first * p.width, p.width}, {p.kernel + column, p.words}, to, p.stride,
             true);
    }
  });
}

// Returns the weighted loss of one token. Its logits are replaced by their gradient.
double loss_of_row(const ProjectionArgs& p, int64_t token, float* row, bool gradients) {
  const float weight = p.weights[token] * p.normalizer;
  if (weight == 0) {
    if (gradients) std::memset(row, 0, p.words * sizeof(float));
    return 0;
  }
  const int32_t label = p.labels[token];
  for (int64_t i = p.words; i < p.stride; ++i) row[i] = -kInfinity;
  const float own = row[label];
  const float sum_of_logits =
      p.smoothing > 0 ? reduce(p.words, [&](auto v, int64_t i) { return at<decltype(v)>(row + i); }) : 0;
  // Maximum, then exponentials and their sum.
  Vec highest = load(row);
  for (int64_t i = 0; i < p.words; i += kLanes) {
    const Vec logit = load(row + i);
    highest = logit > highest ? logit : highest;
  }
  float top = highest[0];
  for (int lane = 1; lane < kLanes; ++lane) top = highest[lane] > top ? highest[lane] : top;
  Vec totals{};
  for (int64_t begin = 0; begin < p.words; begin += kTile) {  // in tiles, which limits the rounding error of long sums
    const int64_t end = begin + kTile < p.words ? begin + kTile : p.words;
    Vec part{};
    for (int64_t i = begin; i < end; i += kLanes) {
      const Vec probability = exp_below_one(load(row + i) - top);
      part += probability;
      store(row + i, probability);
    }
    totals += part;
  }
  const float total = sum(totals);
  // Gradient: probabilities minus smoothed targets, times the weight.
  if (gradients) {
    const float factor = weight / total, spread = weight * p.smoothing / p.words;
    for (int64_t i = 0; i < p.words; ++i) row[i] = row[i] * factor - spread;
    row[label] -= weight * (1 - p.smoothing);
  }
  // Loss: log-sum-exp minus the smoothed target logits.
  const double log_total = static_cast<double>(top) + std::log(total);
  return weight * (log_total - (1.0 - p.smoothing) * own - p.smoothing / p.words * static_cast<double>(sum_of_logits));
}

void kernel(Context& context) {
  const ProjectionArgs p(context);
  const bool gradients = context.flag("gradients");
  const float smoothing = p.smoothing;
  require(smoothing >= 0 && smoothing < 1, "label_smoothing: got %g, expected a number in [0, 1)",
          static_cast<double>(smoothing));
  float* loss = context.output(0, Shape()).as<float>();
  const int64_t on = gradients ? 1 : 0;
  float* dfeatures = context.output(1, Shape(p.tokens * on, p.width * on)).as<float>();
  float* dkernel = context.output(2, Shape(p.width * on, p.words * on)).as<float>();
  float* dbias = context.output(3, Shape(p.words * on)).as<float>();
  if (gradients && p.tokens == 0) {
    std::memset(dkernel, 0, p.width * p.words * sizeof(float));
    std::memset(dbias, 0, p.words * sizeof(float));
  }
  Scratch<float> logits(p.block * p.stride), partial(gradients ? kGroups * p.block * p.width : 0);
  Scratch<double> losses(p.tokens);
  const int64_t tiles_of_group = (p.tiles() + kGroups - 1) / kGroups;
  const int64_t groups = (p.tiles() + tiles_of_group - 1) / tiles_of_group;

  for (int64_t first = 0; first < p.tokens; first += p.block) {
    const int64_t rows = first + p.block < p.tokens ? p.block : p.tokens - first;
    // Phase 1: logits, losses, and gradients of the logits.
    form_logits(p, first, rows, logits);
    parallel_for(rows, 4, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        losses[first + r] = loss_of_row(p, first + r, logits + r * p.stride, gradients);
    });
    if (!gradients) continue;
    const bool add = first > 0;
    // Phase 2: gradients of kernel and bias, and partial sums of the feature gradient, for each group of words.
    parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t group = begin; group < end; ++group) {
        const int64_t last = (group + 1) * tiles_of_group < p.tiles() ? (group + 1) * tiles_of_group : p.tiles();
        for (int64_t tile = group * tiles_of_group; tile < last; ++tile) {
          const int64_t column = tile * kTile, columns = p.tile_width(tile);
          const float* logit_gradients = logits + column;
          matmul(p.width, columns, rows, {p.features + first * p.width, p.width, true}, {logit_gradients, p.stride}, dkernel + column,
                 p.words, add);
          matmul(rows, p.width, columns, {logit_gradients, p.stride}, {p.kernel + column, p.words, true},
                 partial + group * p.block * p.width, p.width, tile > group * tiles_of_group);
          float* to = dbias + column;
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t i = 0; i < columns; ++i) to[i] = (add || r > 0 ? to[i] : 0) + logit_gradients[r * p.stride + i];
        }
      }
    });
    // Phase 3: feature gradient, the sum over the groups in fixed order.
    parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * p.width; i < end * p.width; ++i) {
        float total = 0;
        for (int64_t group = 0; group < groups; ++group) total += partial[group * p.block * p.width + i];
        dfeatures[first * p.width + i] = total;
      }
    });
  }
  double total = 0;
  for (int64_t i = 0; i < p.tokens; ++i) total += losses[i];
  *loss = static_cast<float>(total);
}

// Multiplies the saved gradients by the upstream gradient. If it is 1, as usual, they are forwarded without a copy. The
// inputs of the loss are passed for second derivatives.
void gradient(Context& context) {
  const Tensor up = context.input(0);
  require_rank(up, "dloss", 0);
  const float factor = *up.as<float>();
  for (int i = 0; i < 3; ++i) {
    const Tensor from = context.input(i + 1);
    require_shape(from, "saved gradient", context.input(i + 4).shape);
    if (factor == 1) {
      context.pass(i + 1, i);
      continue;
    }
    const float* in = from.as<float>();
    float* out = context.output(i, from.shape).as<float>();
    parallel_for(from.size(), 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) out[j] = in[j] * factor;
    });
  }
}

void kernel_shapes(Shapes& shapes) {
  shapes.set(0, shapes.scalar());
  const auto unknown = shapes.join(shapes.vector(Shapes::kUnknown), shapes.vector(Shapes::kUnknown));
  shapes.set(1, unknown);
  shapes.set(2, unknown);
  shapes.set(3, shapes.vector(Shapes::kUnknown));
}

void gradient_shapes(Shapes& shapes) {
  for (int i = 0; i < 3; ++i) shapes.set(i, shapes.input(i + 4));
}

}  // namespace

// Tokens of weight 0 may have any label. If `gradients` is false, all outputs except the loss are empty.
TENSORSMITH_OP(projection_loss, "TensorsmithProjectionLoss",
               "features: float; kernel: float; bias: float; labels: int32; weights: float"
               " -> loss: float; dfeatures: float; dkernel: float; dbias: float"
               " | label_smoothing: float; mean: bool; gradients: bool",
               kernel_shapes, kernel);

TENSORSMITH_OP(projection_loss_grad, "TensorsmithProjectionLossGrad",
               "dloss: float; saved_dfeatures: float; saved_dkernel: float; saved_dbias: float;"
               " features: float; kernel: float; bias: float; labels: int32; weights: float"
               " -> dfeatures: float; dkernel: float; dbias: float | label_smoothing: float; mean: bool",
               gradient_shapes, gradient);

TENSORSMITH_END
