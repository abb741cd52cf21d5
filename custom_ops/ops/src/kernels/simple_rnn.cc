// Fully connected recurrent network (Elman, 1990), with optional layer normalization (Ba et al., 2016).
#include "kernels/recurrent_gradients.h"
#include "kernels/row_norm.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

// h = tanh(z + bias). The record is h.
struct Plain {
  static constexpr int kStates = 1, kGates = 1, kOnes = 1;
  static constexpr Layout kLayout = {1, 0, 1, 0, 0, 1};
  static constexpr bool kAdds = true, kResetBefore = false;

  int64_t width;
  Blocked bias;

  Plain(Context& context, const Sequences& s)
      : width(s.width), bias(s.weight(context, 2, "bias", Shape(s.units)), 1, 1, s.units, width, 1) {}

  int64_t record_size() const { return width; }
  int64_t state_at() const { return 0; }
  int64_t extra_size() const { return 0; }

  void begin(float*) const {}

  void forward(const float* z, float* h, float*, float* record) const {
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec after = tanh(load(z + j) + load(bias + j));
      store(h + j, after);
      store(record + j, after);
    }
  }

  void backward(const float* record, const float*, float* dh, float*, float* dz, float*) const {
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec h = load(record + j);
      store(dz + j, load(dh + j) * (1.0f - h * h));
      store(dh + j, Vec{});
    }
  }
};

// h = tanh(scale * norm(z) + bias).
struct Normalized {
  static constexpr int kStates = 1, kGates = 1, kOnes = 0;
  static constexpr Layout kLayout = {1, 0, 1, 0, 0, 1};
  static constexpr bool kAdds = true, kResetBefore = false;

  int64_t width;
  float units, epsilon;
  Blocked bias, scale, real;

  Normalized(Context& context, const Sequences& s)
      : width(s.width),
        units(static_cast<float>(s.units)),
        epsilon(context.number("epsilon")),
        bias(s.weight(context, 2, "bias", Shape(s.units)), 1, 1, s.units, width, 1),
        scale(s.weight(context, 3, "scale", Shape(s.units)), 1, 1, s.units, width, 1),
        real(nullptr, 1, 1, s.units, width, 1) {
    for (int64_t i = 0; i < s.units; ++i) real[i] = 1;
  }

  // Record: h, the normalized sums, and their reciprocal standard deviation.
  int64_t record_size() const { return 2 * width + kLanes; }
  int64_t state_at() const { return 0; }
  int64_t extra_size() const { return 2 * width; }

  void begin(float*) const {}

  void forward(const float* z, float* h, float*, float* record) const {
    const Statistics all = statistics(z, width, real, units, epsilon);
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec normal = (load(z + j) - all.mean) * all.rstd;
      const Vec after = tanh(normal * load(scale + j) + load(bias + j));
      store(h + j, after);
      store(record + j, after);
      store(record + width + j, normal);
    }
    record[2 * width] = all.rstd;
  }

  void backward(const float* record, const float*, float* dh, float*, float* dz, float* extra) const {
    const float* normals = record + width;
    // Gradients of bias and scale, and sums for the gradient of the normalization.
    Vec total{}, dot{};
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec h = load(record + j), normal = load(normals + j), d = load(dh + j) * (1.0f - h * h);
      const Vec scaled = d * load(scale + j);
      store(extra + j, load(extra + j) + d);
      store(extra + width + j, load(extra + width + j) + d * normal);
      store(dz + j, scaled);
      store(dh + j, Vec{});
      total += scaled;
      dot += scaled * normal;
    }
    // dz = rstd * (d - mean(d) - normal * mean(d * normal)).
    const float mean = sum(total) / units, mean_dot = sum(dot) / units, rstd = record[2 * width];
    for (int64_t j = 0; j < width; j += kLanes)
      store(dz + j, (load(dz + j) - mean - load(normals + j) * mean_dot) * rstd);
  }
};

void forward(Context& context) {
  const Sequences s(context, 1, 1);
  require(s.weights.size() <= 4, "weights: got %d tensors, expected 3 or 4", s.weights.size());
  if (s.weights.size() == 4) {
    walk_forward(context, s, Normalized(context, s));
  } else {
    walk_forward(context, s, Plain(context, s));
  }
}

void backward(Context& context) {
  const Sequences s(context, 1, 1);
  require(s.weights.size() <= 4, "weights: got %d tensors, expected 3 or 4", s.weights.size());
  float* dbias = context.output(3, Shape(s.units)).as<float>();
  if (s.weights.size() == 3) {
    walk_backward(context, s, Plain(context, s), dbias, nullptr);
    return;
  }
  const Normalized cell(context, s);
  Scratch<float> extra(cell.extra_size());
  float* dscale = context.output(4, Shape(s.units)).as<float>();
  walk_backward(context, s, cell, nullptr, extra);
  copy(extra, dbias, s.units);
  copy(extra + s.width, dscale, s.units);
}

}  // namespace

TENSORSMITH_OP(simple_rnn, "TensorsmithSimpleRnn",
               TENSORSMITH_RECURRENT_INPUTS
               " -> outputs: float; h: float; saved: float"
               " | weight_count: int >= 0; initial_count: int >= 0; go_backwards: bool; epsilon: float",
               walk_shapes<1>, forward);

TENSORSMITH_OP(simple_rnn_grad, "TensorsmithSimpleRnnGrad", TENSORSMITH_RECURRENT_GRADIENT_INPUTS "; epsilon: float",
               walk_gradient_shapes<1>, backward);

TENSORSMITH_END
