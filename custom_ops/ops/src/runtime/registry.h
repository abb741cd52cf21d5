// Definition and registration of ops.
#pragma once

#include <cstdint>

#include "runtime/level.h"
#include "runtime/tensorflow_c.h"

namespace tensorsmith {

// Attribute of an op: a float, or an int or bool.
struct Attribute {
  char name[32];
  float number;
  int64_t integer;
};

struct Attributes {
  static constexpr int kMost = 16;
  int count = 0;
  Attribute all[kMost];
};

// `signature` is "x: T; scale: float -> y: T | T: {half, float}; epsilon: float": inputs, outputs and attributes in
// TensorFlow's own notation, separated by semicolons.
struct Op {
  const char* name;
  const char* signature;
  void (*infer_shapes)(TF_ShapeInferenceContext*, TF_Status*);
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
};

// Reads the attributes named in the signature. The registry frees them.
Attributes* read_attributes(const char* signature, TF_OpKernelConstruction* construction);

}  // namespace tensorsmith

// Adds a pointer to the op to the table of its level. The table is a section of the library that the linker fills, so
// that no code compiled for a level runs before the CPU has been checked, and no list of kernels needs to be
// maintained.
#define TENSORSMITH_REGISTER(identifier, name, signature, infer_shapes, compute)                              \
  static void* TENSORSMITH_JOIN(create_, identifier)(TF_OpKernelConstruction * construction) {                \
    return ::tensorsmith::read_attributes(signature, construction);                                           \
  }                                                                                                           \
  static ::tensorsmith::Op identifier = {name, signature, infer_shapes, TENSORSMITH_JOIN(create_, identifier), \
                                         compute};                                                            \
  __attribute__((used, section("tensorsmith_ops_" TENSORSMITH_TEXT(TENSORSMITH_LEVEL)))) static ::tensorsmith::Op* \
      TENSORSMITH_JOIN(entry_, identifier) = &identifier
