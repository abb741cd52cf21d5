// Columns: the values of one feature in all rows, in memory that NumPy or Arrow owns.
#pragma once

#include <cstdint>

#include "records/wire.h"

namespace tensorsmith::records {

// The kinds of values a feature has, by the number of their field in tensorflow.Feature.
enum Kind : int64_t { kNone = 0, kBytes = 1, kFloat = 2, kInt64 = 3 };

// Python fills these in (columns.py); the layout is the same there.
struct Column {
  const uint8_t* name;
  int64_t name_size;
  int64_t kind;
  int64_t is_sequence;     // rows hold steps, which hold values
  const void* values;      // float, int64, or bytes after bytes
  // Where each part begins, and the last one ends.
  const int64_t* bytes;    // of values that are bytes
  const int64_t* steps;    // of sequences: in values
  const int64_t* rows;     // in values, or of sequences in steps
  const uint8_t* present;  // whether a row has the feature; none: all have

  bool is_in(int64_t row) const { return present == nullptr || present[row] != 0; }
};

// Fills in where the records of rows `first` to `last` begin and the last one ends, frames included.
void measure(const Column* columns, int64_t count, int64_t first, int64_t last, int64_t* begins);

// Writes records one after the other. `begins` is what `measure` left for them.
void encode(const Column* columns, int64_t count, int64_t first, int64_t last, const int64_t* begins, uint8_t* out);

}  // namespace tensorsmith::records
