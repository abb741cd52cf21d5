// Tokens of the pieces of texts that occurred before in the call. Most words of a batch of texts are repetitions.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/buffers.h"
#include "runtime/level.h"

TENSORSMITH_BEGIN

class PieceCache {
 public:
  // For texts with this number of bytes.
  explicit PieceCache(int64_t bytes) : size_(size_for(bytes)), slots_(size_) {
    std::memset(slots_.data(), 0, size_ * sizeof(Slot));
  }

  // Writes the tokens of a piece after the `count` tokens of the call, and returns their number. The function `encode`
  // writes the tokens of a piece that is not in the cache, and returns their number.
  template <class Encode>
  int64_t repeat_or(const uint8_t* piece, int64_t bytes, int32_t* tokens, int64_t count, const Encode& encode) {
    uint64_t hash = static_cast<uint64_t>(bytes);
    for (int64_t i = 0; i < bytes; ++i) hash = (hash ^ piece[i]) * 0x100000001b3u;  // FNV-1a
    Slot& slot = slots_[(hash ^ hash >> 32) & (size_ - 1)];  // a new piece replaces the one in its slot
    if (slot.bytes == bytes && std::memcmp(slot.piece, piece, bytes) == 0)
      std::memcpy(tokens + count, tokens + slot.first, slot.count * sizeof(int32_t));
    else
      slot = {piece, bytes, count, encode(tokens + count)};
    return slot.count;
  }

 private:
  struct Slot {
    const uint8_t* piece;
    int64_t bytes, first, count;  // empty slots have 0 bytes
  };

  static int64_t size_for(int64_t bytes) {
    int64_t size = 16;
    while (size < 8192 && size * 4 < bytes) size *= 2;
    return size;
  }

  int64_t size_;
  Scratch<Slot> slots_;
};

TENSORSMITH_END
