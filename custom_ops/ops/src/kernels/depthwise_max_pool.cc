// Max pooling over channels, for which TensorFlow has no gradient on CPU.
#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

// Validated windows along the last axis. With "same" padding, windows that extend beyond its ends are truncated.
struct Windows {
  int64_t rows, channels, outputs, size, stride, before;

  Windows(Context& context, const Tensor& x) : size(context.integer("pool_size")), stride(context.integer("stride")) {
    require(x.rank() >= 1, "x: got a scalar, expected rank 1 or more");
    require(size >= 1 && size < (int64_t{1} << 31), "pool_size: got %lld, expected 1 or more",
            static_cast<long long>(size));
    require(stride >= 1 && stride < (int64_t{1} << 31), "stride: got %lld, expected 1 or more",
            static_cast<long long>(stride));
    channels = x.dim(-1), rows = channels > 0 ? x.size() / channels : 0;
    if (context.flag("same")) {
      outputs = (channels + stride - 1) / stride;
      const int64_t missing = (outputs - 1) * stride + size - channels;
      before = missing > 0 ? missing / 2 : 0;
    } else {
      outputs = channels >= size ? (channels - size) / stride + 1 : 0;
      before = 0;
    }
  }

  int64_t begin(int64_t output) const {
    const int64_t first = output * stride - before;
    return first > 0 ? first : 0;
  }
  int64_t end(int64_t output) const {
    const int64_t last = output * stride - before + size;
    return last < channels ? last : channels;
  }
  // Size of the windows if they are adjacent, complete and supported by vectorized code, else 0.
  int64_t size_if_apart() const {
    const bool apart = stride == size && before == 0 && outputs * size <= channels;
    return apart && size >= 2 && size <= 4 ? size : 0;
  }
  int64_t grain() const { return grain_for(rows, 64, 1 + 16384 / (1 + channels)); }
  Shape outputs_of(const Tensor& x) const {
    Shape shape = x.shape;
    shape.dims[shape.rank - 1] = outputs;
    return shape;
  }
};

// True if `value` replaces the maximum `top`. The first of equal values is kept, and NaN is the maximum. The expression
// is free of branches, which would be mispredicted.
inline bool higher(float value, float top) { return (value > top) | (value != value); }

// Adjacent windows of constant size, in loops that the compiler vectorizes.
template <int kSize>
void forward_apart(const float* __restrict row, int64_t outputs, float* __restrict to) {
  for (int64_t j = 0; j < outputs; ++j) {
    float top = row[j * kSize];
    for (int k = 1; k < kSize; ++k) top = higher(row[j * kSize + k], top) ? row[j * kSize + k] : top;
    to[j] = top;
  }
}
template <int kSize>
void backward_apart(const float* __restrict row, const float* __restrict up, int64_t outputs, float* __restrict to) {
  for (int64_t j = 0; j < outputs; ++j) {
    float top = row[j * kSize];
    int best = 0;
    for (int k = 1; k < kSize; ++k) {
      const bool more = higher(row[j * kSize + k], top);
      best = more ? k : best;
      top = more ? row[j * kSize + k] : top;
    }
    for (int k = 0; k < kSize; ++k) to[j * kSize + k] = best == k ? up[j] : 0;
  }
}

// Index of the maximum of a window.
int64_t top_of(const Windows& windows, const float* row, int64_t output) {
  int64_t best = windows.begin(output);
  for (int64_t i = best + 1; i < windows.end(output); ++i) best = higher(row[i], row[best]) ? i : best;
  return best;
}

void forward_row(const Windows& windows, const float* row, float* to) {
  switch (windows.size_if_apart()) {
    case 2:
      return forward_apart<2>(row, windows.outputs, to);
    case 3:
      return forward_apart<3>(row, windows.outputs, to);
    case 4:
      return forward_apart<4>(row, windows.outputs, to);
    default:
      for (int64_t j = 0; j < windows.outputs; ++j) to[j] = row[top_of(windows, row, j)];
  }
}

void backward_row(const Windows& windows, const float* row, const float* up, float* to) {
  const int64_t size = windows.size_if_apart();
  // Channels outside of all windows, or all channels before accumulation.
  for (int64_t i = windows.outputs * size; i < windows.channels; ++i) to[i] = 0;
  switch (size) {
    case 2:
      return backward_apart<2>(row, up, windows.outputs, to);
    case 3:
      return backward_apart<3>(row, up, windows.outputs, to);
    case 4:
      return backward_apart<4>(row, up, windows.outputs, to);
    default:
      for (int64_t j = 0; j < windows.outputs; ++j) to[top_of(windows, row, j)] += up[j];
  }
}

void forward(Context& context) {
  const Tensor x = context.input(0);
  const Windows windows(context, x);
  const Tensor y = context.output(0, windows.outputs_of(x));
  with_float_type(x.type, [&](auto storage) {
    using T = decltype(storage);
    const T* from = x.as<T>();
    T* to = y.as<T>();
    parallel_for(windows.rows, windows.grain(), [&](int64_t begin, int64_t end) {
      Scratch<float> buffer(windows.channels), tops(windows.outputs);
      for (int64_t r = begin; r < end; ++r) {
        forward_row(windows, read(from + r * windows.channels, buffer, windows.channels), tops);
        write(tops, to + r * windows.outputs, windows.outputs);
      }
    });
  });
}

void backward(Context& context) {
  const Tensor dy = context.input(0), x = context.input(1);
  const Windows windows(context, x);
  require_shape(dy, "dy", windows.outputs_of(x));
  const Tensor dx = context.output(0, x.shape);
  with_float_type(x.type, [&](auto storage) {
    using T = decltype(storage);
    const T *from = x.as<T>(), *ups = dy.as<T>();
    T* to = dx.as<T>();
    parallel_for(windows.rows, windows.grain(), [&](int64_t begin, int64_t end) {
      Scratch<float> buffer(windows.channels), up_buffer(windows.outputs), sums(windows.channels);
      for (int64_t r = begin; r < end; ++r) {
        backward_row(windows, read(from + r * windows.channels, buffer, windows.channels),
                     read(ups + r * windows.outputs, up_buffer, windows.outputs), sums);
        write(sums, to + r * windows.channels, windows.channels);
      }
    });
  });
}

void forward_shapes(Shapes& shapes) {
  const auto x = shapes.input_at_least(0, 1);
  shapes.set(0, shapes.join(shapes.part(x, 0, -1), shapes.vector(Shapes::kUnknown)));
}

void backward_shapes(Shapes& shapes) { shapes.set(0, shapes.input(1)); }

}  // namespace

TENSORSMITH_OP(depthwise_max_pool, "TensorsmithDepthwiseMaxPool",
               "x: T -> y: T | T: {float, half, bfloat16}; pool_size: int; stride: int; same: bool", forward_shapes, forward);

TENSORSMITH_OP(depthwise_max_pool_grad, "TensorsmithDepthwiseMaxPoolGrad",
               "dy: T; x: T -> dx: T | T: {float, half, bfloat16}; pool_size: int; stride: int; same: bool",
               backward_shapes, backward);

TENSORSMITH_END
