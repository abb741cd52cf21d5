// Layer normalization (Ba et al., 2016) and RMS normalization (Zhang and Sennrich, 2019) over the last axis, with an
// optional residual. A row fits into the L1 cache, so every tensor is read and written once.
#include <cmath>

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kRanges = 64;  // ranges of rows, each with its own sums for the scale and offset gradients

void check_parameters(const Tensor& x, const Tensor& scale, const Tensor& offset, bool center) {
  require(x.rank() >= 1, "x: got a scalar, expected rank 1 or more");
  require_shape(scale, "scale", Shape(x.dim(-1)));
  require_shape(offset, "offset", Shape(center ? x.dim(-1) : 0));
}

Shape without_last(const Shape& shape) {
  Shape result = shape;
  --result.rank;
  return result;
}

void forward(Context& context) {
  const Range residual_range = context.range("residual");
  const Tensor x = context.input(0);
  const bool has_residual = residual_range.size() == 1;
  const Tensor residual = has_residual ? context.input(residual_range.begin) : Tensor();
  const Tensor scale = context.input(residual_range.end), offset = context.input(residual_range.end + 1);
  const bool center = context.flag("center");
  const float epsilon = context.number("epsilon");
  check_parameters(x, scale, offset, center);
  require(residual_range.size() <= 1, "residual: got %d tensors, expected one or none", residual_range.size());
  if (has_residual) require_shape(residual, "residual", x.shape);

  const Tensor y = context.output(0, x.shape);
  if (!has_residual) context.pass(0, 1);
  const Tensor total = has_residual ? context.output(1, x.shape) : Tensor();
  float* means = context.output(2, without_last(x.shape)).as<float>();
  float* rstds = context.output(3, without_last(x.shape)).as<float>();
  const float *scales = scale.as<float>(), *offsets = offset.as<float>();
  const int64_t width = x.dim(-1), rows = x.shape.product(0, x.rank() - 1);
  if (width == 0) {
    for (int64_t row = 0; row < rows; ++row) means[row] = rstds[row] = 0;
    return;
  }

  with_float_type(x.type, [&](auto storage) {
    using T = decltype(storage);
    const T* xs = x.as<T>();
    const T* residuals = has_residual ? residual.as<T>() : nullptr;
    T* totals = has_residual ? total.as<T>() : nullptr;
    T* ys = y.as<T>();
    parallel_for(rows, grain_for(rows, kRanges, 1 + 4096 / width), [&](int64_t begin, int64_t end) {
      Scratch<float> buffer(2 * width);
      float* values = buffer;
      float* others = buffer + width;
      for (int64_t row = begin; row < end; ++row) {
        const float* in = read(xs + row * width, values, width);
        // Residual sum, stored in the dtype of x.
        if (has_residual) {
          const float* more = read(residuals + row * width, others, width);
          each(width, [&](auto v, int64_t i) {
            using V = decltype(v);
            store(values + i, at<V>(in + i) + at<V>(more + i));
          });
          write(values, totals + row * width, width);
          in = read(totals + row * width, values, width);  // rounded, as the gradient will read it
        }
        // Statistics of the row in float32: the mean, then the variance around it.
        const float mean = center ? reduce(width, [&](auto v, int64_t i) { return at<decltype(v)>(in + i); }) / width : 0;
        const float square = reduce(width, [&](auto v, int64_t i) {
          const auto distance = at<decltype(v)>(in + i) - mean;
          return distance * distance;
        });
        const float rstd = 1 / std::sqrt(square / width + epsilon);
        means[row] = mean;
        rstds[row] = rstd;
        // Normalized row.
        float* out = sizeof(T) == sizeof(float) ? reinterpret_cast<float*>(ys + row * width) : values;
        if (center) {
          each(width, [&](auto v, int64_t i) {
            using V = decltype(v);
            store(out + i, (at<V>(in + i) - mean) * rstd * at<V>(scales + i) + at<V>(offsets + i));
          });
        } else {
          each(width, [&](auto v, int64_t i) {
            using V = decltype(v);
            store(out + i, at<V>(in + i) * rstd * at<V>(scales + i));
          });
        }
        if (sizeof(T) != sizeof(float)) write(out, ys + row * width, width);
      }
    });
  });
}

