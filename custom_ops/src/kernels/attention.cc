// Exact scaled dot-product attention (Vaswani et al., 2017) in stripes: the scores of a block of queries against all keys
// they see, so that memory grows with the number of steps and not with its square. The gradient computes the scores anew
// (Dao et al., "FlashAttention", 2022).
#include <cmath>

#include "runtime/op.h"
#include "runtime/packed.h"
#include "runtime/vector.h"
#include "runtime/vector_math.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kStripe = int64_t{64} << 10;  // floats of a stripe: a quarter of a second-level cache
constexpr int64_t kUnits = 8;  // as many heads keep any number of threads that matters busy
constexpr float kInfinity = __builtin_inff();

// A tensor that is broadcast to [batch, heads, steps, keys]; a stride is 0 along broadcast axes.
struct Broadcast {
  int64_t strides[4] = {};

  Broadcast(const Tensor& tensor, const char* name, const int64_t (&full)[4]) {
    require_rank(tensor, name, 4);
    int64_t stride = 1;
    for (int axis = 3; axis >= 0; --axis) {
      const int64_t size = tensor.dim(axis);
      require(size == full[axis] || size == 1, "`%s`: received shape %s, expected 1 or %lld along axis %d", name,
              text(tensor.shape).value, static_cast<long long>(full[axis]), axis);
      strides[axis] = size == 1 ? 0 : stride;
      stride *= size;
    }
  }
  int64_t row(int64_t batch, int64_t head, int64_t step) const {
    return batch * strides[0] + head * strides[1] + step * strides[2];
  }
};

bool given(const Tensor& tensor) { return !(tensor.rank() == 1 && tensor.dim(0) == 0); }

// "lowbias32", a mixing function of 32 bits (Wellons, 2018).
inline uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// The inputs that forward and backward share, checked; `first` is the index of the query.
struct Problem {
  int64_t batch, steps, heads, width, keys, groups, value_width;
  const Tensor query, key, value;
  const int32_t* lengths = nullptr;
  const bool* mask = nullptr;
  const float* bias = nullptr;
  int64_t mask_strides[4] = {}, bias_strides[4] = {};
  uint32_t seed[2];
  uint32_t drop_below;  // of 2^32
  float keep_scale;
  float scale;
  bool causal;
  int64_t block;    // queries of a stripe
  int64_t columns;  // floats between the rows of a stripe

  Problem(Context& context, int first)
      : query(context.input(first)), key(context.input(first + 1)), value(context.input(first + 2)) {
    require_rank(query, "query", 4);
    require_rank(key, "key", 4);
    require_rank(value, "value", 4);
    batch = query.dim(0), steps = query.dim(1), heads = query.dim(2), width = query.dim(3);
    keys = key.dim(1), groups = key.dim(2), value_width = value.dim(3);
    require_shape(key, "key", Shape(batch, keys, groups, width));
    require_shape(value, "value", Shape(batch, keys, groups, value_width));
    require(groups > 0 ? heads % groups == 0 : heads == 0,
            "`key`: received %lld heads, expected a divisor of the query's %lld", static_cast<long long>(groups),
            static_cast<long long>(heads));
    const int64_t full[4] = {batch, heads, steps, keys};
    const Tensor lengths_tensor = context.input(first + 3), mask_tensor = context.input(first + 4);
    const Tensor bias_tensor = context.input(first + 5), seed_tensor = context.input(first + 6);
    if (given(lengths_tensor)) {
      require_shape(lengths_tensor, "lengths", Shape(batch));
      lengths = lengths_tensor.as<int32_t>();
      for (int64_t b = 0; b < batch; ++b)
        require(lengths[b] >= 0 && lengths[b] <= keys, "`lengths`: received %d at %lld, expected 0 to %lld", lengths[b],
                static_cast<long long>(b), static_cast<long long>(keys));
    }
    if (given(mask_tensor)) {
      const Broadcast view(mask_tensor, "mask", full);
      std::memcpy(mask_strides, view.strides, sizeof(mask_strides));
      mask = mask_tensor.as<bool>();
    }
    if (given(bias_tensor)) {
      const Broadcast view(bias_tensor, "bias", full);
      std::memcpy(bias_strides, view.strides, sizeof(bias_strides));
      bias = bias_tensor.as<float>();
    }
    require_shape(seed_tensor, "seed", Shape(2));
    for (int i = 0; i < 2; ++i) seed[i] = static_cast<uint32_t>(seed_tensor.as<int64_t>()[i]);
    const float rate = context.number("dropout");
    require(rate >= 0 && rate < 1, "`dropout`: received %g, expected a number in [0, 1)", static_cast<double>(rate));
    drop_below = static_cast<uint32_t>(static_cast<double>(rate) * 4294967296.0);
    keep_scale = 1 / (1 - rate);
    scale = context.number("scale");
    causal = context.flag("causal");
    // Whole panels, and no power of two, whose rows would compete for the same places in the cache.
    columns = (keys + Packed::kPanel - 1) / Packed::kPanel * Packed::kPanel + kLanes;
    block = kStripe / (columns > 0 ? columns : 1) / 8 * 8;
    block = block < 8 ? 8 : block > 128 ? 128 : block;
  }

