// Exact scaled dot-product attention (Vaswani et al., 2017). Scores are computed for a block of queries against all of
// their visible keys (a stripe), so that memory is linear in the number of steps. The gradient recomputes the scores
// (Dao et al., "FlashAttention", 2022).
#include <initializer_list>

#include "kernels/attention_args.h"
#include "runtime/op.h"
#include "runtime/packed.h"
#include "runtime/vector.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kUnits = 8;  // number of work units, enough for the supported numbers of threads

// Pointer to step i of one head in a tensor of shape [batch, steps, heads, width].
template <class T>
T* step_of(const Tensor& tensor, int64_t b, int64_t i, int64_t h) {
  return tensor.as<T>() + ((b * tensor.dim(1) + i) * tensor.dim(2) + h) * tensor.dim(3);
}

// Returns `count` steps of one head as float32 rows, in place or converted into `buffer`.
template <class T>
Left<false> head_rows(const Tensor& tensor, int64_t b, int64_t i, int64_t h, int64_t count, float* buffer) {
  const int64_t width = tensor.dim(3), stride = tensor.dim(2) * width;
  const T* first = step_of<T>(tensor, b, i, h);
  if (sizeof(T) == sizeof(float)) return {reinterpret_cast<const float*>(first), stride};
  for (int64_t row = 0; row < count; ++row) read(first + row * stride, buffer + row * width, width);
  return {buffer, width};
}

template <class T>
constexpr int64_t floats_to_convert(int64_t count) {
  return sizeof(T) == sizeof(float) ? 0 : count;
}

// Packs the first `count` keys or values of one group, or their transpose, as right operand of matrix products.
template <class T>
void pack(Packed& packed, const Tensor& tensor, int64_t b, int64_t g, int64_t count, bool transposed) {
  const int64_t width = tensor.dim(3);
  Scratch<float> buffer(floats_to_convert<T>(count * width));
  const auto rows = head_rows<T>(tensor, b, 0, g, count, buffer);
  packed.fill(rows.data, rows.stride, transposed, transposed ? width : count, transposed ? count : width);
}

// Maximum of a row that is padded to whole vectors.
float highest(const float* row, int64_t count) {
  Vec first = broadcast(-kInfinity), second = first;
  for (int64_t j = 0; j < count; j += 2 * kLanes) {
    const Vec one = load(row + j), other = j + kLanes < count ? load(row + j + kLanes) : one;
    first = one > first ? one : first;
    second = other > second ? other : second;
  }
  first = second > first ? second : first;
  float result = first[0];
  for (int lane = 1; lane < kLanes; ++lane) result = first[lane] > result ? first[lane] : result;
  return result;
}

// Turns the dot products of one query into unnormalized probabilities, the exponentials of the scores minus their
// maximum normalizer[0], which cannot overflow. The caller multiplies by normalizer[1], the inverse of their sum.
void forward_row(const AttentionArgs& p, float* row, float* factors, int64_t b, int64_t h, int64_t i, int64_t count,
                 float* normalizer) {
  const int64_t own = p.visible_to(i, count);
  const float factor = p.finish_scores(row, b, h, i, own);
  const float top = highest(row, own);
  const bool blind = top == -kInfinity;  // a query without visible keys gets zeros
  const float shift = blind ? 0 : top;
  Vec totals{};
  for (int64_t j = 0; j < own; j += kLanes) {
    const Vec probability = exp_below_one((load(row + j) - shift) * factor);
    totals += probability;
    store(row + j, probability);
  }
  normalizer[0] = shift;
  normalizer[1] = blind ? 0 : 1 / sum(totals);
  if (p.drop_below > 0) {
    p.dropout_row(factors, b, h, i, own);
    for (int64_t j = 0; j < own; ++j) row[j] *= factors[j];
  }
  for (int64_t j = padded(own); j < count; ++j) row[j] = 0;
}

