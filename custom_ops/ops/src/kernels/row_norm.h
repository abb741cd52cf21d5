// Mean and variance of rows padded to whole vectors, for the layer-normalized recurrent cells.
#pragma once

#include "runtime/vector.h"

TENSORSMITH_BEGIN

struct Statistics {
  float mean, rstd;
};

// Statistics of `count` elements in a row of `size`. `real` is 1 for elements and 0 for padding, where the row is 0.
inline Statistics statistics(const float* row, int64_t size, const float* real, float count, float epsilon) {
  const float mean = reduce(size, [&](auto v, int64_t i) { return at<decltype(v)>(row + i); }) / count;
  const float square = reduce(size, [&](auto v, int64_t i) {
    const auto distance = (at<decltype(v)>(row + i) - mean) * at<decltype(v)>(real + i);
    return distance * distance;
  });
  return {mean, 1 / square_root(square / count + epsilon)};
}

TENSORSMITH_END
