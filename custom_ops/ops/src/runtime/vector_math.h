// Branch-free exp, log, sigmoid, tanh and erf of float vectors. They are accurate to 3 ulp, and erf to 4e-7, and handle
// infinities and NaN.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/vector.h"

TENSORSMITH_BEGIN

// Clips x to [low, high]. NaN is preserved.
inline Vec clamp(Vec x, float low, float high) {
  x = x < low ? broadcast(low) : x;
  return x > high ? broadcast(high) : x;
}

// 2^n for integers n in [-127, 128]. The result is 0 for -127 and infinity for 128.
inline Vec power_of_two(IntVec n) {
  const IntVec bits = (n + 127) << 23;
  Vec result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

// Range reduction x = n ln 2 + r with integer n and |r| <= ln 2 / 2, for |x| < 2^20. Then e^x = 2^n (1 + expm1) with
// expm1 = e^r - 1.
struct ExpParts {
  IntVec n;
  Vec expm1;
};
inline ExpParts exp_parts(Vec x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23; adding it leaves the nearest integer in the low bits
  const Vec shifted = x * 1.44269504088896341f + kRound;
  const Vec whole = shifted - kRound;
  ExpParts parts;
  std::memcpy(&parts.n, &shifted, sizeof(shifted));
  parts.n -= 0x4b400000;
  // ln 2 is split into two constants (Cody and Waite) for an accurate remainder. The series is that of e^r - 1.
  const Vec r = x - whole * 0.693145751953125f - whole * 1.42860682030941723212e-6f;
  Vec series = broadcast(1.0f / 5040);
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  parts.expm1 = series * (r * r) + r;
  return parts;
}

// e^x for x <= 0 or x = -inf. Subnormal results are flushed to 0.
inline Vec exp_below_one(Vec x) {
  const ExpParts parts = exp_parts(x < -88.0f ? broadcast(-88.0f) : x);
  return (parts.expm1 + 1.0f) * power_of_two(parts.n);
}

// Natural logarithm of normal positive numbers and NaN: x = 2^n m with m in [sqrt(1/2), sqrt(2)), and the series
// log m = 2 (s + s^3 / 3 + s^5 / 5 + ...) in s = (m - 1) / (m + 1).
inline Vec log_of_normal(Vec x) {
  IntVec bits;
  std::memcpy(&bits, &x, sizeof(x));
  const IntVec n = (bits - 0x3f3504f3) >> 23;  // the bits of sqrt(1/2)
  bits -= n << 23;
  Vec m;
  std::memcpy(&m, &bits, sizeof(m));
  const Vec s = (m - 1.0f) / (m + 1.0f), square = s * s;
  Vec series = broadcast(2.0f / 9);
  series = series * square + 2.0f / 7;
  series = series * square + 2.0f / 5;
  series = series * square + 2.0f / 3;
  series = series * square * s + 2.0f * s;
  const Vec whole = __builtin_convertvector(n, Vec);
  return x == x ? whole * 0.693145751953125f + (whole * 1.42860682030941723212e-6f + series) : x;
}

// 1 / (1 + e^-x). For x < -88.3, where the result is subnormal, it is 0.
inline Vec sigmoid(Vec x) {
  const ExpParts parts = exp_parts(clamp(-x, -88.0f, 89.0f));
  return 1.0f / (1.0f + (parts.expm1 + 1.0f) * power_of_two(parts.n));
}

// tanh(x) = expm1(2x) / (expm1(2x) + 2), which is accurate for small x.
inline Vec tanh(Vec x) {
  const ExpParts parts = exp_parts(clamp(x + x, -20.0f, 20.0f));
  const Vec scale = power_of_two(parts.n);
  const Vec expm1 = scale * parts.expm1 + (scale - 1.0f);
  return expm1 / (expm1 + 2.0f);
}

// Error function: x times a rational function of x^2, a minimax fit with a relative error of 2.5e-8 on [-4, 4]. Beyond,
// the error function rounds to 1.
inline Vec erf(Vec x) {
  x = clamp(x, -4.0f, 4.0f);
  const Vec square = x * x;
  Vec numerator = broadcast(1.986851936831676e-06f);
  numerator = numerator * square + 0.0002845571339877852f;
  numerator = numerator * square + 0.0038829516084932045f;
  numerator = numerator * square + 0.05310053035348115f;
  numerator = numerator * square + 0.19353589442437957f;
  numerator = numerator * square + 1.128379139578945f;
  Vec denominator = broadcast(3.742044174688635e-05f);
  denominator = denominator * square + 0.0011854762311236937f;
  denominator = denominator * square + 0.015206463741282206f;
  denominator = denominator * square + 0.11534620715086213f;
  denominator = denominator * square + 0.5048492788969321f;
  denominator = denominator * square + 1.0f;
  return x * numerator / denominator;
}

TENSORSMITH_END
