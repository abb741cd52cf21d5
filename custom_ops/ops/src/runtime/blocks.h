// Partition of a list of tensors into blocks, which balances threads for many small as well as few large tensors.
#pragma once

#include "runtime/buffers.h"
#include "runtime/parallel.h"

TENSORSMITH_BEGIN

class Blocks {
 public:
  static constexpr int64_t kSize = 16384;  // elements per block; the last block of a tensor may be smaller

  explicit Blocks(int most_tensors) : tensors_(most_tensors) {}

  void add(int64_t size) {
    count_ += (size + kSize - 1) / kSize;
    tensors_[used_++] = {size, count_};
  }

  int64_t count() const { return count_; }

  // Calls visit(tensor, first, size, block) for every block of the tensors [begin_tensor, end_tensor), with the
  // elements [first, first + size) of a tensor. Blocks do not depend on the number of threads.
  template <class Visit>
  void for_each(int begin_tensor, int end_tensor, const Visit& visit) const {
    if (begin_tensor >= end_tensor) return;
    const int64_t start = begin_of(begin_tensor);
    parallel_for(end_of(end_tensor - 1) - start, 1, [&](int64_t begin, int64_t end) {
      int tensor = holder(start + begin);
      for (int64_t block = start + begin; block < start + end; ++block) {
        while (tensors_[tensor].end <= block) ++tensor;
        visit(tensor, first(tensor, block), size(tensor, block), block);
      }
    });
  }

  template <class Visit>
  void for_each(const Visit& visit) const {
    for_each(0, used_, visit);
  }

  // Blocks of a tensor: [begin_of(tensor), end_of(tensor)).
  int64_t begin_of(int tensor) const { return tensor > 0 ? tensors_[tensor - 1].end : 0; }
  int64_t end_of(int tensor) const { return tensors_[tensor].end; }

  // Offset of a block in its tensor, and its number of elements.
  int64_t first(int tensor, int64_t block) const { return (block - begin_of(tensor)) * kSize; }
  int64_t size(int tensor, int64_t block) const {
    const int64_t rest = tensors_[tensor].size - first(tensor, block);
    return rest < kSize ? rest : kSize;
  }

 private:
  struct Entry {
    int64_t size;
    int64_t end;  // number of blocks up to and including this tensor
  };

  // Binary search for the tensor of a block, the first one that ends after it.
  int holder(int64_t block) const {
    int low = 0, high = used_ - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (tensors_[middle].end > block)
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }

  Scratch<Entry> tensors_;
  int used_ = 0;
  int64_t count_ = 0;
};

TENSORSMITH_END
