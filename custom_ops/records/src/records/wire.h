// Wire format of protocol buffers: varints, tags and fields. Every read is bounds-checked.
#pragma once

#include <cstdint>
#include <cstring>

namespace tensorsmith::records {

// Non-owning view of bytes.
struct Span {
  const uint8_t* begin = nullptr;
  const uint8_t* end = nullptr;

  int64_t size() const { return end - begin; }
};

// Exception for an invalid message, with the position of the error.
struct Malformed {
  const char* what;
  const uint8_t* at;
};

enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

// Field of a message: number, wire type, payload, and the value of a varint.
struct Field {
  uint32_t number;
  uint32_t wire;
  Span payload;
  uint64_t value;
};

// Sequential reader of a message.
class Reader {
 public:
  explicit Reader(Span span) : at_(span.begin), end_(span.end) {}

  bool done() const { return at_ == end_; }
  const uint8_t* at() const { return at_; }

  uint64_t varint() {
    if (at_ < end_ && *at_ < 0x80) return *at_++;  // fast path for one byte
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) throw Malformed{"truncated number", at_};
      const uint64_t byte = *at_++;
      value |= shift < 63 ? (byte & 0x7f) << shift : byte << 63;  // one bit of the tenth byte is used
      if (byte < 0x80) return value;
    }
    throw Malformed{"a number has more than ten bytes", at_};
  }

  Field field() {
    const uint8_t* start = at_;
    const uint64_t tag = varint();
    Field field = {static_cast<uint32_t>(tag >> 3), static_cast<uint32_t>(tag & 7), {at_, at_}, 0};
    if (tag > UINT32_MAX || field.number == 0) throw Malformed{"invalid field number", start};
    switch (field.wire) {
      case kVarint:
        field.value = varint();
        break;
      case kFixed64:
        take(8);
        break;
      case kFixed32:
        take(4);
        break;
      case kLength: {
        const uint64_t size = varint();
        field.payload.begin = at_;
        take(size);
        break;
      }
      default:
        throw Malformed{"invalid field type", start};
    }
    field.payload.end = at_;
    return field;
  }

 private:
  void take(uint64_t size) {
    if (size > static_cast<uint64_t>(end_ - at_)) throw Malformed{"a field is longer than the remaining bytes", at_};
    at_ += size;
  }

  const uint8_t* at_;
  const uint8_t* end_;
};

// Size of a varint in bytes.
inline int64_t varint_size(uint64_t value) { return (63 - __builtin_clzll(value | 1)) / 7 + 1; }

inline uint8_t* put_varint(uint8_t* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<uint8_t>(value | 0x80);
  *out++ = static_cast<uint8_t>(value);
  return out;
}

// Writes the tag and length of a field, which precede its payload.
inline uint8_t* put_header(uint8_t* out, uint32_t number, uint64_t size) {
  *out++ = static_cast<uint8_t>(number << 3 | kLength);
  return put_varint(out, size);
}

// Size of a field with the given payload size. The tag is one byte, as field numbers are below 16.
inline int64_t field_size(int64_t payload) { return 1 + varint_size(payload) + payload; }

inline uint8_t* put_bytes(uint8_t* out, const void* data, size_t size) {
  if (size > 0) std::memcpy(out, data, size);
  return out + size;
}

}  // namespace tensorsmith::records
