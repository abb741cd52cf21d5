// Matrix products with a packed right operand. Packing stores it in access order, once for many products.
#pragma once

#include "runtime/buffers.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN

// Matrix of shape [inner, columns] in panels two vectors wide; the last panel may be one vector wide. Columns are
// padded with zeros.
class Packed {
 public:
  static constexpr int64_t kPanel = 2 * kLanes;

  Packed(int64_t inner, int64_t columns) : inner_(inner), columns_(padded(columns)), data_(inner_ * columns_) {}

  // Packs a row-major matrix with `columns` columns, or the transpose of one if `transposed`.
  void fill(const float* from, int64_t stride, bool transposed, int64_t inner, int64_t columns) {
    for (int64_t begin = 0; begin < columns_; begin += kPanel) {
      const int64_t width = columns_ - begin < kPanel ? columns_ - begin : kPanel;
      const int64_t filled = columns - begin < 0 ? 0 : columns - begin < width ? columns - begin : width;
      float* to = panel(begin);
      if (transposed) {
        for (int64_t column = 0; column < width; ++column)
          for (int64_t k = 0; k < inner; ++k)
            to[k * width + column] = column < filled ? from[(begin + column) * stride + k] : 0;
      } else {
        for (int64_t k = 0; k < inner; ++k)
          for (int64_t column = 0; column < width; ++column)
            to[k * width + column] = column < filled ? from[k * stride + begin + column] : 0;
      }
    }
  }

  int64_t columns() const { return columns_; }
  const float* panel(int64_t column) const { return data_ + column * inner_; }

 private:
  float* panel(int64_t column) { return data_ + column * inner_; }

  int64_t inner_;
  int64_t columns_;
  Scratch<float> data_;
};

// Left operand of a product, a row-major matrix or its transpose.
template <bool kTransposed>
struct Left {
  const float* data;
  int64_t stride;

  const float& at(int64_t row, int64_t k) const { return kTransposed ? data[k * stride + row] : data[row * stride + k]; }
  Left from(int64_t row, int64_t k) const { return {&at(row, k), stride}; }
};

// Computes a tile of kRows rows and kVectors vectors, with all sums in registers.
template <int kRows, int kVectors, bool kTransposed>
inline void multiply_tile(int64_t inner, Left<kTransposed> a, const float* b, float* c, int64_t c_stride, bool add) {
  Vec sums[kRows][kVectors] = {};
  if (add)
    for (int row = 0; row < kRows; ++row)
      for (int i = 0; i < kVectors; ++i) sums[row][i] = load(c + row * c_stride + i * kLanes);
  for (int64_t k = 0; k < inner; ++k) {
    Vec right[kVectors];
    for (int i = 0; i < kVectors; ++i) right[i] = load(b + (k * kVectors + i) * kLanes);
    for (int row = 0; row < kRows; ++row)
      for (int i = 0; i < kVectors; ++i) sums[row][i] += right[i] * a.at(row, k);
  }
  for (int row = 0; row < kRows; ++row)
    for (int i = 0; i < kVectors; ++i) store(c + row * c_stride + i * kLanes, sums[row][i]);
}

// Multiplies `rows` rows by one panel, tile by tile.
template <int kVectors, bool kTransposed>
inline void multiply_panel(int64_t rows, int64_t inner, Left<kTransposed> a, const float* b, float* c, int64_t c_stride,
                           bool add) {
  constexpr int kBlock = kLanes == 16 ? 8 : 4;  // rows per tile, limited by the number of registers
  int64_t row = 0;
  for (; row + kBlock <= rows; row += kBlock)
    multiply_tile<kBlock, kVectors>(inner, a.from(row, 0), b, c + row * c_stride, c_stride, add);
  if (kBlock > 4 && row + 4 <= rows) {
    multiply_tile<4, kVectors>(inner, a.from(row, 0), b, c + row * c_stride, c_stride, add);
    row += 4;
  }
  for (; row + 2 <= rows; row += 2)
    multiply_tile<2, kVectors>(inner, a.from(row, 0), b, c + row * c_stride, c_stride, add);
  if (row < rows) multiply_tile<1, kVectors>(inner, a.from(row, 0), b, c + row * c_stride, c_stride, add);
}

// Computes c = a b, or c += a b if `add`, on one thread, with the first `inner` rows and `columns` columns of b. The
// rows of c must have room for whole panels.
template <bool kTransposed>
inline void multiply(int64_t rows, int64_t columns, int64_t inner, Left<kTransposed> a, const Packed& b, float* c,
                     int64_t c_stride, bool add) {
  constexpr int64_t kRows = 64, kInner = 256;  // block of a that stays in the L1 cache during the loop over panels
  columns = padded(columns);
  if (inner == 0 && !add)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) c[row * c_stride + column] = 0;
  for (int64_t k = 0; k < inner; k += kInner) {
    const int64_t depth = inner - k < kInner ? inner - k : kInner;
    for (int64_t row = 0; row < rows; row += kRows) {
      const int64_t height = rows - row < kRows ? rows - row : kRows;
      for (int64_t column = 0; column < columns; column += Packed::kPanel) {
        // The last panel of b may be one vector wide.
        const bool one = column + kLanes == b.columns();
        const float* panel = b.panel(column) + k * (one ? kLanes : Packed::kPanel);
        float* to = c + row * c_stride + column;
        if (one) {
          multiply_panel<1>(height, depth, a.from(row, k), panel, to, c_stride, add || k > 0);
        } else {
          multiply_panel<2>(height, depth, a.from(row, k), panel, to, c_stride, add || k > 0);
        }
      }
    }
  }
}

TENSORSMITH_END
