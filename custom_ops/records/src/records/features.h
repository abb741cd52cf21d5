// Parsing of tensorflow.Feature: kind and number of values.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "records/columns.h"
#include "records/wire.h"

namespace tensorsmith::records {

inline std::string_view text(Span span) {
  return {reinterpret_cast<const char*>(span.begin), static_cast<size_t>(span.size())};
}

// Returns the payload of a field that must be a message or bytes.
inline Span payload_of(const Field& field) {
  if (field.wire != kLength) throw Malformed{"a message or string has no length", field.payload.begin};
  return field.payload;
}

// Counts and validates the values of a list.
inline int64_t count_list(int64_t kind, Span list) {
  int64_t count = 0;
  for (Reader reader(list); !reader.done();) {
    const Field field = reader.field();
    if (field.number != 1) continue;
    if (kind == kBytes) {
      payload_of(field);
      ++count;
    } else if (field.wire == kLength && kind == kFloat) {
      if (field.payload.size() % sizeof(float) != 0)
        throw Malformed{"truncated list of floats", field.payload.end};
      count += field.payload.size() / static_cast<int64_t>(sizeof(float));
    } else if (field.wire == kLength) {
      for (Reader packed(field.payload); !packed.done(); ++count) packed.varint();
    } else if (field.wire == (kind == kFloat ? kFixed32 : kVarint)) {
      ++count;
    } else {
      throw Malformed{"a value differs in type from its list", field.payload.begin};
    }
  }
  return count;
}

// Returns the part of a Feature that starts with its last kind, as earlier kinds of the oneof are discarded. Empty if
// the Feature has no kind.
inline Span last_lists(Span feature, uint32_t* kind) {
  *kind = kNone;
  Span lists;
  for (Reader reader(feature); !reader.done();) {
    const uint8_t* start = reader.at();
    const Field field = reader.field();
    if (field.number < kBytes || field.number > kInt64) continue;
    count_list(field.number, payload_of(field));
    if (field.number != *kind) lists = {start, feature.end};
    *kind = field.number;
  }
  return lists;
}

// Returns true for valid UTF-8 as defined by protobuf: shortest form, no surrogates, up to U+10FFFF.
inline bool is_utf8(Span text) {
  const uint8_t* at = text.begin;
  while (at < text.end) {
    uint64_t eight;
    if (text.end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & 0x8080808080808080) == 0)) {
      at += 8;  // ASCII, the most frequent case
      continue;
    }
    const uint8_t first = *at++;
    if (first < 0x80) continue;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || text.end - at < more) return false;
    const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (*at < least || *at > most) return false;
    for (int i = 1; i < more; ++i)
      if ((at[i] & 0xc0) != 0x80) return false;
    at += more;
  }
  return true;
}

// Entry of a map of features.
struct MapEntry {
  Span name, value;
};

inline MapEntry entry_of(const Field& field) {
  const Span payload = payload_of(field);
  MapEntry entry = {{}, {payload.end, payload.end}};  // default for an entry without a value
  for (Reader parts(payload); !parts.done();) {
    const Field part = parts.field();
    if (part.number == 1) {
      entry.name = payload_of(part);
      if (!is_utf8(entry.name)) throw Malformed{"a name is not valid UTF-8", entry.name.begin};
    }
    if (part.number == 2) entry.value = payload_of(part);
  }
  return entry;
}

}  // namespace tensorsmith::records
