// Single-threaded products of row-major matrices with row strides, based on Eigen.
#pragma once

#include <cstdint>

#include "runtime/level.h"

TENSORSMITH_BEGIN

// View of a matrix. Row i begins at data + i * stride. If `transposed`, the view is the transpose.
struct Matrix {
  const float* data;
  int64_t stride;
  bool transposed = false;
};

// Computes c = a b, or c += a b if `add`. c has shape [rows, columns], and `inner` is the contracted dimension.
void matmul(int64_t rows, int64_t columns, int64_t inner, Matrix a, Matrix b, float* c, int64_t c_stride, bool add);

TENSORSMITH_END
