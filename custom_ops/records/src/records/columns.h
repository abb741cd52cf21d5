// Columns: the values of one feature in all rows, in memory owned by NumPy or Arrow.
#pragma once

#include <cstdint>

#include "records/wire.h"

namespace tensorsmith::records {

// Kinds of values, numbered as their fields in tensorflow.Feature.
enum Kind : int64_t { kNone = 0, kBytes = 1, kFloat = 2, kInt64 = 3 };

// Filled by Python; the layout must match CColumn in library.py.
struct Column {
  const uint8_t* name;
  int64_t name_size;
  int64_t kind;
  int64_t is_sequence;     // rows consist of steps, which consist of values
  const void* values;      // float, int64, or concatenated bytes
  // Offset arrays: the beginning of each part, followed by the end of the last one.
  const int64_t* bytes;    // values of kind bytes, in bytes
  const int64_t* steps;    // steps of sequences, in values
  const int64_t* rows;     // rows, in values, or in steps for sequences
  const uint8_t* present;  // 1 for rows that have the feature; null: all rows

  bool is_in(int64_t row) const { return present == nullptr || present[row] != 0; }
};

// Computes the offsets of the framed records of rows `first` to `last`, followed by the end of the last one.
void measure(const Column* columns, int64_t count, int64_t first, int64_t last, int64_t* begins);

// Writes records contiguously. `begins` holds their offsets from `measure`.
void encode(const Column* columns, int64_t count, int64_t first, int64_t last, const int64_t* begins, uint8_t* out);

}  // namespace tensorsmith::records
