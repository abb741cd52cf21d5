// Correlation cost volume (Dosovitskiy et al., "FlowNet", 2015): dot products of the vectors of one image with those in
// a neighborhood of the same position in another.
#include "runtime/op.h"
#include "runtime/weighted_sum.h"

TENSORSMITH_BEGIN
namespace {

// y[n, i, j, (p, q)] = mean over channels of a[n, i, j] * b[n, i * stride + p * apart, j * stride + q * apart]
struct Places {
  int64_t batch, rows, columns, channels, across, stride, apart, b_rows, b_columns;

  Places(Context& context, const Tensor& a, const Tensor& b)
      : across(context.integer("across")), stride(context.integer("stride")), apart(context.integer("apart")) {
    const auto fits = [](int64_t value) { return value >= 1 && value < (1 << 15); };
    require(fits(across) && fits(stride) && fits(apart), "across, stride and apart must be integers from 1 to 32767");
    require_rank(a, "a", 4);
    require_rank(b, "b", 4);
    batch = a.dim(0), rows = a.dim(1), columns = a.dim(2), channels = a.dim(3);
    require(rows < (1 << 30) && columns < (1 << 30), "a: got shape %s, expected smaller images", text(a.shape).value);
    b_rows = reach(rows), b_columns = reach(columns);
    require_shape(b, "b", Shape(batch, b_rows, b_columns, channels));
  }

  // Size of `b` along an axis on which `a` has size `count`.
  int64_t reach(int64_t count) const { return count == 0 ? 0 : (count - 1) * stride + (across - 1) * apart + 1; }
  int64_t in_a(int64_t n, int64_t i, int64_t j) const { return ((n * rows + i) * columns + j) * channels; }
  int64_t in_b(int64_t n, int64_t i, int64_t j) const { return ((n * b_rows + i) * b_columns + j) * channels; }
  int64_t in_y(int64_t n, int64_t i, int64_t j) const { return ((n * rows + i) * columns + j) * across * across; }
  Shape outputs() const { return Shape(batch, rows, columns, across * across); }
};

void forward(Context& context) {
  const Tensor a = context.input(0), b = context.input(1);
  const Places places(context, a, b);
  float* y = context.output(0, places.outputs()).as<float>();
  const float *from_a = a.as<float>(), *from_b = b.as<float>();
  const float scale = places.channels > 0 ? 1.0f / static_cast<float>(places.channels) : 0.0f;
  parallel_for(places.batch * places.rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / places.rows, i = row % places.rows;
      // Dot products of one pixel with all displacements.
      for (int64_t j = 0; j < places.columns; ++j) {
        const float* one = from_a + places.in_a(n, i, j);
        float* to = y + places.in_y(n, i, j);
        for (int64_t p = 0; p < places.across; ++p) {
          const float* other = from_b + places.in_b(n, i * places.stride + p * places.apart, j * places.stride);
          for (int64_t q = 0; q < places.across; ++q, other += places.apart * places.channels)
            *to++ = scale * reduce(places.channels, [&](auto kind, int64_t c) {
                      using V = decltype(kind);
                      return at<V>(one + c) * at<V>(other + c);
                    });
        }
      }
    }
  });
}

void backward(Context& context) {
  const Tensor dy = context.input(0), a = context.input(1), b = context.input(2);
  const Places places(context, a, b);
  require_shape(dy, "dy", places.outputs());
  const float *up = dy.as<float>(), *from_a = a.as<float>(), *from_b = b.as<float>();
  float *da = context.output(0, a.shape).as<float>(), *db = context.output(1, b.shape).as<float>();
  if (places.channels == 0) return;
  const float scale = 1.0f / static_cast<float>(places.channels);
  const int64_t across = places.across, stride = places.stride, apart = places.apart;
  // Gradient of a: weighted sums over the displacements.
  parallel_for(places.batch * places.rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / places.rows, i = row % places.rows;
      for (int64_t j = 0; j < places.columns; ++j)
        weighted_sum(places.channels, scale, da + places.in_a(n, i, j), [&](const auto& add) {
          const float* factors = up + places.in_y(n, i, j);
          for (int64_t p = 0; p < across; ++p) {
            const float* other = from_b + places.in_b(n, i * stride + p * apart, j * stride);
            for (int64_t q = 0; q < across; ++q) add(*factors++, other + q * apart * places.channels);
          }
        });
    }
  });
  // Gradient of b: row k of b is used by row i = (k - p * apart) / stride of a, if that is an integer in range. The
  // loop is over b, so that no two threads write to the same pixel.
  parallel_for(places.batch * places.b_rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / places.b_rows, k = row % places.b_rows;
      for (int64_t l = 0; l < places.b_columns; ++l)
        weighted_sum(places.channels, scale, db + places.in_b(n, k, l), [&](const auto& add) {
          for (int64_t p = 0; p < across && p * apart <= k; ++p) {
            const int64_t i = (k - p * apart) / stride;
            if (i * stride != k - p * apart || i >= places.rows) continue;
            for (int64_t q = 0; q < across && q * apart <= l; ++q) {
              const int64_t j = (l - q * apart) / stride;
              if (j * stride != l - q * apart || j >= places.columns) continue;
              add(up[places.in_y(n, i, j) + p * across + q], from_a + places.in_a(n, i, j));
            }
          }
        });
    }
  });
}

void forward_shapes(Shapes& shapes) {
  const auto a = shapes.input(0, 4);
  shapes.input(1, 4);
  shapes.set(0, shapes.join(shapes.part(a, 0, -1), shapes.vector(Shapes::kUnknown)));
}

void backward_shapes(Shapes& shapes) {
  shapes.set(0, shapes.input(1));
  shapes.set(1, shapes.input(2));
}

}  // namespace

TENSORSMITH_OP(correlation_cost, "TensorsmithCorrelationCost",
               "a: float; b: float -> y: float | across: int; stride: int; apart: int", forward_shapes, forward);

TENSORSMITH_OP(correlation_cost_grad, "TensorsmithCorrelationCostGrad",
               "dy: float; a: float; b: float -> da: float; db: float | across: int; stride: int; apart: int", backward_shapes,
               backward);

TENSORSMITH_END
