// Non-temporal stores, which bypass the cache. They avoid reading cache lines of large outputs before they are
// overwritten.
#pragma once

#include "runtime/vector.h"

#if defined(__SSE__)
#include <immintrin.h>
#endif

TENSORSMITH_BEGIN

// True if the alignment of an address is sufficient for `stream`.
inline bool streams_to(const float* to) { return reinterpret_cast<uintptr_t>(to) % sizeof(Vec) == 0; }

// Writes a vector to an address that is a multiple of its size. Call `end_stream` before other threads read it.
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