// With d = dy * scale and the normalized row n:
// dx = rstd * (d - mean(d) - n * mean(d * n)), where RMS normalization omits mean(d).
void backward(Context& context) {
  const Tensor dy = context.input(0), total = context.input(1), scale = context.input(2);
  const Tensor mean = context.input(3), rstd = context.input(4);
  const Range more = context.range("dtotal");
  const bool has_dtotal = more.size() == 1;
  const bool center = context.flag("center");
  require(more.size() <= 1, "dtotal: got %d tensors, expected one or none", more.size());
  require(total.rank() >= 1, "total: got a scalar, expected rank 1 or more");
  require_shape(dy, "dy", total.shape);
  require_shape(scale, "scale", Shape(total.dim(-1)));
  require_shape(mean, "mean", without_last(total.shape));
  require_shape(rstd, "rstd", without_last(total.shape));
  const Tensor dtotal = has_dtotal ? context.input(more.begin) : Tensor();
  if (has_dtotal) require_shape(dtotal, "dtotal", total.shape);

  const int64_t width = total.dim(-1), rows = width > 0 ? total.size() / width : 0;
  const Tensor dx = context.output(0, total.shape);
  float* dscale = context.output(1, Shape(width)).as<float>();
  float* doffset = context.output(2, Shape(width)).as<float>();
  const float *scales = scale.as<float>(), *means = mean.as<float>(), *rstds = rstd.as<float>();

  const int64_t grain = grain_for(rows, kRanges, 1 + 4096 / (width + 1));
  const int64_t ranges = (rows + grain - 1) / grain;
  Scratch<float> sums(ranges * 2 * width);
  with_float_type(dy.type, [&](auto storage) {
    using T = decltype(storage);
    const T *dys = dy.as<T>(), *totals = total.as<T>();
    const T* dtotals = has_dtotal ? dtotal.as<T>() : nullptr;
    T* dxs = dx.as<T>();
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      Scratch<float> buffer(3 * width);
      float* dscale_sums = sums + begin / grain * 2 * width;
      float* doffset_sums = dscale_sums + width;
      for (int64_t i = 0; i < 2 * width; ++i) dscale_sums[i] = 0;
      for (int64_t row = begin; row < end; ++row) {
        const float* in = read(totals + row * width, buffer, width);
        const float* up = read(dys + row * width, buffer + width, width);
        const float m = means[row], r = rstds[row];
        // Means of d and of d * n.
        const float along_mean =
            center ? reduce(width, [&](auto v, int64_t i) { return at<decltype(v)>(up + i) * at<decltype(v)>(scales + i); }) / width
                   : 0;
        const float along_x = reduce(width, [&](auto v, int64_t i) {
          using V = decltype(v);
          return at<V>(up + i) * at<V>(scales + i) * ((at<V>(in + i) - m) * r);
        }) / width;
        // Gradient of the row, and its contribution to the scale and offset gradients.
        float* out = sizeof(T) == sizeof(float) ? reinterpret_cast<float*>(dxs + row * width) : buffer + 2 * width;
        each(width, [&](auto v, int64_t i) {
          using V = decltype(v);
          const V normal = (at<V>(in + i) - m) * r, d = at<V>(up + i);
          store(out + i, r * (d * at<V>(scales + i) - along_mean - normal * along_x));
          store(dscale_sums + i, at<V>(dscale_sums + i) + d * normal);
          if (center) store(doffset_sums + i, at<V>(doffset_sums + i) + d);
        });
        if (has_dtotal) {
          const float* extra = read(dtotals + row * width, buffer, width);
          each(width, [&](auto v, int64_t i) {
            using V = decltype(v);
            store(out + i, at<V>(out + i) + at<V>(extra + i));
          });
        }
        if (sizeof(T) != sizeof(float)) write(out, dxs + row * width, width);
      }
    });
  });
  // Sum over the ranges, in fixed order.
  for (int64_t i = 0; i < width; ++i) {
    float scale_sum = 0, offset_sum = 0;
    for (int64_t range = 0; range < ranges; ++range) {
      scale_sum += sums[range * 2 * width + i];
      offset_sum += sums[range * 2 * width + width + i];
    }
    dscale[i] = scale_sum;
    doffset[i] = offset_sum;
  }
}

void forward_shapes(Shapes& shapes) {
  const auto x = shapes.input_at_least(0, 1);
  shapes.set(0, x);
  shapes.set(1, x);
  const auto rows = shapes.part(x, 0, -1);
  shapes.set(2, rows);
  shapes.set(3, rows);
}

void backward_shapes(Shapes& shapes) {
  shapes.set(0, shapes.input(1));
  const auto width = shapes.input(2, 1);
  shapes.set(1, width);
  shapes.set(2, width);
}

}  // namespace

TENSORSMITH_OP(layer_norm, "TensorsmithLayerNorm",
               "x: T; residual: residuals * T; scale: float; offset: float -> y: T; total: T; mean: float; rstd: float"
               " | T: {float, half, bfloat16}; residuals: int >= 0; epsilon: float; center: bool",
               forward_shapes, forward);

TENSORSMITH_OP(layer_norm_grad, "TensorsmithLayerNormGrad",
               "dy: T; total: T; scale: float; mean: float; rstd: float; dtotal: dtotals * T"
               " -> dx: T; dscale: float; doffset: float"
               " | T: {float, half, bfloat16}; dtotals: int >= 0; epsilon: float; center: bool",
               backward_shapes, backward);

TENSORSMITH_END
