// Peak memory bandwidth and floating-point rate of this machine, which give lower bounds of run times for benchmarks.
#include <chrono>

#include "runtime/matmul.h"
#include "runtime/op.h"
#include "runtime/stream.h"
#include "runtime/vector.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kFloats = int64_t{16} << 20;  // 64 MB per array, larger than the caches
constexpr int64_t kGrain = int64_t{1} << 16;
constexpr int kRepeats = 7;

template <class Work>
double best_seconds(const Work& work) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (seconds < best) best = seconds;
  }
  return best;
}

// Best of three access patterns: copy, triad (a = b + 0.5 c), and copy with non-temporal stores.
double bytes_per_second() {
  Scratch<float> a(kFloats), b(kFloats), c(kFloats);
  const auto on_all = [&](const auto& body) {
    return best_seconds([&] { parallel_for(kFloats, kGrain, body); });
  };
  // Touches all pages first.
  on_all([&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) a[i] = b[i] = c[i] = 1.0f;
  });
  const double array = kFloats * sizeof(float);
  const double copy = 2 * array / on_all([&](int64_t begin, int64_t end) {
    std::memcpy(a + begin, b + begin, (end - begin) * sizeof(float));
  });
  const double triad = 3 * array / on_all([&](int64_t begin, int64_t end) {
    each(end - begin, [&](auto v, int64_t i) {
      using V = decltype(v);
      store(a + begin + i, at<V>(b + begin + i) + 0.5f * at<V>(c + begin + i));
    });
  });
  const double streamed = 2 * array / on_all([&](int64_t begin, int64_t end) {
    each(end - begin, [&](auto v, int64_t i) { stream(a + begin + i, at<decltype(v)>(b + begin + i)); });
    end_stream();
  });
  const double best = copy > triad ? copy : triad;
  return streamed > best ? streamed : best;
}

// Rate of multiplications and additions in matrix products that fit into the cache, on all threads.
double operations_per_second() {
  constexpr int64_t kSize = 512;
  const int64_t products = 4 * thread_count();
  Scratch<float> a(kSize * kSize), b(kSize * kSize), c(products * kSize * kSize);
  for (int64_t i = 0; i < kSize * kSize; ++i) a[i] = b[i] = 0.5f;
  const double seconds = best_seconds([&] {
    parallel_for(products, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        matmul(kSize, kSize, kSize, {a, kSize}, {b, kSize}, c + i * kSize * kSize, kSize, false);
    });
  });
  return 2.0 * products * kSize * kSize * kSize / seconds;
}

void measure(Context& context) {
  context.output(0, Shape()).as<float>()[0] = static_cast<float>(bytes_per_second());
  context.output(1, Shape()).as<float>()[0] = static_cast<float>(operations_per_second());
}

void two_scalars(Shapes& shapes) {
  shapes.set(0, shapes.scalar());
  shapes.set(1, shapes.scalar());
}

}  // namespace

TENSORSMITH_OP(ceilings, "TensorsmithCeilings", "-> bytes_per_second: float; operations_per_second: float", two_scalars,
               measure);

TENSORSMITH_END
