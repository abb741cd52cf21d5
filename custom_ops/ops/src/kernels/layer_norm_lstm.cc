// Long short-term memory with layer normalization (Ba et al., 2016) of both matrix products and of the state c.
#include "kernels/recurrent_gradients.h"
#include "kernels/row_norm.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

// Blocks of a row of sums: the four gates of the recurrent product, then those of the input product. They are
// normalized separately.
struct LayerNormLstm {
  static constexpr int kStates = 2, kGates = 4, kOnes = 0;
  static constexpr Layout kLayout = {8, 0, 4, 0, 4, 4};
  static constexpr bool kAdds = false, kResetBefore = false;

  int64_t width;
  float units, epsilon;
  Blocked bias, kernel_scale, recurrent_scale, state_scale, state_offset, real;

  LayerNormLstm(Context& context, const Sequences& s)
      : width(s.width),
        units(static_cast<float>(s.units)),
        epsilon(context.number("epsilon")),
        bias(s.weight(context, 2, "bias", Shape(4 * s.units)), 1, 4, s.units, width, 4),
        kernel_scale(s.weight(context, 3, "kernel_scale", Shape(4 * s.units)), 1, 4, s.units, width, 4),
        recurrent_scale(s.weight(context, 4, "recurrent_scale", Shape(4 * s.units)), 1, 4, s.units, width, 4),
        state_scale(s.weight(context, 5, "state_scale", Shape(s.units)), 1, 1, s.units, width, 1),
        state_offset(s.weight(context, 6, "state_offset", Shape(s.units)), 1, 1, s.units, width, 1),
        real(nullptr, 1, 4, s.units, width, 4) {
    for (int gate = 0; gate < 4; ++gate)
      for (int64_t i = 0; i < s.units; ++i) real[gate * width + i] = 1;
  }

  // Record: i, f, g, o and c; both normalized products; three reciprocal standard deviations; the mean of c before its
  // normalization.
  int64_t record_size() const { return 13 * width + kLanes; }
  int64_t state_at() const { return 4 * width; }
  // Gradients of all weights except the two kernels.
  int64_t extra_size() const { return 14 * width; }

  void begin(float*) const {}

