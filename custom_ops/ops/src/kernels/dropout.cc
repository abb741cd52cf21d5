// Dropout (Srivastava et al., 2014) with the random numbers of TensorFlow, those of the Philox generator (Salmon et al.,
// "Parallel Random Numbers: As Easy as 1, 2, 3", 2011). They are computed again for the gradient, so that no mask is
// stored.
#include <cmath>

#include "runtime/op.h"
#include "runtime/vector.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

TENSORSMITH_BEGIN
namespace {

// The words of the generator are the low halves of 64-bit lanes, whose high halves are arbitrary.
constexpr int kHalf = kLanes / 2;
typedef uint64_t Words __attribute__((vector_size(kHalf * 8)));

constexpr int kGroups = 64;          // counters of a chunk
constexpr int kChunk = 4 * kGroups;  // elements of a chunk, four for each counter
constexpr int kTogether = 4;         // vectors that are computed together, because each round depends on the one before
constexpr int kRounds = 10;
constexpr int64_t kGrain = 64;       // chunks of a work unit

inline Words product(Words x, uint32_t factor) {
  const Words other = Words{} + factor;
#if defined(__AVX512F__)
  return reinterpret_cast<Words>(_mm512_mul_epu32(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(other)));
#elif defined(__AVX2__)
  return reinterpret_cast<Words>(_mm256_mul_epu32(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(other)));
#elif defined(__SSE2__)
  return reinterpret_cast<Words>(_mm_mul_epu32(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(other)));
#else
  return (x & 0xffffffff) * other;
#endif
}

// Number of low bits of a random number that become the fraction of a number in [0, 1) of the dtype.
constexpr int fraction_bits(float) { return 23; }
constexpr int fraction_bits(Half) { return 10; }
constexpr int fraction_bits(BFloat16) { return 7; }

// Counter-based generator: the random numbers of a group of elements depend on its index alone.
struct Philox {
  uint64_t counter[2];
  uint32_t key[2];

  Philox(const Tensor& key_tensor, const Tensor& counter_tensor) {
    require_shape(key_tensor, "key", Shape(1));
    require_shape(counter_tensor, "counter", Shape(2));
    const uint64_t both = *key_tensor.as<uint64_t>();
    key[0] = static_cast<uint32_t>(both), key[1] = static_cast<uint32_t>(both >> 32);
    for (int i = 0; i < 2; ++i) counter[i] = counter_tensor.as<uint64_t>()[i];
  }

  // Writes the random numbers of `kGroups` groups.
  void draw(int64_t first, uint32_t* numbers) const {
    for (int start = 0; start < kGroups; start += kTogether * kHalf) {
      Words a[kTogether], b[kTogether], c[kTogether], d[kTogether];
      for (int v = 0; v < kTogether; ++v) {
        for (int lane = 0; lane < kHalf; ++lane) a[v][lane] = counter[0] + first + start + v * kHalf + lane;
        c[v] = Words{} + counter[1] - (a[v] < counter[0]);  // a comparison is -1 if it holds
        b[v] = a[v] >> 32, d[v] = c[v] >> 32;
      }
      uint32_t first_key = key[0], second_key = key[1];
      for (int round = 0; round < kRounds; ++round) {
        for (int v = 0; v < kTogether; ++v) {
          const Words one = product(a[v], 0xD2511F53), two = product(c[v], 0xCD9E8D57);
          a[v] = (two >> 32) ^ b[v] ^ first_key, b[v] = two;
          c[v] = (one >> 32) ^ d[v] ^ second_key, d[v] = one;
        }
        first_key += 0x9E3779B9, second_key += 0xBB67AE85;
      }
      for (int v = 0; v < kTogether; ++v) {
        const Words pairs[2] = {(a[v] & 0xffffffff) | b[v] << 32, (c[v] & 0xffffffff) | d[v] << 32};
        uint64_t together[2 * kHalf];
        for (int lane = 0; lane < kHalf; ++lane)
          together[2 * lane] = pairs[0][lane], together[2 * lane + 1] = pairs[1][lane];
        std::memcpy(numbers + 4 * (start + v * kHalf), together, sizeof(together));
      }
    }
  }
};

// Drops the elements whose random number is less than the rate, and scales the others. `from` may equal `to`.
void drop(const uint32_t* numbers, uint32_t bits, uint32_t below, float scale, const float* from, float* to, int64_t count) {
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) {
    const float kept = from[i] * scale;
    to[i] = (numbers[i] & bits) < below ? 0.0f : kept;
  }
}

void forward(Context& context) {
  const Tensor x = context.input(0);
  const Philox philox(context.input(1), context.input(2));
  const double rate = context.number("rate");
  const float scale = context.number("scale");
  require(rate >= 0 && rate <= 1, "rate: got %g, expected a number in [0, 1]", rate);  // 1 after rounding
  const Tensor y = context.output(0, x.shape);
  const int64_t size = x.size();
  with_float_type(x.type, [&](auto storage) {
    using T = decltype(storage);
    constexpr uint32_t kValues = uint32_t{1} << fraction_bits(T{});
    const uint32_t below = static_cast<uint32_t>(std::ceil(rate * kValues));
    parallel_for((size + kChunk - 1) / kChunk, kGrain, [&](int64_t begin, int64_t end) {
      uint32_t numbers[kChunk];
      float buffer[kChunk];
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        const int64_t start = chunk * kChunk, count = start + kChunk < size ? kChunk : size - start;
        philox.draw(chunk * kGroups, numbers);
        const float* from = read(x.as<T>() + start, buffer, count);
        float* to = sizeof(T) == sizeof(float) ? reinterpret_cast<float*>(y.as<T>() + start) : buffer;
        drop(numbers, kValues - 1, below, scale, from, to, count);
        write(to, y.as<T>() + start, count);
      }
    });
  });
}

void shapes_of(Shapes& shapes) { shapes.set(0, shapes.input(0)); }

}  // namespace

// `rate` and `scale` are rounded to the dtype.
TENSORSMITH_OP(dropout, "TensorsmithDropout",
               "x: T; key: uint64; counter: uint64 -> y: T | T: {float, half, bfloat16}; rate: float; scale: float",
               shapes_of, forward);

TENSORSMITH_END
