// Frames of a TFRecord file. Each record consists of its length, the checksum of the length, its data, and the checksum
// of the data.
#pragma once

#include <cstdint>

namespace tensorsmith::records {

constexpr int64_t kHeader = 12, kFooter = 4;

enum Damage : int64_t { kSound = 0, kLengthDamaged = 1, kDataDamaged = 2 };

// Result of scanning the bytes of a file.
struct Scan {
  int64_t records;   // number of complete and valid records
  int64_t consumed;  // total size of these records
  int64_t needed;    // size of the next record if incomplete, or 0 if its length is unknown or it is damaged
  int64_t damage;
};

// Finds at most `most` complete records and writes the offset and size of their data. Stops at the first incomplete or
// damaged record.
Scan scan(const uint8_t* data, int64_t size, bool check_data, int64_t most, int64_t* begins, int64_t* sizes);

// Returns the offset of the first complete and valid record, frame included, or `size` if there is none.
int64_t find(const uint8_t* data, int64_t size);

// Writes the header and footer of a record whose data are already in place.
void put_frame(uint8_t* frame, int64_t size);

}  // namespace tensorsmith::records