// Computes the outputs of the queries of one head in the blocks [first, last).
template <class T>
void forward_blocks(const AttentionArgs& p, const Packed& key, const Packed& value, int64_t b, int64_t h, int64_t first,
                    int64_t last, const Tensor& output, float* normalizers) {
  const int64_t stride = p.value_width + Packed::kPanel;
  Scratch<float> stripe(p.block * p.columns), factors(p.columns), result(p.block * stride);
  Scratch<float> query_buffer(floats_to_convert<T>(p.block * p.width));
  for (int64_t begin = first * p.block; begin < last * p.block; begin += p.block) {
    const int64_t rows = p.rows_of(begin), count = p.visible(b, begin + rows);
    float* normalizer = normalizers + p.normalizer_of(b, h, begin);
    const auto q = head_rows<T>(p.query, b, begin, h, rows, query_buffer);
    multiply(rows, count, p.width, q, key, stripe, p.columns, false);
    for (int64_t r = 0; r < rows; ++r)
      forward_row(p, stripe + r * p.columns, factors, b, h, begin + r, count, normalizer + 2 * r);
    multiply(rows, p.value_width, count, Left<false>{stripe, p.columns}, value, result, stride, false);
    T* to = step_of<T>(output, b, begin, h);
    for (int64_t r = 0; r < rows; ++r) {
      float* row = result + r * stride;
      for (int64_t j = 0; j < p.value_width; ++j) row[j] *= normalizer[2 * r + 1];
      write(row, to + r * p.heads * p.value_width, p.value_width);
    }
  }
}

void forward(Context& context) {
  const AttentionArgs p(context, 0);
  const Tensor output = context.output(0, Shape(p.batch, p.steps, p.heads, p.value_width));
  float* normalizers = context.output(1, Shape(p.batch, p.heads, p.steps, 2)).as<float>();
  if (p.value_width == 0) {  // the number of keys may then be arbitrary
    std::memset(normalizers, 0, p.batch * p.heads * p.steps * 2 * sizeof(float));
    return;
  }
  // Heads are distributed over threads and, if there are few heads, the blocks of each head as well.
  const int64_t grain = p.batch * p.heads >= kUnits ? p.blocks() : 1;
  with_float_type(p.query.type, [&](auto storage) {
    using T = decltype(storage);
    parallel_for(p.batch * p.heads, 1, [&](int64_t head, int64_t) {
      const int64_t b = head / p.heads, h = head % p.heads, g = h / p.per_group, seen = p.visible(b, p.steps);
      Packed key(p.width, p.keys), value(p.keys, p.value_width);
      pack<T>(key, p.key, b, g, seen, true);
      pack<T>(value, p.value, b, g, seen, false);
      parallel_for(p.blocks(), grain, [&](int64_t first, int64_t last) {
        forward_blocks<T>(p, key, value, b, h, first, last, output, normalizers);
      });
    });
  });
}

// Partition of the gradient computation over threads. Sums to which several threads contribute are accumulated in
// separate buffers and added at the end, in an order that depends on the shapes alone. Groups of heads that share a
// bias form a set. If there are few sets, they are cut into slices of groups, and the queries of a group into parts.
// Each slice and part has its own copy of the bias gradient if all copies fit into the memory of the other gradients;
// otherwise, all work on one row of it is kept in one part.
struct GradientPartition {
  int64_t group_sets, sets;        // sets along the groups, and in total
  int64_t member_groups, members;  // groups of a set per example, and in total
  int64_t slices, parts, copies;
  int64_t lane_heads, lane_blocks;  // heads of a group and query blocks that may be in different parts

  GradientPartition(const AttentionArgs& p, int64_t bias_size) {
    const auto apart = [&](int axis) { return p.bias == nullptr || p.bias_places.strides[axis] != 0; };
    group_sets = apart(1) ? p.groups : 1;
    sets = (apart(0) ? p.batch : 1) * group_sets;
    member_groups = p.groups / group_sets;
    members = p.batch * p.groups / sets;
    lane_heads = p.per_group, lane_blocks = p.blocks();
    slices = enough(sets, members), parts = enough(sets * slices, lane_heads * lane_blocks);
    copies = slices * parts;
    if (copies * bias_size > p.query.size() + p.key.size() + p.value.size()) {
      if (!apart(1)) lane_heads = 1;
      if (!apart(2)) lane_blocks = 1;
      slices = copies = 1, parts = enough(sets, lane_heads * lane_blocks);
    }
  }

