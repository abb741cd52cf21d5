// Recycled memory for large outputs and scratch space. Page faults of fresh memory cost more time than most kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "runtime/level.h"

namespace tensorsmith {

// Returns the size in bytes of `count` items of `each` bytes. Throws std::bad_alloc if it is too large.
inline size_t bytes_for(int64_t count, size_t each) {
  size_t bytes;
  if (count < 0 || __builtin_mul_overflow(static_cast<size_t>(count), each, &bytes) || bytes > PTRDIFF_MAX / 2)
    throw std::bad_alloc();
  return bytes;
}

// Returns a buffer of at least `bytes` bytes, aligned for TensorFlow. Throws std::bad_alloc.
void* acquire_buffer(size_t bytes);

// Releases a buffer. `bytes` is the requested size.
void release_buffer(void* data, size_t bytes);

}  // namespace tensorsmith

TENSORSMITH_BEGIN

// Scratch space that is released at the end of its scope.
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
