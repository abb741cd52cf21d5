// Gaussian error linear unit (Hendrycks and Gimpel, 2016) of x + bias, exact or with the approximation by tanh. The
// gradient recomputes the activation from x, so that no intermediate tensor is stored.
#include "runtime/op.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kRanges = 64;      // ranges of rows, each with its own sum for the bias gradient
constexpr int64_t kChunk = 4096;     // elements per row if there is no bias
constexpr float kRootTwoOverPi = 0.79788456080286536f;
constexpr float kCubic = 0.044715f;  // coefficient of the approximation

struct Exact {
  static Vec value(Vec z) { return z * distribution(z); }
  static Vec slope(Vec z) {
    const Vec density = exp_below_one(-0.5f * z * z) * (0.5f * kRootTwoOverPi);
    return distribution(z) + z * density;
  }
  static Vec distribution(Vec z) { return 0.5f + 0.5f * erf(z * 0.70710678118654752f); }
};

// (1 + tanh(u)) / 2 = sigmoid(2 u), which takes fewer operations.
struct Approximate {
  static Vec value(Vec z) { return z * sigmoid(inner(z)); }
  static Vec slope(Vec z) {
    const Vec s = sigmoid(inner(z));
    return s + z * s * (1.0f - s) * (2 * kRootTwoOverPi + 6 * kRootTwoOverPi * kCubic * (z * z));
  }
  static Vec inner(Vec z) { return z * (2 * kRootTwoOverPi + 2 * kRootTwoOverPi * kCubic * (z * z)); }
};

// Rows along the last axis, or chunks of a flat tensor if there is no bias.
struct Rows {
  int64_t size, width, count;

  Rows(const Tensor& x, const Tensor& bias) : size(x.size()) {
    width = bias.size() > 0 ? x.dim(-1) : kChunk;
    count = (size + width - 1) / width;
  }
  int64_t length(int64_t row) const { return row == count - 1 ? size - row * width : width; }
  int64_t grain() const { return grain_for(count, kRanges, 1 + kChunk / width); }
};

void check_bias(const Tensor& x, const Tensor& bias) {
  require(bias.rank() == 1, "bias: got rank %d, expected rank 1", bias.rank());
  if (bias.size() == 0) return;
  require(x.rank() >= 1, "x: got a scalar, expected rank 1 or more to match the bias");
  require_shape(bias, "bias", Shape(x.dim(-1)));
}

inline Vec load_part(const float* from, int64_t count) {
  if (count >= kLanes) return load(from);
  Vec value{};
  std::memcpy(&value, from, count * sizeof(float));
  return value;
}
inline void store_part(float* to, Vec value, int64_t count) {
  if (count >= kLanes) return store(to, value);
  std::memcpy(to, &value, count * sizeof(float));
}

template <class Gelu, class T>
void forward_rows(const Rows& rows, const T* xs, const float* bias, T* ys) {
  parallel_for(rows.count, rows.grain(), [&](int64_t begin, int64_t end) {
    Scratch<float> buffer(rows.width);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t length = rows.length(row), start = row * rows.width;
      const float* in = read(xs + start, buffer, length);
      float* out = sizeof(T) == sizeof(float) ? reinterpret_cast<float*>(ys + start) : buffer;
      for (int64_t i = 0; i < length; i += kLanes) {
        Vec z = load_part(in + i, length - i);
        if (bias) z += load_part(bias + i, length - i);
        store_part(out + i, Gelu::value(z), length - i);
      }
      if (sizeof(T) != sizeof(float)) write(out, ys + start, length);
    }
  });
}

template <class Gelu, class T>
void backward_rows(const Rows& rows, const T* dys, const T* xs, const float* bias, T* dxs, float* sums) {
  const int64_t grain = rows.grain();
  parallel_for(rows.count, grain, [&](int64_t begin, int64_t end) {
    Scratch<float> buffer(2 * rows.width);
    float* sum = bias ? sums + begin / grain * rows.width : nullptr;
    if (bias) std::memset(sum, 0, rows.width * sizeof(float));
    for (int64_t row = begin; row < end; ++row) {
      const int64_t length = rows.length(row), start = row * rows.width;
      const float* in = read(xs + start, buffer, length);
      const float* up = read(dys + start, buffer + rows.width, length);
      float* out = sizeof(T) == sizeof(float) ? reinterpret_cast<float*>(dxs + start) : buffer;
      for (int64_t i = 0; i < length; i += kLanes) {
        Vec z = load_part(in + i, length - i);
        if (bias) z += load_part(bias + i, length - i);
        const Vec d = load_part(up + i, length - i) * Gelu::slope(z);
        if (bias) store_part(sum + i, load_part(sum + i, length - i) + d, length - i);
        store_part(out + i, d, length - i);
      }
      if (sizeof(T) != sizeof(float)) write(out, dxs + start, length);
    }
  });
}

void forward(Context& context) {
  const Tensor x = context.input(0), bias = context.input(1);
  const bool approximate = context.flag("approximate");
  check_bias(x, bias);
  const Tensor y = context.output(0, x.shape);
  const Rows rows(x, bias);
  const float* offsets = bias.size() > 0 ? bias.as<float>() : nullptr;
  with_float_type(x.type, [&](auto storage) {
    using T = decltype(storage);
    const auto run = approximate ? forward_rows<Approximate, T> : forward_rows<Exact, T>;
    run(rows, x.as<T>(), offsets, y.as<T>());
  });
}

void backward(Context& context) {
  const Tensor dy = context.input(0), x = context.input(1), bias = context.input(2);
  const bool approximate = context.flag("approximate");
  check_bias(x, bias);
  require_shape(dy, "dy", x.shape);
  const Tensor dx = context.output(0, x.shape);
  float* dbias = context.output(1, bias.shape).as<float>();
  const Rows rows(x, bias);
  const float* offsets = bias.size() > 0 ? bias.as<float>() : nullptr;
  const int64_t ranges = (rows.count + rows.grain() - 1) / rows.grain();
  Scratch<float> sums(offsets ? ranges * rows.width : 0);
  with_float_type(x.type, [&](auto storage) {
    using T = decltype(storage);
    const auto run = approximate ? backward_rows<Approximate, T> : backward_rows<Exact, T>;
    run(rows, dy.as<T>(), x.as<T>(), offsets, dx.as<T>(), sums);
  });
  // Sum over the ranges, in fixed order.
  for (int64_t i = 0; i < bias.size(); ++i) {
    float sum = 0;
    for (int64_t range = 0; range < ranges; ++range) sum += sums[range * rows.width + i];
    dbias[i] = sum;
  }
}

void forward_shapes(Shapes& shapes) { shapes.set(0, shapes.input(0)); }

void backward_shapes(Shapes& shapes) {
  shapes.set(0, shapes.input(1));
  shapes.set(1, shapes.input(2, 1));
}

}  // namespace

TENSORSMITH_OP(gelu, "TensorsmithGelu",
               "x: T; bias: float -> y: T | T: {float, half, bfloat16}; approximate: bool", forward_shapes, forward);

TENSORSMITH_OP(gelu_grad, "TensorsmithGeluGrad",
               "dy: T; x: T; bias: float -> dx: T; dbias: float | T: {float, half, bfloat16}; approximate: bool",
               backward_shapes, backward);

TENSORSMITH_END
