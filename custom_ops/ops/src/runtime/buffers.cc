#include "runtime/buffers.h"

#include <sys/mman.h>

#include <cstdlib>
#include <mutex>
#include <new>

namespace tensorsmith {
namespace {

constexpr size_t kAlignment = 64;  // alignment of tensors required by TensorFlow

}  // namespace

#if defined(__SANITIZE_ADDRESS__)

// Exact sizes and no reuse, so that AddressSanitizer detects every overrun.
void* acquire_buffer(size_t bytes) {
  void* data = nullptr;
  if (posix_memalign(&data, kAlignment, bytes > 0 ? bytes : 1) != 0) throw std::bad_alloc();
  return data;
}
void release_buffer(void* data, size_t) { std::free(data); }

#else

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t rounded(size_t bytes) {
  const size_t unit = bytes < kHugePage ? 4096 : kHugePage;
  return (bytes + unit - 1) / unit * unit;
}

void* allocate(size_t bytes) {
  void* data = nullptr;
  const size_t alignment = bytes < kHugePage ? kAlignment : kHugePage;
  if (posix_memalign(&data, alignment, bytes) != 0) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

struct Spare {
  size_t size;
  void* data;
};

constexpr int kSpares = 1024;
constexpr size_t kMostSpareBytes = size_t{512} << 20;

std::mutex mutex;
Spare spares[kSpares];  // oldest first
int spare_count = 0;
size_t spare_bytes = 0;

void* take(int index) {
  void* data = spares[index].data;
  spare_bytes -= spares[index].size;
  --spare_count;
  for (int i = index; i < spare_count; ++i) spares[i] = spares[i + 1];
  return data;
}

}  // namespace

void* acquire_buffer(size_t bytes) {
  const size_t size = rounded(bytes > 0 ? bytes : 1);
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (int i = spare_count - 1; i >= 0; --i)  // the most recently released buffer is most likely cached
      if (spares[i].size == size) return take(i);
  }
  return allocate(size);
}

void release_buffer(void* data, size_t bytes) {
  const size_t size = rounded(bytes > 0 ? bytes : 1);
  if (size > kMostSpareBytes) {
    std::free(data);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex);
  while (spare_count > 0 && (spare_count == kSpares || spare_bytes + size > kMostSpareBytes)) std::free(take(0));
  spares[spare_count++] = {size, data};
  spare_bytes += size;
}

#endif

}  // namespace tensorsmith
