// Characters of UTF-8 strings and their kinds.
#pragma once

#include <cstdint>

#include "kernels/unicode_ranges.h"
#include "runtime/level.h"

TENSORSMITH_BEGIN

struct Character {
  int size;  // bytes
  Kind kind;
};

// Returns the kind of a code point that is not ASCII.
inline Kind kind_of(uint32_t code) {
  // White_Space of the Unicode standard. Source: https://www.unicode.org/Public/15.0.0/ucd/PropList.txt.
  if (code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
      code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000)
    return Kind::kSpace;
  int count;
  const KindRange* ranges = kind_ranges(&count);
  int low = 0, high = count;  // the first range that ends at or after the code point
  while (low < high) {
    const int middle = (low + high) / 2;
    if (ranges[middle].last < code)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && ranges[low].first <= code ? ranges[low].kind : Kind::kOther;
}

inline Kind kind_of_ascii(uint8_t byte) {
  if (static_cast<uint8_t>((byte | 0x20) - 'a') < 26) return Kind::kLetter;
  if (static_cast<uint8_t>(byte - '0') < 10) return Kind::kNumber;
  if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return Kind::kSpace;
  const bool symbol = byte == '$' || byte == '+' || byte == '<' || byte == '=' || byte == '>' || byte == '^' ||
                      byte == '`' || byte == '|' || byte == '~';
  return byte < ' ' || byte == 0x7f || symbol ? Kind::kOther : Kind::kPunctuation;
}

// Returns the first character of a string that is not empty. A byte that does not begin a valid sequence is a character
// of the kind kInvalid. As in RE2, surrogates are valid.
inline Character first_character(const uint8_t* text, const uint8_t* end) {
  const uint8_t byte = text[0];
  if (byte < 0x80) return {1, kind_of_ascii(byte)};
  const int size = byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0;
  if (size == 0 || end - text < size) return {1, Kind::kInvalid};
  uint32_t code = byte & (0xff >> (size + 1));
  for (int i = 1; i < size; ++i) {
    if ((text[i] & 0xc0) != 0x80) return {1, Kind::kInvalid};
    code = code << 6 | (text[i] & 0x3f);
  }
  const bool shortest = size == 2 || (size == 3 ? code >= 0x800 : code >= 0x10000);
  if (!shortest || code > 0x10ffff) return {1, Kind::kInvalid};
  return {size, kind_of(code)};
}

TENSORSMITH_END
