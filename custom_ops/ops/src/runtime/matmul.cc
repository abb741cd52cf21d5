#include "runtime/matmul.h"

// A separate namespace for each level, so that the linker cannot merge template instances of different levels.
#define Eigen TENSORSMITH_JOIN(TensorsmithEigen_, TENSORSMITH_LEVEL)
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_NO_DEBUG
#include <Eigen/Core>

TENSORSMITH_BEGIN
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;
using View = Eigen::Map<const RowMajor, 0, Stride>;

template <class A, class B>
void product(const A& a, const B& b, Eigen::Map<RowMajor, 0, Stride>& c, bool add) {
  if (add) {
    c.noalias() += a * b;
  } else {
    c.noalias() = a * b;
  }
}

}  // namespace

void matmul(int64_t rows, int64_t columns, int64_t inner, Matrix a, Matrix b, float* c, int64_t c_stride, bool add) {
  if (rows == 0 || columns == 0) return;
  Eigen::Map<RowMajor, 0, Stride> result(c, rows, columns, Stride(c_stride));
  if (inner == 0) {
    if (!add) result.setZero();
    return;
  }
  const View left(a.data, a.transposed ? inner : rows, a.transposed ? rows : inner, Stride(a.stride));
  const View right(b.data, b.transposed ? columns : inner, b.transposed ? inner : columns, Stride(b.stride));
  if (!a.transposed && !b.transposed) {
    product(left, right, result, add);
  } else if (!a.transposed) {
    product(left, right.transpose(), result, add);
  } else if (!b.transposed) {
    product(left.transpose(), right, result, add);
  } else {
    product(left.transpose(), right.transpose(), result, add);
  }
}

TENSORSMITH_END
