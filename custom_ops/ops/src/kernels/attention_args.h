// Inputs of scaled dot-product attention: their validation, the scores of a row of keys, and its dropout factors.
#pragma once

#include "runtime/op.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN

constexpr int64_t kStripe = int64_t{40} << 10;  // floats in a stripe, a sixth of an L2 cache
constexpr float kInfinity = __builtin_inff();

// Strides of a tensor broadcast to [batch, heads, steps, keys]. The stride of a broadcast axis is 0.
struct Broadcast {
  int64_t strides[4] = {};

  Broadcast() = default;
  Broadcast(const Tensor& tensor, const char* name, const int64_t (&full)[4]) {
    require_rank(tensor, name, 4);
    int64_t stride = 1;
    for (int axis = 3; axis >= 0; --axis) {
      const int64_t size = tensor.dim(axis);
      require(size == full[axis] || size == 1, "%s: got shape %s, expected 1 or %lld along axis %d", name,
              text(tensor.shape).value, static_cast<long long>(full[axis]), axis);
      strides[axis] = size == 1 ? 0 : stride;
      stride *= size;
    }
  }
  int64_t row(int64_t batch, int64_t head, int64_t step) const {
    return batch * strides[0] + head * strides[1] + step * strides[2];
  }
};

inline bool given(const Tensor& tensor) { return !(tensor.rank() == 1 && tensor.dim(0) == 0); }

// The 32-bit mixing function lowbias32 (Wellons, 2018).
inline uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// Validated inputs common to the forward and backward pass. `first` is the index of the query.
struct AttentionArgs {
  int64_t batch, steps, heads, width, keys, groups, value_width;
  int64_t per_group;  // query heads per key head
  const Tensor query, key, value;
  const int32_t* lengths = nullptr;
  const bool* mask = nullptr;
  const float* bias = nullptr;
  Broadcast mask_places, bias_places;
  uint32_t seed[2];
  uint32_t drop_below;  // dropout rate times 2^32
  float keep_scale;
  float scale;
  bool causal;
  int64_t block;    // queries per stripe
  int64_t columns;  // row stride of a stripe in floats

  AttentionArgs(Context& context, int first)
      : query(context.input(first)), key(context.input(first + 1)), value(context.input(first + 2)) {
    require_rank(query, "query", 4);
    require_rank(key, "key", 4);
    require_rank(value, "value", 4);
    batch = query.dim(0), steps = query.dim(1), heads = query.dim(2), width = query.dim(3);
    keys = key.dim(1), groups = key.dim(2), value_width = value.dim(3);
    require_shape(key, "key", Shape(batch, keys, groups, width));
    require_shape(value, "value", Shape(batch, keys, groups, value_width));
    require(groups > 0 ? heads % groups == 0 : heads == 0,
            "key: got %lld heads, expected a divisor of the query's %lld", static_cast<long long>(groups),
            static_cast<long long>(heads));
    per_group = groups > 0 ? heads / groups : 0;
    const int64_t full[4] = {batch, heads, steps, keys};
    const Tensor lengths_tensor = context.input(first + 3), mask_tensor = context.input(first + 4);
    const Tensor bias_tensor = context.input(first + 5), seed_tensor = context.input(first + 6);
    if (given(lengths_tensor)) {
      require_shape(lengths_tensor, "lengths", Shape(batch));
      lengths = lengths_tensor.as<int32_t>();
      for (int64_t b = 0; b < batch; ++b)
        require(lengths[b] >= 0 && lengths[b] <= keys, "lengths: got %d at %lld, expected 0 to %lld", lengths[b],
                static_cast<long long>(b), static_cast<long long>(keys));
    }
    if (given(mask_tensor)) {
      mask_places = Broadcast(mask_tensor, "mask", full);
      mask = mask_tensor.as<bool>();
    }
    if (given(bias_tensor)) {
      bias_places = Broadcast(bias_tensor, "bias", full);
      bias = bias_tensor.as<float>();
    }
    require_shape(seed_tensor, "seed", Shape(2));
    for (int i = 0; i < 2; ++i) seed[i] = static_cast<uint32_t>(seed_tensor.as<int64_t>()[i]);
    const float rate = context.number("dropout");
    require(rate >= 0 && rate < 1, "dropout: got %g, expected a number in [0, 1)", static_cast<double>(rate));
    drop_below = static_cast<uint32_t>(static_cast<double>(rate) * 4294967296.0);
    keep_scale = 1 / (1 - rate);
    scale = context.number("scale");
    causal = context.flag("causal");
    // An odd number of vectors per row. A power of two would map all rows to the same cache sets.
    columns = padded(keys) | kLanes;
    block = kStripe / columns / 8 * 8;
    block = block < 8 ? 8 : block > 128 ? 128 : block;
  }

