// Memory layout of TensorFlow's strings in tensors. Source: tensorflow/core/platform/ctstring_internal.h.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/level.h"

TENSORSMITH_BEGIN

class String {
 public:
  size_t size() const {
    return kind() == kSmall ? bytes_[0] >> 2 : kind() == kOffset ? word32(0) >> 2 : words_[0] >> 2;
  }
  const uint8_t* data() const {
    switch (kind()) {
      case kSmall:
        return bytes_ + 1;
      case kOffset:
        return bytes_ + word32(1);
      case kView:
        return reinterpret_cast<const uint8_t*>(words_[1]);
      default:
        return reinterpret_cast<const uint8_t*>(words_[2]);
    }
  }

  // Assigns to an empty string, such as those of a new tensor. TensorFlow frees the memory.
  void set(const uint8_t* data, size_t size) {
    uint8_t* to = bytes_ + 1;
    if (size <= kMostSmall) {
      bytes_[0] = static_cast<uint8_t>(size << 2);
    } else {
      const size_t capacity = (size + 16) / 16 * 16 - 1;
      to = static_cast<uint8_t*>(std::malloc(capacity + 1));
      if (to == nullptr) throw std::bad_alloc();
      words_[0] = size << 2 | kLarge;
      words_[1] = capacity;
      words_[2] = reinterpret_cast<uint64_t>(to);
    }
    if (size > 0) std::memcpy(to, data, size);
    to[size] = 0;
  }

 private:
  enum Kind { kSmall = 0, kLarge = 1, kOffset = 2, kView = 3 };
  static constexpr size_t kMostSmall = 22;

  Kind kind() const { return static_cast<Kind>(bytes_[0] & 3); }
  uint32_t word32(int i) const {
    uint32_t word;
    std::memcpy(&word, bytes_ + 4 * i, sizeof(word));
    return word;
  }

  union {
    uint64_t words_[3];
    uint8_t bytes_[24];
  };
};
static_assert(sizeof(String) == 24);

TENSORSMITH_END
