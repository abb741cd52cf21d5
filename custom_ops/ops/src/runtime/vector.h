// Float vectors of the register width of the level, and conversion of 16-bit floats.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/level.h"
#include "runtime/tensor.h"

#if defined(__F16C__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

TENSORSMITH_BEGIN

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(kLanes * 4)));

// Rounds up to a multiple of the vector width.
inline int64_t padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

inline Vec load(const float* from) {
  Vec value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline void store(float* to, Vec value) { std::memcpy(to, &value, sizeof(value)); }
inline Vec broadcast(float value) { return Vec{} + value; }

// Reads a scalar or a vector, for code that is generic in the type V.
template <class V>
inline V at(const float* from) {
  V value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline void store(float* to, float value) { *to = value; }

inline float square_root(float value) { return __builtin_sqrtf(value); }
inline Vec square_root(Vec value) {
  Vec result;
  for (int i = 0; i < kLanes; ++i) result[i] = __builtin_sqrtf(value[i]);
  return result;
}

// Sum of the lanes in fixed order, by pairwise addition of halves.
template <int kCount>
struct Lanes {
  typedef float Type __attribute__((vector_size(kCount * 4)));
};
template <int kCount>
inline float sum_of(typename Lanes<kCount>::Type value) {
  if constexpr (kCount == 2) {
    return value[0] + value[1];
  } else {
    typename Lanes<kCount / 2>::Type halves[2];
    std::memcpy(halves, &value, sizeof(value));
    return sum_of<kCount / 2>(halves[0] + halves[1]);
  }
}
inline float sum(Vec value) { return sum_of<kLanes>(value); }

// Calls visit(V{}, i) for the elements [0, count), with V = Vec for whole vectors and V = float for the remainder.
template <class Visit>
inline void each(int64_t count, const Visit& visit) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) visit(Vec{}, i);
  for (; i < count; ++i) visit(float{}, i);
}

// Returns the sum of term(V{}, i) over [0, count), in an order that depends on count alone.
template <class Term>
inline float reduce(int64_t count, const Term& term) {
  Vec first{}, second{}, third{}, fourth{};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    first += term(Vec{}, i);
    second += term(Vec{}, i + kLanes);
    third += term(Vec{}, i + 2 * kLanes);
    fourth += term(Vec{}, i + 3 * kLanes);
  }
  for (; i + kLanes <= count; i += kLanes) first += term(Vec{}, i);
  float rest = 0;
  for (; i < count; ++i) rest += term(float{}, i);
  return sum((first + second) + (third + fourth)) + rest;
}

inline float to_float(float value) { return value; }
inline float to_float(BFloat16 value) {
  const uint32_t bits = uint32_t{value.bits} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}
inline float to_float(Half value) {
#if defined(__F16C__)
  return _cvtsh_ss(value.bits);
#else
  const uint32_t sign = uint32_t(value.bits & 0x8000) << 16, magnitude = value.bits & 0x7fff;
  uint32_t bits;
  if (magnitude >= 0x7c00) {  // infinity or NaN
    bits = 0x7f800000 | (magnitude & 0x3ff) << 13;
  } else if (magnitude >= 0x400) {
    bits = (magnitude << 13) + ((127 - 15) << 23);
  } else {  // subnormal: as a multiple of 2^-24
    float tiny = static_cast<float>(magnitude) * 0x1p-24f;
    std::memcpy(&bits, &tiny, sizeof(bits));
  }
  bits |= sign;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
#endif
}

// Rounds to nearest, ties to even, as TensorFlow does.
inline void from_float(float value, float* to) { *to = value; }
inline void from_float(float value, BFloat16* to) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to->bits = static_cast<uint16_t>(value != value ? (bits >> 16 | 0x40) : rounded);
}
inline void from_float(float value, Half* to) {
#if defined(__F16C__)
  to->bits = _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
#else
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  uint32_t result;
  if (magnitude > 0x7f800000) {
    result = 0x7e00;
  } else if (magnitude >= 0x477ff000) {  // values from 65520 are rounded to infinity
    result = 0x7c00;
  } else if (magnitude < 0x38800000) {  // subnormal: adding 0.5 leaves multiples of 2^-24 in the last bits
    float shifted;
    std::memcpy(&shifted, &magnitude, sizeof(shifted));
    shifted += 0.5f;
    std::memcpy(&result, &shifted, sizeof(result));
    result -= 0x3f000000;
  } else {
    result = (magnitude - ((127 - 15) << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  }
  to->bits = static_cast<uint16_t>(result | sign);
#endif
}

// Conversion of rows between storage types and float32. `read` returns float32 rows without a copy.
inline const float* read(const float* from, float*, int64_t) { return from; }
inline const float* read(const BFloat16* from, float* buffer, int64_t count) {
  for (int64_t i = 0; i < count; ++i) buffer[i] = to_float(from[i]);
  return buffer;
}
inline const float* read(const Half* from, float* buffer, int64_t count) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16)
    _mm512_storeu_ps(buffer + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i))));
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(buffer + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#endif
  for (; i < count; ++i) buffer[i] = to_float(from[i]);
  return buffer;
}

inline void write(const float* from, BFloat16* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) from_float(from[i], to + i);
}
inline void write(const float* from, float* to, int64_t count) {
  if (from != to) std::memcpy(to, from, count * sizeof(float));
}
inline void write(const float* from, Half* to, int64_t count) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                        _mm512_cvtps_ph(_mm512_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < count; ++i) from_float(from[i], to + i);
}

// Calls visit(Value{}) with the storage type of a tensor: float, Half or BFloat16.
template <class Visit>
void with_float_type(TF_DataType type, const Visit& visit) {
  switch (type) {
    case TF_HALF:
      return visit(Half{});
    case TF_BFLOAT16:
      return visit(BFloat16{});
    default:
      require(type == TF_FLOAT, "got a tensor of type %d, expected float32, float16 or bfloat16",
              static_cast<int>(type));
      return visit(float{});
  }
}

TENSORSMITH_END
