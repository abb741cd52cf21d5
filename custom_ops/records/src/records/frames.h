// The frames of a TFRecord file: of each record its length, the length's checksum, its data, the data's checksum.
#pragma once

#include <cstdint>

namespace tensorsmith::records {

constexpr int64_t kHeader = 12, kFooter = 4;

enum Damage : int64_t { kSound = 0, kLengthDamaged = 1, kDataDamaged = 2 };

// How far a look at some bytes of a file went.
struct Scan {
  int64_t records;   // whole and sound
  int64_t consumed;  // bytes of theirs
  int64_t needed;    // bytes that the next one takes, or 0 where its length is not known yet; unless damaged
  int64_t damage;
};

// Finds the records that lie whole within the bytes, `most` of them at most, and where each one's data begins and how
// long it is; stops before the first that does not, or is damaged.
Scan scan(const uint8_t* data, int64_t size, bool check_data, int64_t most, int64_t* begins, int64_t* sizes);

// Where the first record begins that lies whole and sound within the bytes, frame included; the size where none does.
int64_t find(const uint8_t* data, int64_t size);

// Writes what comes before the data of a record and what comes after it, whose data is there already.
void put_frame(uint8_t* frame, int64_t size);

}  // namespace tensorsmith::records
