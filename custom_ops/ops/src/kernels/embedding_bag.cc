// Weighted sums of embedding rows, without a copy of the rows.
#include "runtime/op.h"
#include "runtime/weighted_sum.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kAhead = 8;  // prefetch distance in rows, as rows are accessed at random

// Validated indices [bags, size] into a table [rows, width].
struct Bags {
  int64_t count, size, width;
  const int32_t* indices;
  const float* table;

  Bags(const Tensor& index, const Tensor& rows) {
    require_rank(index, "indices", 2);
    require_rank(rows, "table", 2);
    count = index.dim(0), size = index.dim(1), width = rows.dim(1);
    indices = index.as<int32_t>(), table = rows.as<float>();
    for (int64_t i = 0; i < count * size; ++i)
      require(indices[i] >= 0 && indices[i] < rows.dim(0), "indices: got %d, expected 0 to %lld", indices[i],
              static_cast<long long>(rows.dim(0) - 1));
  }

  const float* row(int64_t i) const { return table + indices[i] * width; }
  void fetch(int64_t i) const {
    if (i < count * size)
      for (int64_t k = 0; k < width; k += 16) __builtin_prefetch(row(i) + k);
  }
  int64_t grain() const { return grain_for(count, 64, 1 + 16384 / (1 + size * width)); }
};

void forward(Context& context) {
  const Tensor indices = context.input(0), table = context.input(1), weight_tensor = context.input(2);
  const Bags bags(indices, table);
  const bool weighted = weight_tensor.size() > 0;
  if (weighted) require_shape(weight_tensor, "weights", indices.shape);
  const float* weights = weight_tensor.as<float>();
  float* y = context.output(0, Shape(bags.count, bags.width)).as<float>();
  // Each bag is accumulated in registers and written once.
  parallel_for(bags.count, bags.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t bag = begin; bag < end; ++bag)
      weighted_sum(bags.width, 1.0f, y + bag * bags.width, [&](const auto& add) {
        for (int64_t i = bag * bags.size; i < (bag + 1) * bags.size; ++i) {
          bags.fetch(i + kAhead);
          add(weighted ? weights[i] : 1.0f, bags.row(i));
        }
      });
  });
}

// Gradient of the weights: the dot product of each row with the output gradient of its bag. The table gradient is
// formed in Python as `tf.IndexedSlices`.
void backward(Context& context) {
  const Tensor dy = context.input(0), indices = context.input(1), table = context.input(2);
  const Bags bags(indices, table);
  require_shape(dy, "dy", Shape(bags.count, bags.width));
  const float* up = dy.as<float>();
  float* out = context.output(0, indices.shape).as<float>();
  parallel_for(bags.count, bags.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * bags.size; i < end * bags.size; ++i) {
      bags.fetch(i + kAhead);
      const float *row = bags.row(i), *of = up + i / bags.size * bags.width;
      out[i] = reduce(bags.width, [&](auto kind, int64_t k) {
        using V = decltype(kind);
        return at<V>(row + k) * at<V>(of + k);
      });
    }
  });
}

void forward_shapes(Shapes& shapes) {
  const auto indices = shapes.input(0, 2), table = shapes.input(1, 2);
  shapes.set(0, shapes.join(shapes.part(indices, 0, 1), shapes.part(table, 1)));
}

void backward_shapes(Shapes& shapes) { shapes.set(0, shapes.input(1, 2)); }

}  // namespace

TENSORSMITH_OP(embedding_bag, "TensorsmithEmbeddingBag", "indices: int32; table: float; weights: float -> y: float",
               forward_shapes, forward);

TENSORSMITH_OP(embedding_bag_grad, "TensorsmithEmbeddingBagGrad",
               "dy: float; indices: int32; table: float -> dweights: float", backward_shapes, backward);

TENSORSMITH_END
