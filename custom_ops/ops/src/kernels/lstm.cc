// Long short-term memory (Hochreiter and Schmidhuber, 1997), with optional peepholes (Gers et al., 2002).
#include "kernels/recurrent_gradients.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

// LSTM cell. Blocks of a row of sums: i, f, g, o.
template <bool kPeepholes>
struct Lstm {
  static constexpr int kStates = 2, kGates = 4, kOnes = 1;
  static constexpr Layout kLayout = {4, 0, 4, 0, 0, 4};
  static constexpr bool kAdds = true, kResetBefore = false;

  int64_t width;
  Blocked bias, peepholes;

  Lstm(Context& context, const Sequences& s)
      : width(s.width),
        bias(s.weight(context, 2, "bias", Shape(4 * s.units)), 1, 4, s.units, width, 4),
        peepholes(kPeepholes ? s.weight(context, 3, "peephole", Shape(3, s.units)) : nullptr, 1, 3, s.units, width, 3) {}

  // Record: i, f, g, o and c.
  int64_t record_size() const { return 5 * width; }
  int64_t state_at() const { return 4 * width; }
  int64_t extra_size() const { return kPeepholes ? 3 * width : 0; }

  void begin(float*) const {}

  // c' = f c + i g and h = o tanh(c'). The gates i and f see c through peepholes, the gate o sees c'.
  void forward(const float* z, float* h, float* c, float* record) const {
    const int64_t w = width;
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec before = load(c + j);
      Vec i = load(z + j) + load(bias + j), f = load(z + w + j) + load(bias + w + j);
      const Vec g = tanh(load(z + 2 * w + j) + load(bias + 2 * w + j));
      Vec o = load(z + 3 * w + j) + load(bias + 3 * w + j);
      if (kPeepholes) {
        i += load(peepholes + j) * before;
        f += load(peepholes + w + j) * before;
      }
      i = sigmoid(i), f = sigmoid(f);
      const Vec after = f * before + i * g;
      if (kPeepholes) o += load(peepholes + 2 * w + j) * after;
      o = sigmoid(o);
      store(c + j, after);
      store(h + j, o * tanh(after));
      store(record + j, i);
      store(record + w + j, f);
      store(record + 2 * w + j, g);
      store(record + 3 * w + j, o);
      store(record + 4 * w + j, after);
    }
  }

  void backward(const float* record, const float* before, float* dh, float* dc, float* dz, float* extra) const {
    const int64_t w = width;
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec i = load(record + j), f = load(record + w + j), g = load(record + 2 * w + j);
      const Vec o = load(record + 3 * w + j), c = load(record + 4 * w + j), old = load(before + j);
      // Gradient of the output gate, then the total gradient d of c.
      const Vec t = tanh(c), up = load(dh + j), dzo = up * t * o * (1.0f - o);
      Vec d = load(dc + j) + up * o * (1.0f - t * t);
      if (kPeepholes) d += dzo * load(peepholes + 2 * w + j);
      // Gradients of the other gates, and of the previous c.
      const Vec dzi = d * g * i * (1.0f - i), dzf = d * old * f * (1.0f - f);
      Vec down = d * f;
      if (kPeepholes) {
        down += dzi * load(peepholes + j) + dzf * load(peepholes + w + j);
        store(extra + j, load(extra + j) + dzi * old);
        store(extra + w + j, load(extra + w + j) + dzf * old);
        store(extra + 2 * w + j, load(extra + 2 * w + j) + dzo * c);
      }
      // The previous h is reached by the recurrent product only.
      store(dh + j, Vec{});
      store(dc + j, down);
      store(dz + j, dzi);
      store(dz + w + j, dzf);
      store(dz + 2 * w + j, d * i * (1.0f - g * g));
      store(dz + 3 * w + j, dzo);
    }
  }
};

template <bool kPeepholes>
void gradient(Context& context, const Sequences& s) {
  const Lstm<kPeepholes> cell(context, s);
  Scratch<float> extra(cell.extra_size());
  float* dbias = context.output(3, Shape(4 * s.units)).as<float>();
  walk_backward(context, s, cell, dbias, extra);
  if (!kPeepholes) return;
  float* dpeepholes = context.output(4, Shape(3, s.units)).as<float>();
  for (int gate = 0; gate < 3; ++gate) copy(extra + gate * s.width, dpeepholes + gate * s.units, s.units);
}

void forward(Context& context) {
  const Sequences s(context, 4, 2);
  require(s.weights.size() <= 4, "weights: got %d tensors, expected 3 or 4", s.weights.size());
  if (s.weights.size() == 4) {
    walk_forward(context, s, Lstm<true>(context, s));
  } else {
    walk_forward(context, s, Lstm<false>(context, s));
  }
}

void backward(Context& context) {
  const Sequences s(context, 4, 2);
  require(s.weights.size() <= 4, "weights: got %d tensors, expected 3 or 4", s.weights.size());
  if (s.weights.size() == 4) {
    gradient<true>(context, s);
  } else {
    gradient<false>(context, s);
  }
}

}  // namespace

TENSORSMITH_OP(lstm, "TensorsmithLstm",
               TENSORSMITH_RECURRENT_INPUTS
               " -> outputs: float; h: float; c: float; saved: float"
               " | weight_count: int >= 0; initial_count: int >= 0; go_backwards: bool",
               walk_shapes<2>, forward);

TENSORSMITH_OP(lstm_grad, "TensorsmithLstmGrad", TENSORSMITH_RECURRENT_GRADIENT_INPUTS, walk_gradient_shapes<2>, backward);

TENSORSMITH_END
