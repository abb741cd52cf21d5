// Memory for large outputs and scratch space that is used again: fresh pages cost more than most kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "runtime/level.h"

namespace tensorsmith {

// The size of `count` things of `each` bytes. Throws std::bad_alloc where no memory could hold them.
inline size_t bytes_for(int64_t count, size_t each) {
  size_t bytes;
  if (count < 0 || __builtin_mul_overflow(static_cast<size_t>(count), each, &bytes) || bytes > PTRDIFF_MAX / 2)
    throw std::bad_alloc();
  return bytes;
}

// At least `bytes` bytes, aligned for TensorFlow. Throws std::bad_alloc.
void* acquire_buffer(size_t bytes);

// Gives a buffer back; `bytes` is what was asked for.
void release_buffer(void* data, size_t bytes);

}  // namespace tensorsmith

TENSORSMITH_BEGIN

// Scratch space for the length of a block.
template <class Value>
class Scratch {
 public:
  explicit Scratch(int64_t count) : bytes_(bytes_for(count, sizeof(Value))), data_(static_cast<Value*>(acquire_buffer(bytes_))) {}
  ~Scratch() { release_buffer(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  Value* data() const { return data_; }
  operator Value*() const { return data_; }

 private:
  size_t bytes_;
  Value* data_;
};

TENSORSMITH_END