  // Number of pieces, from 1 to `most`, into which each of `count` items is cut to obtain kUnits pieces.
  static int64_t enough(int64_t count, int64_t most) {
    const int64_t wanted = (kUnits + count - 1) / count;
    return wanted < most ? wanted : most < 1 ? 1 : most;
  }

  // Part of a query block of a head. Adjacent blocks belong to different parts, because later blocks are more expensive
  // in causal attention.
  int64_t part_of(int64_t head, int64_t block) const {
    return (block % lane_blocks * lane_heads + head % lane_heads) % parts;
  }
  int64_t copy_of(int64_t slice, int64_t part) const { return (slice * parts + part) % copies; }
};

// Further inputs and outputs of the gradient. `dbias` points to the copies of the bias gradient, of `bias_size` floats
// each.
struct Gradients {
  Tensor doutput, dquery, dkey, dvalue;
  const float* normalizers;
  float* dbias;
  int64_t bias_size;
};

// Keys and values of a group, packed for the matrix products of the gradient.
struct PackedGroup {
  Packed key, key_transposed, value_transposed;
};

// Adds the score gradient of one row to the bias gradient, summed over broadcast axes.
void add_to_bias(const AttentionArgs& p, float* dbias, const float* row, int64_t b, int64_t h, int64_t i, int64_t count) {
  float* to = dbias + p.bias_places.row(b, h, i);
  if (p.bias_places.strides[3] == 0) {
    to[0] += reduce(count, [&](auto v, int64_t j) { return at<decltype(v)>(row + j); });
  } else {
    for (int64_t j = 0; j < count; ++j) to[j] += row[j];
  }
}

// Recomputes the probabilities P of one query from its dot products in `probability`, and turns the dot products of the
// output gradient with the values, in `gradient`, into the gradient of the former: dS = P * (dP - sum(P * dP)). Adds the
// score gradient to the bias gradient. Dropout is applied to `probability` at the end, as the value gradient requires.
void backward_row(const AttentionArgs& p, float* probability, float* gradient, float* factors, int64_t b, int64_t h, int64_t i,
                  int64_t count, const float* normalizer, float* dbias) {
  const int64_t own = p.visible_to(i, count);
  const float factor = p.finish_scores(probability, b, h, i, own);
  const float shift = normalizer[0], inverse = normalizer[1];
  for (int64_t j = own; j < padded(count); ++j) gradient[j] = 0;
  for (int64_t j = padded(own); j < count; ++j) probability[j] = 0;
  if (p.drop_below > 0) {
    p.dropout_row(factors, b, h, i, own);
    for (int64_t j = 0; j < own; ++j) gradient[j] *= factors[j];
  }
  // Probabilities, and their dot product with the upstream gradient.
  Vec dot{};
  for (int64_t j = 0; j < own; j += kLanes) {
    const Vec part = exp_below_one((load(probability + j) - shift) * factor) * inverse;
    store(probability + j, part);
    dot += part * load(gradient + j);
  }
  const float mean = sum(dot);
  const float outer = p.bias != nullptr ? 1 : p.scale;
  for (int64_t j = 0; j < own; j += kLanes)
    store(gradient + j, load(probability + j) * (load(gradient + j) - mean) * outer);
  if (p.bias != nullptr) {
    add_to_bias(p, dbias, gradient, b, h, i, count);
    for (int64_t j = 0; j < own; ++j) gradient[j] *= p.scale;
  }
  if (p.drop_below > 0)
    for (int64_t j = 0; j < own; ++j) probability[j] *= factors[j];
}

