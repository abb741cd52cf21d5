// Stores that go past the cache: for outputs too large to stay in it, which then need not be read before they are written.
#pragma once

#include "runtime/vector.h"

#if defined(__SSE__)
#include <immintrin.h>
#endif

TENSORSMITH_BEGIN

// Whether an address suits `stream`.
inline bool streams_to(const float* to) { return reinterpret_cast<uintptr_t>(to) % sizeof(Vec) == 0; }

// Writes a vector to an address that is a multiple of its size. Call `end_stream` before others may read it.
inline void stream(float* to, Vec value) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, reinterpret_cast<__m512>(value));
#elif defined(__AVX2__)
  _mm256_stream_ps(to, reinterpret_cast<__m256>(value));
#elif defined(__SSE__)
  _mm_stream_ps(to, reinterpret_cast<__m128>(value));
#else
  store(to, value);
#endif
}
inline void stream(float* to, float value) { *to = value; }

inline void end_stream() {
#if defined(__SSE__)
  _mm_sfence();
#endif
}

TENSORSMITH_END
