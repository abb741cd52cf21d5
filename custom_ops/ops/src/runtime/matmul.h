// Matrix products on one thread, row-major, with distances between rows; Eigen does them.
#pragma once

#include <cstdint>

#include "runtime/level.h"

TENSORSMITH_BEGIN

// A matrix in memory: row i begins at data + i * stride. `transposed` reads it the other way round.
struct Matrix {
  const float* data;
  int64_t stride;
  bool transposed = false;
};

// c = a b, or c += a b when `add`; c is rows x columns, and `inner` is the length of the sums.
void matmul(int64_t rows, int64_t columns, int64_t inner, Matrix a, Matrix b, float* c, int64_t c_stride, bool add);

TENSORSMITH_END