  int64_t blocks() const { return (steps + block - 1) / block; }
  int64_t rows_of(int64_t begin) const { return begin + block < steps ? block : steps - begin; }

  // Offset of the two normalizers of a query, the shift and the inverse sum.
  int64_t normalizer_of(int64_t b, int64_t h, int64_t i) const { return 2 * ((b * heads + h) * steps + i); }

  // Number of keys visible to at least one query before `end`. A mask that all heads and queries share is read from its
  // end, so that padded keys are skipped.
  int64_t visible(int64_t b, int64_t end) const {
    int64_t count = lengths != nullptr ? lengths[b] : keys;
    if (causal && end < count) count = end;
    if (mask != nullptr && mask_places.strides[1] == 0 && mask_places.strides[2] == 0) {
      const bool* from = mask + mask_places.row(b, 0, 0);
      while (count > 0 && !from[(count - 1) * mask_places.strides[3]]) --count;
    }
    return count;
  }

  // Number of keys among the first `count` that query i may see. The others contribute nothing to its row.
  int64_t visible_to(int64_t i, int64_t count) const { return causal && i + 1 < count ? i + 1 : count; }

  // Turns the dot products with the first `own` keys into scores: scales, adds the bias, and writes -inf for masked keys
  // and the padding of the last vector. A non-negative factor may be left to the caller and is returned. Forward and
  // backward share this function, so that both obtain bitwise equal scores.
  float finish_scores(float* row, int64_t b, int64_t h, int64_t i, int64_t own) const {
    for (int64_t j = own; j < padded(own); ++j) row[j] = -kInfinity;
    const bool scaled = bias != nullptr || !(scale > 0);
    if (scaled)
      for (int64_t j = 0; j < own; ++j) row[j] *= scale;
    if (bias != nullptr) {
      const float* from = bias + bias_places.row(b, h, i);
      for (int64_t j = 0; j < own; ++j) row[j] += from[j * bias_places.strides[3]];
    }
    if (mask != nullptr) {
      const bool* from = mask + mask_places.row(b, h, i);
      if (mask_places.strides[3] == 0) {
        for (int64_t j = 0; j < own; ++j) row[j] = *from ? row[j] : -kInfinity;
      } else {
        for (int64_t j = 0; j < own; ++j) row[j] = from[j] ? row[j] : -kInfinity;
      }
    }
    return scaled ? 1 : scale;
  }

  // Writes the dropout factors of a row of probabilities, 0 or 1 / (1 - rate).
  void dropout_row(float* row, int64_t b, int64_t h, int64_t i, int64_t count) const {
    const uint32_t start = mix(static_cast<uint32_t>((b * heads + h) * steps + i) ^ seed[0]) + seed[1];
    const uint32_t below = drop_below;  // a copy, which the stores to `row` cannot change
    const float scale_kept = keep_scale;
    for (uint32_t j = 0; j < static_cast<uint32_t>(count); ++j)
      row[j] = mix(start + j * 0x9e3779b9u) < below ? 0.0f : scale_kept;
  }
};

TENSORSMITH_END