  int64_t blocks() const { return (steps + block - 1) / block; }
  int64_t rows_of(int64_t begin) const { return begin + block < steps ? block : steps - begin; }

  // How many keys the queries before `end` see at most.
  int64_t visible(int64_t b, int64_t end) const {
    int64_t count = lengths != nullptr ? lengths[b] : keys;
    return causal && end < count ? end : count;
  }

  // From products of query and key to what the softmax takes, but for a factor, which is returned: scaled, with bias,
  // minus infinity where masked and up to the next whole vector.
  float finish_scores(float* row, int64_t b, int64_t h, int64_t i, int64_t count) const {
    const int64_t own = causal && i + 1 < count ? i + 1 : count;
    for (int64_t j = own; j < padded(count); ++j) row[j] = -kInfinity;
    if (bias == nullptr && mask == nullptr && scale > 0) return scale;
    for (int64_t j = 0; j < own; ++j) row[j] *= scale;
    if (bias != nullptr) {
      const float* from = bias + b * bias_strides[0] + h * bias_strides[1] + i * bias_strides[2];
      for (int64_t j = 0; j < own; ++j) row[j] += from[j * bias_strides[3]];
    }
    if (mask != nullptr) {
      const bool* from = mask + b * mask_strides[0] + h * mask_strides[1] + i * mask_strides[2];
      for (int64_t j = 0; j < own; ++j)
        if (!from[j * mask_strides[3]]) row[j] = -kInfinity;
    }
    return 1;
  }

  // What dropout multiplies a row of probabilities with: 0 or 1 / (1 - rate).
  void dropout_row(float* row, int64_t b, int64_t h, int64_t i, int64_t count) const {
    const uint32_t start = mix(static_cast<uint32_t>((b * heads + h) * steps + i) ^ seed[0]) + seed[1];
    for (int64_t j = 0; j < count; ++j)
      row[j] = mix(start + static_cast<uint32_t>(j) * 0x9e3779b9u) < drop_below ? 0.0f : keep_scale;
  }
};

// The rows of one head: rows [0, count) of a [steps, heads, width] tensor as float32, in place or converted to `buffer`.
template <class T>
Left<false> head_rows(const T* first, int64_t stride, int64_t count, int64_t width, float* buffer) {
  if (sizeof(T) == sizeof(float)) return {reinterpret_cast<const float*>(first), stride};
  for (int64_t i = 0; i < count; ++i) read(first + i * stride, buffer + i * width, width);
  return {buffer, width};
}

template <class T>
constexpr int64_t floats_to_convert(int64_t count) {
  return sizeof(T) == sizeof(float) ? 0 : count;
}

// The greatest number of a row that is filled up to whole vectors.
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