  void forward(const float* z, float* h, float* c, float* record) const {
    const int64_t w = width;
    const float *from_h = z, *from_x = z + 4 * w;
    // Normalized products, and the gates.
    const Statistics of_h = statistics(from_h, 4 * w, real, 4 * units, epsilon);
    const Statistics of_x = statistics(from_x, 4 * w, real, 4 * units, epsilon);
    const auto gate = [&](int64_t j) {
      const Vec one = (load(from_h + j) - of_h.mean) * of_h.rstd, other = (load(from_x + j) - of_x.mean) * of_x.rstd;
      store(record + 5 * w + j, one);
      store(record + 9 * w + j, other);
      return one * load(recurrent_scale + j) + other * load(kernel_scale + j) + load(bias + j);
    };
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec i = sigmoid(gate(j)), f = sigmoid(gate(w + j)), g = tanh(gate(2 * w + j)), o = sigmoid(gate(3 * w + j));
      store(record + j, i);
      store(record + w + j, f);
      store(record + 2 * w + j, g);
      store(record + 3 * w + j, o);
      store(h + j, o);
      store(c + j, f * load(c + j) + i * g);
    }
    // Normalized state, and h.
    const Statistics of_c = statistics(c, w, real, units, epsilon);
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec after = (load(c + j) - of_c.mean) * of_c.rstd * load(state_scale + j) + load(state_offset + j);
      store(c + j, after);
      store(record + 4 * w + j, after);
      store(h + j, load(h + j) * tanh(after));
    }
    float* numbers = record + 13 * w;
    numbers[0] = of_h.rstd, numbers[1] = of_x.rstd, numbers[2] = of_c.rstd, numbers[3] = of_c.mean;
  }

  void backward(const float* record, const float* before, float* dh, float* dc, float* dz, float* extra) const {
    const int64_t w = width;
    const float *normal_h = record + 5 * w, *normal_x = record + 9 * w, *numbers = record + 13 * w;
    float *dbias = extra, *dkernel_scale = extra + 4 * w, *drecurrent_scale = extra + 8 * w;
    float *dstate_scale = extra + 12 * w, *dstate_offset = extra + 13 * w, *dz_x = dz + 4 * w;

    // Gradient of the normalized state. dc holds its product with the scale, dh the normalized state.
    Vec total{}, dot{};
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec o = load(record + 3 * w + j), t = tanh(load(record + 4 * w + j)), up = load(dh + j);
      const Vec raw = load(record + w + j) * load(before + j) + load(record + j) * load(record + 2 * w + j);
      const Vec normal = (raw - numbers[3]) * numbers[2], d = load(dc + j) + up * o * (1.0f - t * t);
      const Vec scaled = d * load(state_scale + j);
      store(dstate_scale + j, load(dstate_scale + j) + d * normal);
      store(dstate_offset + j, load(dstate_offset + j) + d);
      store(dc + j, scaled);
      store(dh + j, normal);
      store(dz + 3 * w + j, up * t * o * (1.0f - o));
      total += scaled;
      dot += scaled * normal;
    }
    // Layer normalization: dx = rstd * (d - mean(d) - normal * mean(d * normal)).
    const float mean = sum(total) / units, mean_dot = sum(dot) / units;

    // Gradients of the gates, of both scales and of the bias.
    Vec total_h{}, dot_h{}, total_x{}, dot_x{};
    const auto gate = [&](int64_t j, Vec d) {
      const Vec one = load(normal_h + j), other = load(normal_x + j);
      const Vec d_h = d * load(recurrent_scale + j), d_x = d * load(kernel_scale + j);
      store(dbias + j, load(dbias + j) + d);
      store(dkernel_scale + j, load(dkernel_scale + j) + d * other);
      store(drecurrent_scale + j, load(drecurrent_scale + j) + d * one);
      store(dz + j, d_h);
      store(dz_x + j, d_x);
      total_h += d_h, dot_h += d_h * one;
      total_x += d_x, dot_x += d_x * other;
    };
    for (int64_t j = 0; j < w; j += kLanes) {
      const Vec i = load(record + j), f = load(record + w + j), g = load(record + 2 * w + j);
      const Vec d = (load(dc + j) - mean - load(dh + j) * mean_dot) * numbers[2];
      gate(j, d * g * i * (1.0f - i));
      gate(w + j, d * load(before + j) * f * (1.0f - f));
      gate(2 * w + j, d * i * (1.0f - g * g));
      gate(3 * w + j, load(dz + 3 * w + j));
      store(dc + j, d * f);
      store(dh + j, Vec{});
    }
    // Gradients of both products before their normalization.
    const float mean_h = sum(total_h) / (4 * units), mean_dot_h = sum(dot_h) / (4 * units);
    const float mean_x = sum(total_x) / (4 * units), mean_dot_x = sum(dot_x) / (4 * units);
    for (int64_t j = 0; j < 4 * w; j += kLanes) {
      store(dz + j, (load(dz + j) - mean_h - load(normal_h + j) * mean_dot_h) * numbers[0]);
      store(dz_x + j, (load(dz_x + j) - mean_x - load(normal_x + j) * mean_dot_x) * numbers[1]);
    }
  }
};

void forward(Context& context) {
  const Sequences s(context, 4, 2);
  require(s.weights.size() == 7, "weights: got %d tensors, expected 7", s.weights.size());
  walk_forward(context, s, LayerNormLstm(context, s));
}

void backward(Context& context) {
  const Sequences s(context, 4, 2);
  require(s.weights.size() == 7, "weights: got %d tensors, expected 7", s.weights.size());
  const LayerNormLstm cell(context, s);
  Scratch<float> extra(cell.extra_size());
  walk_backward(context, s, cell, nullptr, extra);
  // Removes the padding from the gradients.
  const float* from = extra;
  for (int i = 0; i < 5; ++i) {
    const int gates = i < 3 ? 4 : 1;
    float* to = context.output(3 + i, Shape(gates * s.units)).as<float>();
    for (int gate = 0; gate < gates; ++gate, from += s.width) copy(from, to + gate * s.units, s.units);
  }
}

}  // namespace

TENSORSMITH_OP(layer_norm_lstm, "TensorsmithLayerNormLstm",
               TENSORSMITH_RECURRENT_INPUTS
               " -> outputs: float; h: float; c: float; saved: float"
               " | weight_count: int >= 0; initial_count: int >= 0; go_backwards: bool; epsilon: float",
               walk_shapes<2>, forward);

TENSORSMITH_OP(layer_norm_lstm_grad, "TensorsmithLayerNormLstmGrad",
               TENSORSMITH_RECURRENT_GRADIENT_INPUTS "; epsilon: float", walk_gradient_shapes<2>, backward);

TENSORSMITH_END
