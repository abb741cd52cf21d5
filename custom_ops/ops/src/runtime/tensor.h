// Tensor views (data pointer, shape, dtype), and checks that raise errors.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "runtime/level.h"
#include "runtime/strings.h"
#include "runtime/tensorflow_c.h"

TENSORSMITH_BEGIN

// Exception of a kernel, reported as the error of the op.
struct Failure {
  TF_Code code;
  char message[480];
};

// Throws an InvalidArgumentError unless the condition is true.
__attribute__((format(printf, 2, 3))) inline void require(bool condition, const char* format, ...) {
  if (condition) return;
  Failure error = {TF_INVALID_ARGUMENT, {}};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(error.message, sizeof(error.message), format, arguments);
  va_end(arguments);
  throw error;
}

struct Shape {
  static constexpr int kMost = 8;
  int rank = 0;
  int64_t dims[kMost] = {};

  Shape() = default;
  template <class... Dims>
  explicit Shape(int64_t first, Dims... rest) : rank(1 + sizeof...(rest)), dims{first, static_cast<int64_t>(rest)...} {}

  int64_t operator[](int i) const { return dims[i < 0 ? rank + i : i]; }

  // Returns the product of the sizes of dimensions [begin, end).
  int64_t product(int begin, int end) const {
    int64_t result = 1;
    bool fits = true;  // an overflow must be detected even if a later size is 0
    for (int i = begin; i < end; ++i) fits = !__builtin_mul_overflow(result, dims[i], &result) && fits;
    require(fits, "got a tensor with too many elements to count");
    return result;
  }
  int64_t size() const { return product(0, rank); }

  bool operator==(const Shape& other) const {
    if (rank != other.rank) return false;
    for (int i = 0; i < rank; ++i)
      if (dims[i] != other.dims[i]) return false;
    return true;
  }
};

// Formats a shape for error messages: text(shape).value.
struct Text {
  char value[120];
};
inline Text text(const Shape& shape) {
  Text result;
  int used = std::snprintf(result.value, sizeof(result.value), "[");
  for (int i = 0; i < shape.rank && used < 100; ++i)
    used += std::snprintf(result.value + used, sizeof(result.value) - used, i ? ", %lld" : "%lld",
                          static_cast<long long>(shape.dims[i]));
  std::snprintf(result.value + used, sizeof(result.value) - used, "]");
  return result;
}

// Storage types of 16-bit floats. vector.h converts them from and to float32.
struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

template <class Value>
struct TypeOf;
template <> struct TypeOf<float> { static constexpr TF_DataType value = TF_FLOAT; };
template <> struct TypeOf<double> { static constexpr TF_DataType value = TF_DOUBLE; };
template <> struct TypeOf<Half> { static constexpr TF_DataType value = TF_HALF; };
template <> struct TypeOf<BFloat16> { static constexpr TF_DataType value = TF_BFLOAT16; };
template <> struct TypeOf<int32_t> { static constexpr TF_DataType value = TF_INT32; };
template <> struct TypeOf<int64_t> { static constexpr TF_DataType value = TF_INT64; };
template <> struct TypeOf<uint64_t> { static constexpr TF_DataType value = TF_UINT64; };
template <> struct TypeOf<String> { static constexpr TF_DataType value = TF_STRING; };
template <> struct TypeOf<uint8_t> { static constexpr TF_DataType value = TF_UINT8; };
template <> struct TypeOf<bool> { static constexpr TF_DataType value = TF_BOOL; };

inline size_t bytes_of(TF_DataType type) {
  switch (type) {
    case TF_FLOAT:
    case TF_INT32:
      return 4;
    case TF_INT64:
    case TF_UINT64:
    case TF_DOUBLE:
      return 8;
    case TF_HALF:
    case TF_BFLOAT16:
      return 2;
    case TF_STRING:
      return sizeof(String);
    default:
      return 1;
  }
}

struct Tensor {
  void* data = nullptr;
  Shape shape;
  TF_DataType type = TF_FLOAT;

  int rank() const { return shape.rank; }
  int64_t dim(int i) const { return shape[i]; }  // -1 is the last
  int64_t size() const { return shape.size(); }

  // Returns the data. The signature of the op determines the dtype, so a mismatch is a bug of the kernel.
  template <class Value>
  Value* as() const {
    require(type == TypeOf<Value>::value, "a kernel read a tensor of type %d as type %d", static_cast<int>(type),
            static_cast<int>(TypeOf<Value>::value));
    return static_cast<Value*>(data);
  }
};

// Checks of the rank and shape of an argument.
inline void require_rank(const Tensor& tensor, const char* name, int rank) {
  if (tensor.rank() == rank) return;  // formatting is slow
  require(false, "%s: got shape %s, expected rank %d", name, text(tensor.shape).value, rank);
}
inline void require_shape(const Tensor& tensor, const char* name, const Shape& shape) {
  if (tensor.shape == shape) return;
  require(false, "%s: got shape %s, expected %s", name, text(tensor.shape).value, text(shape).value);
}

TENSORSMITH_END
