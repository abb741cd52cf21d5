#include "records/frames.h"

#include <cstring>

#include "records/crc32c.h"

namespace tensorsmith::records {
namespace {

template <class Value>
Value load(const uint8_t* data) {  // the format and all supported machines are little-endian
  Value value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

template <class Value>
void store(uint8_t* data, Value value) {
  std::memcpy(data, &value, sizeof(value));
}

}  // namespace

Scan scan(const uint8_t* data, int64_t size, bool check_data, int64_t most, int64_t* begins, int64_t* sizes) {
  Scan result = {0, 0, 0, kSound};
  while (result.records < most && size - result.consumed >= kHeader) {
    const uint8_t* frame = data + result.consumed;
    const int64_t left = size - result.consumed - kHeader - kFooter;
    const uint64_t length = load<uint64_t>(frame);
    if (load<uint32_t>(frame + 8) != masked_crc32c(frame, 8)) {
      result.damage = kLengthDamaged;
      return result;
    }
    if (left < 0 || length > static_cast<uint64_t>(left)) {
      const uint64_t most_needed = INT64_MAX - kHeader - kFooter;
      result.needed = static_cast<int64_t>(length < most_needed ? length : most_needed) + kHeader + kFooter;
      return result;
    }
    const uint8_t* record = frame + kHeader;
    if (check_data && load<uint32_t>(record + length) != masked_crc32c(record, length)) {
      result.damage = kDataDamaged;
      return result;
    }
    begins[result.records] = result.consumed + kHeader;
    sizes[result.records] = static_cast<int64_t>(length);
    ++result.records;
    result.consumed += kHeader + static_cast<int64_t>(length) + kFooter;
  }
  return result;
}

int64_t find(const uint8_t* data, int64_t size) {
  int64_t begin, length;
  for (int64_t place = 0; place < size; ++place)
    if (scan(data + place, size - place, true, 1, &begin, &length).records == 1) return place;
  return size;
}

void put_frame(uint8_t* frame, int64_t size) {
  store<uint64_t>(frame, size);
  store<uint32_t>(frame + 8, masked_crc32c(frame, 8));
  store<uint32_t>(frame + kHeader + size, masked_crc32c(frame + kHeader, size));
}

}  // namespace tensorsmith::records
