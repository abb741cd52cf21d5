// Weighted sums of vectors, accumulated in registers.
#pragma once

#include <cstdint>

#include "runtime/level.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN

// Writes kCount vectors V at `to` + offset: scale * sum of factor * from, over all calls add(factor, from) made by
// visit(add).
template <int kCount, class V, class Visit>
inline void sum_together(int64_t offset, float scale, float* to, const Visit& visit) {
  constexpr int64_t kSize = sizeof(V) / sizeof(float);
  V sums[kCount] = {};
  visit([&](float factor, const float* from) {
    for (int k = 0; k < kCount; ++k) sums[k] += factor * at<V>(from + offset + k * kSize);
  });
  for (int k = 0; k < kCount; ++k) store(to + offset + k * kSize, scale * sums[k]);
}

// Computes to[i] = scale * sum of factor * from[i], over all calls add(factor, from) made by visit(add). `visit` is
// called once, or several times if the sums do not fit into the registers.
template <class Visit>
inline void weighted_sum(int64_t count, float scale, float* to, const Visit& visit) {
  int64_t i = 0;
  for (; i + 8 * kLanes <= count; i += 8 * kLanes) sum_together<8, Vec>(i, scale, to, visit);
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) sum_together<4, Vec>(i, scale, to, visit);
  for (; i + kLanes <= count; i += kLanes) sum_together<1, Vec>(i, scale, to, visit);
  for (; i < count; ++i) sum_together<1, float>(i, scale, to, visit);
}

TENSORSMITH_END
