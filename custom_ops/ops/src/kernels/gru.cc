// Gated recurrent units (Cho et al., 2014), with the reset gate applied after or before the recurrent product.
#include "kernels/recurrent_gradients.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

// Cell with the reset gate after the recurrent product. Blocks of a row of sums: the recurrent part of n, z, r, and the
// input part of n, so that both products write to three adjacent blocks.
struct ResetAfter {
  static constexpr int kStates = 1, kGates = 3, kOnes = 1;
  static constexpr Layout kLayout = {4, 0, 3, 2, 1, 3};
  static constexpr bool kAdds = true, kResetBefore = false;

  int64_t width;
  Blocked bias, recurrent_bias;

  ResetAfter(Context& context, const Sequences& s) : ResetAfter(s, s.weight(context, 2, "bias", Shape(2, 3 * s.units))) {}
  ResetAfter(const Sequences& s, const float* biases)
      : width(s.width),
        bias(biases, 1, 3, s.units, width, 3),
        recurrent_bias(biases + 3 * s.units, 1, 3, s.units, width, 3) {
    // For z and r, both biases are added to the same sum.
    for (int64_t i = 0; i < 2 * width; ++i) bias[i] += recurrent_bias[i];
  }

  // Record: z, r, n, the recurrent part of n, and h.
  int64_t record_size() const { return 5 * width; }
  int64_t state_at() const { return 4 * width; }
  int64_t extra_size() const { return width; }

  void begin(float* sums) const { copy(recurrent_bias + 2 * width, sums, width); }

  // n = tanh(input + r * part) and h' = z h + (1 - z) n, written as n + z (h - n).
  void forward(const float* sums, float* h, float*, float* record) const {
    const int64_t w = width;
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec part = load(sums + j), before = load(h + j);
      const Vec z = sigmoid(load(sums + w + j) + load(bias + j));
      const Vec r = sigmoid(load(sums + 2 * w + j) + load(bias + w + j));
      const Vec n = tanh(load(sums + 3 * w + j) + load(bias + 2 * w + j) + r * part);
      const Vec after = n + z * (before - n);
      store(h + j, after);
      store(record + j, z);
      store(record + w + j, r);
      store(record + 2 * w + j, n);
      store(record + 3 * w + j, part);
      store(record + 4 * w + j, after);
    }
  }

  void backward(const float* record, const float* before, float* dh, float*, float* dsums, float* extra) const {
    const int64_t w = width;
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec z = load(record + j), r = load(record + w + j), n = load(record + 2 * w + j);
      // dn and dpart are gradients before the activation of n.
      const Vec up = load(dh + j), dn = up * (1.0f - z) * (1.0f - n * n), dpart = dn * r;
      store(dsums + j, dpart);
      store(dsums + w + j, up * (load(before + j) - n) * z * (1.0f - z));
      store(dsums + 2 * w + j, dn * load(record + 3 * w + j) * r * (1.0f - r));
      store(dsums + 3 * w + j, dn);
      // The remaining gradient of h is added by the recurrent product.
      store(dh + j, up * z);
      store(extra + j, load(extra + j) + dpart);
    }
  }
};

// Cell with the reset gate before the recurrent product. Blocks of a row of sums: z, r, n.
struct ResetBefore {
  static constexpr int kStates = 1, kGates = 3, kOnes = 1;
  static constexpr Layout kLayout = {3, 0, 2, 0, 0, 3};
  static constexpr bool kAdds = true, kResetBefore = true;

  int64_t width;
  Blocked bias;

  ResetBefore(Context& context, const Sequences& s)
      : width(s.width), bias(s.weight(context, 2, "bias", Shape(3 * s.units)), 1, 3, s.units, width, 3) {}

  // Record: z, r, n and h.
  int64_t record_size() const { return 4 * width; }
  int64_t state_at() const { return 3 * width; }
  int64_t extra_size() const { return 0; }

  void begin(float*) const {}

  // Computes r in place, and r * h, the input of the recurrent product of n.
  void reset(float* sums, const float* fed, float* to) const {
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec r = sigmoid(load(sums + width + j) + load(bias + width + j));
      store(sums + width + j, r);
      store(to + j, r * load(fed + j));
    }
  }

  void forward(const float* sums, float* h, float*, float* record) const {
    const int64_t w = width;
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec z = sigmoid(load(sums + j) + load(bias + j)), n = tanh(load(sums + 2 * w + j) + load(bias + 2 * w + j));
      const Vec after = n + z * (load(h + j) - n);
      store(h + j, after);
      store(record + j, z);
      store(record + w + j, load(sums + w + j));
      store(record + 2 * w + j, n);
      store(record + 3 * w + j, after);
    }
  }

  void backward(const float* record, const float* before, float* dh, float*, float* dsums, float*) const {
    const int64_t w = width;
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec z = load(record + j), n = load(record + 2 * w + j), up = load(dh + j);
      store(dsums + j, up * (load(before + j) - n) * z * (1.0f - z));
      store(dsums + 2 * w + j, up * (1.0f - z) * (1.0f - n * n));
      store(dh + j, up * z);
    }
  }

  // `through` is the gradient of r * h, and `fed` is h after dropout.
  void reset_backward(const float* record, const float* fed, const float* dropout, const float* through, float* dh,
                      float* dsums) const {
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec r = load(record + width + j), d = load(through + j);
      store(dsums + width + j, d * load(fed + j) * r * (1.0f - r));
      store(dh + j, load(dh + j) + (dropout == nullptr ? d * r : d * r * load(dropout + j)));
    }
  }
};

void forward(Context& context) {
  const Sequences s(context, 3, 1);
  require(s.weights.size() == 3, "weights: got %d tensors, expected 3", s.weights.size());
  if (context.flag("reset_after")) {
    walk_forward(context, s, ResetAfter(context, s));
  } else {
    walk_forward(context, s, ResetBefore(context, s));
  }
}

void backward(Context& context) {
  const Sequences s(context, 3, 1);
  require(s.weights.size() == 3, "weights: got %d tensors, expected 3", s.weights.size());
  const int64_t gates = 3 * s.units;
  if (!context.flag("reset_after")) {
    const ResetBefore cell(context, s);
    walk_backward(context, s, cell, context.output(3, Shape(gates)).as<float>(), nullptr);
    return;
  }
  const ResetAfter cell(context, s);
  Scratch<float> extra(cell.extra_size());
  float* dbias = context.output(3, Shape(2, gates)).as<float>();
  walk_backward(context, s, cell, dbias, extra);
  // For z and r, the recurrent bias has the gradient of the input bias.
  copy(dbias, dbias + gates, 2 * s.units);
  copy(extra, dbias + gates + 2 * s.units, s.units);
}

}  // namespace

TENSORSMITH_OP(gru, "TensorsmithGru",
               TENSORSMITH_RECURRENT_INPUTS
               " -> outputs: float; h: float; saved: float"
               " | weight_count: int >= 0; initial_count: int >= 0; go_backwards: bool; reset_after: bool",
               walk_shapes<1>, forward);

TENSORSMITH_OP(gru_grad, "TensorsmithGruGrad", TENSORSMITH_RECURRENT_GRADIENT_INPUTS "; reset_after: bool",
               walk_gradient_shapes<1>, backward);

TENSORSMITH_END