void forward(Context& context) {
  const Problem p(context, 0);
  const Tensor output = context.output(0, Shape(p.batch, p.steps, p.heads, p.value_width));
  float* normalizers = context.output(1, Shape(p.batch, p.heads, p.steps)).as<float>();
  const int64_t per_group = p.groups > 0 ? p.heads / p.groups : 1;

  with_float_type(p.query.type, [&](auto storage) {
    using T = decltype(storage);
    const T *queries = p.query.as<T>(), *keys = p.key.as<T>(), *values = p.value.as<T>();
    T* outputs = output.as<T>();
    // A unit is a head, or where there are few, some of its queries.
    const int64_t parts = p.batch * p.heads >= kUnits ? 1 : p.blocks();
    const int64_t part = parts == 1 ? p.steps : p.block;
    parallel_for(p.batch * p.heads * parts, 1, [&](int64_t unit_begin, int64_t unit_end) {
      Scratch<float> stripe(p.block * p.columns), factors(p.columns), inverses(p.block);
      Scratch<float> query_buffer(floats_to_convert<T>(p.block * p.width));
      Scratch<float> buffer(floats_to_convert<T>(p.keys * (p.width > p.value_width ? p.width : p.value_width)));
      Packed packed_key(p.width, p.keys), packed_value(p.keys, p.value_width);
      const int64_t result_stride = p.value_width + Packed::kPanel;
      Scratch<float> result(p.block * result_stride);
      for (int64_t unit = unit_begin; unit < unit_end; ++unit) {
        const int64_t h = unit / parts % p.heads, b = unit / parts / p.heads, g = h / per_group;
        const int64_t first = unit % parts * part, last = first + part < p.steps ? first + part : p.steps;
        const int64_t seen = p.visible(b, last), key_row = b * p.keys * p.groups + g;
        const auto k = head_rows(keys + key_row * p.width, p.groups * p.width, seen, p.width, buffer);
        packed_key.fill(k.data, k.stride, true, p.width, seen);
        const auto v =
            head_rows(values + key_row * p.value_width, p.groups * p.value_width, seen, p.value_width, buffer);
        packed_value.fill(v.data, v.stride, false, seen, p.value_width);
        for (int64_t begin = first; begin < last; begin += p.block) {
        const int64_t rows = p.rows_of(begin), count = p.visible(b, begin + rows);
        const auto q = head_rows(queries + ((b * p.steps + begin) * p.heads + h) * p.width, p.heads * p.width, rows,
                                 p.width, query_buffer);
        multiply(rows, count, p.width, q, packed_key, stripe, p.columns, false);
        for (int64_t r = 0; r < rows; ++r) {
          float* row = stripe + r * p.columns;
          const float factor = p.finish_scores(row, b, h, begin + r, count);
          const float top = factor * highest(row, count);
          const bool blind = top == -kInfinity;  // a query that sees no key gets zeros
          const float shift = blind ? 0 : top;
          Vec totals{};
          for (int64_t j = 0; j < count; j += kLanes) {
            const Vec share = exp_below_one(load(row + j) * factor - shift);
            totals += share;
            store(row + j, share);
          }
          const float total = sum(totals);
          normalizers[(b * p.heads + h) * p.steps + begin + r] = blind ? kInfinity : top + std::log(total);
          inverses[r] = blind ? 0 : 1 / total;
          if (p.drop_below > 0) {
            p.dropout_row(factors, b, h, begin + r, count);
            for (int64_t j = 0; j < count; ++j) row[j] *= factors[j];
          }
        }
        multiply(rows, p.value_width, count, Left<false>{stripe, p.columns}, packed_value, result, result_stride, false);
        for (int64_t r = 0; r < rows; ++r) {
          float* row = result + r * result_stride;
          for (int64_t j = 0; j < p.value_width; ++j) row[j] *= inverses[r];
          write(row, outputs + ((b * p.steps + begin + r) * p.heads + h) * p.value_width, p.value_width);
        }
        }
      }
    });
  });
}

