// Mean and variance of rows for the normalized recurrent cells, in rows that are filled up to whole vectors.
#pragma once

#include "runtime/vector.h"

TENSORSMITH_BEGIN

struct Statistics {
  float mean, rstd;
};

// Of `count` numbers in `size` places; `real` is 1 where there is a number and 0 elsewhere, where the row holds zeros.
inline Statistics statistics(const float* row, int64_t size, const float* real, float count, float epsilon) {
  const float mean = reduce(size, [&](auto v, int64_t i) { return at<decltype(v)>(row + i); }) / count;
  const float square = reduce(size, [&](auto v, int64_t i) {
    const auto distance = (at<decltype(v)>(row + i) - mean) * at<decltype(v)>(real + i);
    return distance * distance;
  });
  return {mean, 1 / square_root(square / count + epsilon)};
}

TENSORSMITH_END