// Computes one part of a group: the gradients of its queries, and its contribution to the key, value and bias
// gradients.
template <class T>
void backward_part(const AttentionArgs& p, const GradientPartition& partition, const Gradients& gradients, const PackedGroup& packed,
                   int64_t b, int64_t g, int64_t part, float* dk, float* dv, float* dbias) {
  const int64_t stride = p.width + Packed::kPanel, value_stride = p.value_width + Packed::kPanel;
  Scratch<float> probabilities(p.block * p.columns), score_gradients(p.block * p.columns), factors(p.columns), dq(p.block * stride);
  Scratch<float> query_buffer(floats_to_convert<T>(p.block * p.width));
  Scratch<float> up_buffer(floats_to_convert<T>(p.block * p.value_width));
  Packed packed_query(p.block, p.width), packed_up(p.block, p.value_width);
  std::memset(dk, 0, p.keys * stride * sizeof(float));
  std::memset(dv, 0, p.keys * value_stride * sizeof(float));
  for (int64_t head = 0; head < p.per_group; ++head) {
    const int64_t h = g * p.per_group + head;
    for (int64_t block = 0; block < p.blocks(); ++block) {
      if (partition.part_of(head, block) != part) continue;
      const int64_t begin = block * p.block, rows = p.rows_of(begin), count = p.visible(b, begin + rows);
      const float* normalizer = gradients.normalizers + p.normalizer_of(b, h, begin);
      const auto q = head_rows<T>(p.query, b, begin, h, rows, query_buffer);
      const auto up = head_rows<T>(gradients.doutput, b, begin, h, rows, up_buffer);
      packed_query.fill(q.data, q.stride, false, rows, p.width);
      packed_up.fill(up.data, up.stride, false, rows, p.value_width);
      // Scores and the gradient of the probabilities, then the gradient of the scores.
      multiply(rows, count, p.width, q, packed.key_transposed, probabilities, p.columns, false);
      multiply(rows, count, p.value_width, up, packed.value_transposed, score_gradients, p.columns, false);
      for (int64_t r = 0; r < rows; ++r)
        backward_row(p, probabilities + r * p.columns, score_gradients + r * p.columns, factors, b, h, begin + r, count,
                     normalizer + 2 * r, dbias);
      // dQ = dS K, dK += dSᵀ Q, dV += Pᵀ dO.
      multiply(rows, p.width, count, Left<false>{score_gradients, p.columns}, packed.key, dq, stride, false);
      multiply(count, p.width, rows, Left<true>{score_gradients, p.columns}, packed_query, dk, stride, true);
      multiply(count, p.value_width, rows, Left<true>{probabilities, p.columns}, packed_up, dv, value_stride, true);
      T* to = step_of<T>(gradients.dquery, b, begin, h);
      for (int64_t r = 0; r < rows; ++r) write(dq + r * stride, to + r * p.heads * p.width, p.width);
    }
  }
}

// Sums `terms` rows of `width` floats at intervals of `distance` in place in the first row, and writes the sum.
template <class T>
void write_sum(float* first, int64_t distance, int64_t terms, int64_t width, T* to) {
  for (int64_t term = 1; term < terms; ++term)
    for (int64_t j = 0; j < width; ++j) first[j] += first[term * distance + j];
  write(first, to, width);
}

template <class T>
void backward_group(const AttentionArgs& p, const GradientPartition& partition, const Gradients& gradients, int64_t b, int64_t g,
                    int64_t slice) {
  PackedGroup packed{{p.keys, p.width}, {p.width, p.keys}, {p.value_width, p.keys}};
  pack<T>(packed.key, p.key, b, g, p.keys, false);
  pack<T>(packed.key_transposed, p.key, b, g, p.keys, true);
  pack<T>(packed.value_transposed, p.value, b, g, p.keys, true);
  const int64_t stride = p.width + Packed::kPanel, value_stride = p.value_width + Packed::kPanel;
  const int64_t size = p.keys * stride, value_size = p.keys * value_stride, parts = partition.parts;
  Scratch<float> dk(parts * size), dv(parts * value_size);
  // Each part accumulates dK and dV in its own buffer.
  parallel_for(parts, 1, [&](int64_t part, int64_t) {
    float* dbias = gradients.dbias + partition.copy_of(slice, part) * gradients.bias_size;
    backward_part<T>(p, partition, gradients, packed, b, g, part, dk + part * size, dv + part * value_size, dbias);
  });
  // Sum over the parts, in fixed order.
  T *dkey = step_of<T>(gradients.dkey, b, 0, g), *dvalue = step_of<T>(gradients.dvalue, b, 0, g);
  parallel_for(p.keys, grain_for(p.keys, parts), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      write_sum(dk + j * stride, size, parts, p.width, dkey + j * p.groups * p.width);
      write_sum(dv + j * value_stride, value_size, parts, p.value_width, dvalue + j * p.groups * p.value_width);
    }
  });
}