// Adds the gradient of the scores of one row to the bias's, summed along its broadcast axes.
void add_to_bias(const Problem& p, float* dbias, const float* row, int64_t b, int64_t h, int64_t i, int64_t count) {
  float* to = dbias + b * p.bias_strides[0] + h * p.bias_strides[1] + i * p.bias_strides[2];
  if (p.bias_strides[3] == 0) {
    to[0] += reduce(count, [&](auto v, int64_t j) { return at<decltype(v)>(row + j); });
  } else {
    for (int64_t j = 0; j < count; ++j) to[j] += row[j];
  }
}

void backward(Context& context) {
  const Tensor doutput = context.input(0);
  const Problem p(context, 1);
  const Tensor normalizer = context.input(8), bias = context.input(6);
  require_shape(doutput, "doutput", Shape(p.batch, p.steps, p.heads, p.value_width));
  require_shape(normalizer, "normalizer", Shape(p.batch, p.heads, p.steps));
  const Tensor dquery = context.output(0, p.query.shape), dkey = context.output(1, p.key.shape);
  const Tensor dvalue = context.output(2, p.value.shape);
  float* dbias = context.output(3, bias.shape).as<float>();
  for (int64_t i = 0; i < bias.size(); ++i) dbias[i] = 0;
  const float* normalizers = normalizer.as<float>();
  const int64_t per_group = p.groups > 0 ? p.heads / p.groups : 1;
  // A group of heads shares key and value, and batches or groups may share a bias: what is summed stays in one unit.
  const bool batches_apart = p.bias == nullptr || p.bias_strides[0] != 0 || p.batch <= 1;
  const bool groups_apart = p.bias == nullptr || p.bias_strides[1] != 0 || p.groups <= 1;
  const int64_t batch_units = batches_apart ? p.batch : 1, group_units = groups_apart ? p.groups : 1;

  with_float_type(p.query.type, [&](auto storage) {
    using T = decltype(storage);
    const T *queries = p.query.as<T>(), *keys = p.key.as<T>(), *values = p.value.as<T>(), *ups = doutput.as<T>();
    T *dqueries = dquery.as<T>(), *dkeys = dkey.as<T>(), *dvalues = dvalue.as<T>();

    const auto one_group = [&](int64_t b, int64_t g) {
      const int64_t stride = p.width + Packed::kPanel, value_stride = p.value_width + Packed::kPanel;
      Scratch<float> shares(p.block * p.columns), slopes(p.block * p.columns), factors(p.columns);
      Scratch<float> dq(p.block * stride), dk(p.keys * stride), dv(p.keys * value_stride);
      Scratch<float> query_buffer(floats_to_convert<T>(p.block * p.width));
      Scratch<float> up_buffer(floats_to_convert<T>(p.block * p.value_width));
      Scratch<float> buffer(floats_to_convert<T>(p.keys * (p.width > p.value_width ? p.width : p.value_width)));
      Packed packed_key(p.keys, p.width), key_transposed(p.width, p.keys), value_transposed(p.value_width, p.keys);
      Packed packed_query(p.block, p.width), packed_up(p.block, p.value_width);
      std::memset(dk.data(), 0, p.keys * stride * sizeof(float));
      std::memset(dv.data(), 0, p.keys * value_stride * sizeof(float));
      const int64_t key_row = b * p.keys * p.groups + g;
      const auto k = head_rows(keys + key_row * p.width, p.groups * p.width, p.keys, p.width, buffer);
      packed_key.fill(k.data, k.stride, false, p.keys, p.width);
      key_transposed.fill(k.data, k.stride, true, p.width, p.keys);
      const auto v = head_rows(values + key_row * p.value_width, p.groups * p.value_width, p.keys, p.value_width, buffer);
      value_transposed.fill(v.data, v.stride, true, p.value_width, p.keys);
      for (int64_t h = g * per_group; h < (g + 1) * per_group; ++h) {
        for (int64_t begin = 0; begin < p.steps; begin += p.block) {
          const int64_t rows = p.rows_of(begin), count = p.visible(b, begin + rows);
          const int64_t first = (b * p.steps + begin) * p.heads + h;
          const auto q = head_rows(queries + first * p.width, p.heads * p.width, rows, p.width, query_buffer);
          const auto up =
              head_rows(ups + first * p.value_width, p.heads * p.value_width, rows, p.value_width, up_buffer);
          packed_query.fill(q.data, q.stride, false, rows, p.width);
          packed_up.fill(up.data, up.stride, false, rows, p.value_width);
          multiply(rows, count, p.width, q, key_transposed, shares, p.columns, false);
          multiply(rows, count, p.value_width, up, value_transposed, slopes, p.columns, false);
          for (int64_t r = 0; r < rows; ++r) {
            float *share = shares + r * p.columns, *slope = slopes + r * p.columns;
            const float factor = p.finish_scores(share, b, h, begin + r, count);
            const float shift = normalizers[(b * p.heads + h) * p.steps + begin + r];
            for (int64_t j = count; j < padded(count); ++j) slope[j] = 0;
            if (p.drop_below > 0) {
              p.dropout_row(factors, b, h, begin + r, count);
              for (int64_t j = 0; j < count; ++j) slope[j] *= factors[j];
            }
            Vec along{};
            for (int64_t j = 0; j < count; j += kLanes) {
              const Vec part = exp_below_one(load(share + j) * factor - shift);
              store(share + j, part);
              along += part * load(slope + j);
            }
            const float mean = sum(along);
            // The scores' gradient, times what the products of query and key were multiplied by.
            const float outer = p.bias != nullptr ? 1 : p.scale;
            for (int64_t j = 0; j < count; j += kLanes)
              store(slope + j, load(share + j) * (load(slope + j) - mean) * outer);
            if (p.bias != nullptr) {
              add_to_bias(p, dbias, slope, b, h, begin + r, count);
              for (int64_t j = 0; j < count; ++j) slope[j] *= p.scale;
            }
            if (p.drop_below > 0)
              for (int64_t j = 0; j < count; ++j) share[j] *= factors[j];
          }
          multiply(rows, p.width, count, Left<false>{slopes, p.columns}, packed_key, dq, stride, false);
          multiply(count, p.width, rows, Left<true>{slopes, p.columns}, packed_query, dk, stride, true);
          multiply(count, p.value_width, rows, Left<true>{shares, p.columns}, packed_up, dv, value_stride, true);
          for (int64_t r = 0; r < rows; ++r)
            write(dq + r * stride, dqueries + (first + r * p.heads) * p.width, p.width);
        }
      }
      for (int64_t j = 0; j < p.keys; ++j) {
        const int64_t row = (b * p.keys + j) * p.groups + g;
        write(dk + j * stride, dkeys + row * p.width, p.width);
        write(dv + j * value_stride, dvalues + row * p.value_width, p.value_width);
      }
    };

    parallel_for(batch_units * group_units, 1, [&](int64_t unit_begin, int64_t unit_end) {
      for (int64_t unit = unit_begin; unit < unit_end; ++unit) {
        const int64_t b = unit / group_units, g = unit % group_units;
        for (int64_t i = b; i < (batches_apart ? b + 1 : p.batch); ++i)
          for (int64_t j = g; j < (groups_apart ? g + 1 : p.groups); ++j) one_group(i, j);
      }
    });
  });
}

void forward_shapes(Shapes& shapes) {
  const auto query = shapes.input(0, 4), value = shapes.input(2, 4);
  shapes.set(0, shapes.join(shapes.part(query, 0, 3), shapes.part(value, 3)));
  shapes.set(1, shapes.join(shapes.join(shapes.part(query, 0, 1), shapes.part(query, 2, 3)), shapes.part(query, 1, 2)));
}

void backward_shapes(Shapes& shapes) {
  for (int i = 0; i < 3; ++i) shapes.set(i, shapes.input(i + 1, 4));
  shapes.set(3, shapes.input(6));
}

}  // namespace

// Of lengths, mask and bias, a tensor of shape [0] stands for none.
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
