// Sums of vectors with factors, kept in registers until they are whole.
#pragma once

#include <cstdint>

#include "runtime/level.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN

// kCount vectors V from `to` on: scale * sum of factor * from, over all that visit(add) calls add(factor, from) with.
template <int kCount, class V, class Visit>
inline void sum_together(int64_t offset, float scale, float* to, const Visit& visit) {
  constexpr int64_t kSize = sizeof(V) / sizeof(float);
  V sums[kCount] = {};
  visit([&](float factor, const float* from) {
    for (int k = 0; k < kCount; ++k) sums[k] += factor * at<V>(from + offset + k * kSize);
  });
  for (int k = 0; k < kCount; ++k) store(to + offset + k * kSize, scale * sums[k]);
}

// to[i] = scale * sum of factor * from[i], over all that visit(add) calls add(factor, from) with: once or, where there
// are more numbers than registers hold, a few times.
template <class Visit>
inline void weighted_sum(int64_t count, float scale, float* to, const Visit& visit) {
  int64_t i = 0;
  for (; i + 8 * kLanes <= count; i += 8 * kLanes) sum_together<8, Vec>(i, scale, to, visit);
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) sum_together<4, Vec>(i, scale, to, visit);
  for (; i + kLanes <= count; i += kLanes) sum_together<1, Vec>(i, scale, to, visit);
  for (; i < count; ++i) sum_together<1, float>(i, scale, to, visit);
}

TENSORSMITH_END