void backward(Context& context) {
  const AttentionArgs p(context, 1);
  const Tensor doutput = context.input(0), bias = context.input(6), normalizer = context.input(8);
  require_shape(doutput, "doutput", Shape(p.batch, p.steps, p.heads, p.value_width));
  require_shape(normalizer, "normalizer", Shape(p.batch, p.heads, p.steps, 2));
  Gradients gradients{doutput, context.output(0, p.query.shape), context.output(1, p.key.shape),
                      context.output(2, p.value.shape), normalizer.as<float>(), nullptr, bias.size()};
  float* dbias = context.output(3, bias.shape).as<float>();
  for (int64_t i = 0; i < bias.size(); ++i) dbias[i] = 0;
  if (p.batch == 0 || p.groups == 0) return;
  if (p.value_width == 0) {
    for (const Tensor& tensor : {gradients.dquery, gradients.dkey})
      std::memset(tensor.data, 0, tensor.size() * bytes_of(tensor.type));
    return;
  }

  const GradientPartition partition(p, bias.size());
  const int64_t copied = partition.copies > 1 ? partition.copies * bias.size() : 0;
  Scratch<float> copies(copied);
  std::memset(copies, 0, copied * sizeof(float));
  gradients.dbias = copied > 0 ? copies : dbias;
  with_float_type(p.query.type, [&](auto storage) {
    using T = decltype(storage);
    parallel_for(partition.sets * partition.slices, 1, [&](int64_t unit, int64_t) {
      const int64_t set = unit / partition.slices, slice = unit % partition.slices;
      const int64_t begin = partition.members * slice / partition.slices;
      const int64_t end = partition.members * (slice + 1) / partition.slices;
      for (int64_t member = begin; member < end; ++member) {
        const int64_t b = set / partition.group_sets + member / partition.member_groups;
        const int64_t g = set % partition.group_sets + member % partition.member_groups;
        backward_group<T>(p, partition, gradients, b, g, slice);
      }
    });
  });
  // Sum over the copies of the bias gradient, in fixed order.
  if (copied > 0)
    parallel_for(bias.size(), 4096, [&](int64_t begin, int64_t end) {
      write_sum(copies + begin, bias.size(), partition.copies, end - begin, dbias + begin);
    });
}

void forward_shapes(Shapes& shapes) {
  const auto query = shapes.input(0, 4), value = shapes.input(2, 4);
  shapes.set(0, shapes.join(shapes.part(query, 0, 3), shapes.part(value, 3)));
  const auto heads = shapes.join(shapes.part(query, 0, 1), shapes.part(query, 2, 3));
  shapes.set(1, shapes.join(heads, shapes.join(shapes.part(query, 1, 2), shapes.vector(2))));
}

void backward_shapes(Shapes& shapes) {
  for (int i = 0; i < 3; ++i) shapes.set(i, shapes.input(i + 1, 4));
  shapes.set(3, shapes.input(6));
}

}  // namespace

// A tensor of shape [0] stands for omitted lengths, mask or bias.
TENSORSMITH_OP(attention, "TensorsmithAttention",
               "query: T; key: T; value: T; lengths: int32; mask: bool; bias: float; seed: int64"
               " -> output: T; normalizer: float"
               " | T: {float, half, bfloat16}; scale: float; causal: bool; dropout: float",
               forward_shapes, forward);

TENSORSMITH_OP(attention_grad, "TensorsmithAttentionGrad",
               "doutput: T; query: T; key: T; value: T; lengths: int32; mask: bool; bias: float; seed: int64;"
               " normalizer: float -> dquery: T; dkey: T; dvalue: T; dbias: float"
               " | T: {float, half, bfloat16}; scale: float; causal: bool; dropout: float",
               backward_shapes, backward);

TENSORSMITH_END
