// Hash table with pairs of integers as keys, which is a constant tensor, so that no call has to build it.
#pragma once

#include "runtime/op.h"

TENSORSMITH_BEGIN

// View of an int64 tensor of shape [slots, 2] that holds a key and a value in each slot. The key of an empty slot is -1,
// and the number of slots is a power of two. `PairTable` in byte_pair.py builds the tensor.
class PairTable {
 public:
  static constexpr int64_t kMissing = -1;

  PairTable(const Tensor& tensor, const char* name) : slots_(tensor.as<int64_t>()) {
    require(tensor.rank() == 2 && tensor.dim(1) == 2 && tensor.dim(0) >= 2 && (tensor.dim(0) & (tensor.dim(0) - 1)) == 0,
            "%s: got shape %s, expected [slots, 2] with a power of two", name, text(tensor.shape).value);
    mask_ = tensor.dim(0) - 1;
    shift_ = __builtin_clzll(static_cast<uint64_t>(mask_));
  }

  // Returns the value of a pair, or kMissing.
  int64_t find(int32_t first, int32_t second) const {
    const int64_t key = static_cast<int64_t>(static_cast<uint64_t>(static_cast<uint32_t>(first)) << 32 |
                                             static_cast<uint32_t>(second));
    int64_t slot = static_cast<int64_t>(static_cast<uint64_t>(key) * 0x9e3779b97f4a7c15u >> shift_);
    for (int64_t probe = 0; probe <= mask_; ++probe, slot = (slot + 1) & mask_) {
      if (slots_[2 * slot] == key) return slots_[2 * slot + 1];
      if (slots_[2 * slot] < 0) return kMissing;
    }
    return kMissing;
  }

 private:
  const int64_t* slots_;
  int64_t mask_;
  int shift_;
};

TENSORSMITH_END
