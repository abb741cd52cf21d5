// Softmax cross-entropy of integer labels, with one loss for each row of logits. Two numbers are saved for each row, the
// highest logit and the sum of the exponentials relative to it, from which the gradient computes the probabilities
// again. No other tensor of the size of the logits is stored.
#include <cmath>

#include "runtime/op.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kGrain = 1 << 13;  // logits of a work unit
constexpr float kInfinity = __builtin_inff();

// Validated inputs.
struct Rows {
  int64_t count, classes, ignored;
  const float* logits;
  const int32_t* labels;
  float smoothing;

  Rows(Context& context, int first) : ignored(context.integer("ignored")) {
    const Tensor logit_tensor = context.input(first), label_tensor = context.input(first + 1);
    require_rank(logit_tensor, "logits", 2);
    count = logit_tensor.dim(0), classes = logit_tensor.dim(1);
    require(classes > 0, "logits: got shape %s, expected at least one class", text(logit_tensor.shape).value);
    require_shape(label_tensor, "labels", Shape(count));
    logits = logit_tensor.as<float>(), labels = label_tensor.as<int32_t>();
    for (int64_t i = 0; i < count; ++i)
      require(is_ignored(i) || (labels[i] >= 0 && labels[i] < classes), "labels: got %d at %lld, expected 0 to %lld",
              labels[i], static_cast<long long>(i), static_cast<long long>(classes - 1));
    smoothing = context.number("label_smoothing");
    require(smoothing >= 0 && smoothing < 1, "label_smoothing: got %g, expected a number in [0, 1)",
            static_cast<double>(smoothing));
  }

  bool is_ignored(int64_t row) const { return labels[row] == ignored; }
  const float* row(int64_t i) const { return logits + i * classes; }
  int64_t grain() const { return 1 + kGrain / classes; }
};

// Loads a vector of a row, or its last elements followed by -inf, whose exponential is 0.
inline Vec load_part(const float* from, int64_t count) {
  if (count >= kLanes) return load(from);
  Vec value = broadcast(-kInfinity);
  std::memcpy(&value, from, count * sizeof(float));
  return value;
}

struct Statistics {
  float peak, total;
};

Statistics statistics(const float* row, int64_t classes) {
  Vec highest = broadcast(-kInfinity), total{};
  for (int64_t i = 0; i < classes; i += kLanes) {
    const Vec logit = load_part(row + i, classes - i);
    highest = logit > highest ? logit : highest;
  }
  float peak = highest[0];
  for (int lane = 1; lane < kLanes; ++lane) peak = highest[lane] > peak ? highest[lane] : peak;
  for (int64_t i = 0; i < classes; i += kLanes) total += exp_below_one(load_part(row + i, classes - i) - peak);
  return {peak, sum(total)};
}

void forward(Context& context) {
  const Rows rows(context, 0);
  float* losses = context.output(0, Shape(rows.count)).as<float>();
  Statistics* saved = reinterpret_cast<Statistics*>(context.output(1, Shape(rows.count, 2)).as<float>());
  parallel_for(rows.count, rows.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (rows.is_ignored(i)) {
        losses[i] = 0, saved[i] = {0, 1};
        continue;
      }
      const float* row = rows.row(i);
      saved[i] = statistics(row, rows.classes);
      const double peak = saved[i].peak, smoothing = rows.smoothing;
      double loss = std::log(static_cast<double>(saved[i].total)) - (1 - smoothing) * (row[rows.labels[i]] - peak);
      if (smoothing > 0) {
        const float all = reduce(rows.classes, [&](auto v, int64_t j) { return at<decltype(v)>(row + j); });
        loss -= smoothing * (static_cast<double>(all) / rows.classes - peak);
      }
      losses[i] = static_cast<float>(loss);
    }
  });
}

void backward(Context& context) {
  const Tensor up_tensor = context.input(0), saved_tensor = context.input(3);
  const Rows rows(context, 1);
  require_shape(up_tensor, "dlosses", Shape(rows.count));
  require_shape(saved_tensor, "statistics", Shape(rows.count, 2));
  const float* upstream = up_tensor.as<float>();
  const Statistics* saved = reinterpret_cast<const Statistics*>(saved_tensor.as<float>());
  float* gradients = context.output(0, Shape(rows.count, rows.classes)).as<float>();
  parallel_for(rows.count, rows.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* to = gradients + i * rows.classes;
      if (rows.is_ignored(i)) {
        std::memset(to, 0, rows.classes * sizeof(float));
        continue;
      }
      const float up = upstream[i], peak = saved[i].peak;
      const float scale = up / saved[i].total, uniform = up * rows.smoothing / rows.classes;
      for (int64_t j = 0; j < rows.classes; j += kLanes) {
        const int64_t left = rows.classes - j;
        const Vec gradient = exp_below_one(load_part(rows.row(i) + j, left) - peak) * scale - uniform;
        std::memcpy(to + j, &gradient, (left < kLanes ? left : kLanes) * sizeof(float));
      }
      to[rows.labels[i]] -= up * (1 - rows.smoothing);
    }
  });
}

void forward_shapes(Shapes& shapes) {
  const auto labels = shapes.input(1, 1);
  shapes.set(0, labels);
  shapes.set(1, shapes.join(labels, shapes.vector(2)));
}

void backward_shapes(Shapes& shapes) { shapes.set(0, shapes.input(1, 2)); }

}  // namespace

// Rows with the label `ignored` have a loss and gradients of 0.
TENSORSMITH_OP(softmax_cross_entropy, "TensorsmithSoftmaxCrossEntropy",
               "logits: float; labels: int32 -> losses: float; statistics: float | label_smoothing: float; ignored: int",
               forward_shapes, forward);

TENSORSMITH_OP(softmax_cross_entropy_grad, "TensorsmithSoftmaxCrossEntropyGrad",
               "dlosses: float; logits: float; labels: int32; statistics: float -> dlogits: float"
               " | label_smoothing: float; ignored: int",
               backward_shapes, backward);

TENSORSMITH_END
