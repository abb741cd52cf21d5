// Parallel loops on a pool of threads, which sleep while idle.
#pragma once

#include <cstdint>

#include "runtime/level.h"

namespace tensorsmith {

// Calls body(closure, begin, end) for consecutive ranges of at most `grain` items that together cover [0, count).
// The ranges depend on count and grain alone, so that results summed range by range are the same for any number of
// threads. An exception thrown by `body` is rethrown after all threads have left it.
void run_parallel(int64_t count, int64_t grain, void (*body)(const void* closure, int64_t begin, int64_t end),
                  const void* closure);

int thread_count();

}  // namespace tensorsmith

TENSORSMITH_BEGIN

// Example: parallel_for(rows, 16, [&](int64_t begin, int64_t end) { ... });
template <class Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  run_parallel(
      count, grain,
      [](const void* closure, int64_t begin, int64_t end) { (*static_cast<const Body*>(closure))(begin, end); }, &body);
}

// Returns the grain that splits `count` items into at most `ranges` ranges of at least `least` items.
inline int64_t grain_for(int64_t count, int64_t ranges, int64_t least = 1) {
  const int64_t grain = (count + ranges - 1) / ranges;
  return grain < least ? least : grain;
}

TENSORSMITH_END
