// Static shape inference in graphs.
#pragma once

#include <cstdint>
#include <limits>

#include "runtime/level.h"
#include "runtime/tensorflow_c.h"

TENSORSMITH_BEGIN

// Shapes of the inputs and outputs of an op, which may be partially known. A mismatch raises ValueError.
class Shapes {
 public:
  static constexpr int64_t kUnknown = -1;
  static constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

  // A possibly partially known shape.
  class Known {
   public:
    Known() : handle_(TF_NewShapeHandle()) {}
    explicit Known(TF_ShapeHandle* handle) : handle_(handle) {}
    Known(Known&& other) : handle_(other.handle_) { other.handle_ = nullptr; }
    Known(const Known&) = delete;
    Known& operator=(const Known&) = delete;
    ~Known() {
      if (handle_ != nullptr) TF_DeleteShapeHandle(handle_);
    }
    TF_ShapeHandle* get() const { return handle_; }

   private:
    TF_ShapeHandle* handle_;
  };

  Shapes(TF_ShapeInferenceContext* context, TF_Status* status) : context_(context), status_(status) {}

  int inputs() const { return static_cast<int>(TF_ShapeInferenceContextNumInputs(context_)); }

  Known input(int i) {
    Known result;
    if (ok()) TF_ShapeInferenceContextGetInput(context_, i, result.get(), status_);
    return result;
  }
  // Returns the shape of an input and requires the given rank.
  Known input(int i, int rank) {
    Known whole = input(i), result;
    if (ok()) TF_ShapeInferenceContextWithRank(context_, whole.get(), rank, result.get(), status_);
    return result;
  }
  Known input_at_least(int i, int rank) {
    Known whole = input(i), result;
    if (ok()) TF_ShapeInferenceContextWithRankAtLeast(context_, whole.get(), rank, result.get(), status_);
    return result;
  }

  // Returns the dimensions [begin, end) of a shape. Negative indices count from the end.
  Known part(const Known& shape, int64_t begin, int64_t end = kEnd) {
    Known result;
    if (ok()) TF_ShapeInferenceContextSubshape(context_, shape.get(), begin, end, result.get(), status_);
    return result;
  }
  Known join(const Known& first, const Known& second) {
    Known result;
    if (ok())
      TF_ShapeInferenceContextConcatenateShapes(context_, first.get(), second.get(), result.get(), status_);
    return result;
  }
  // Returns a shape of rank 1, whose size may be kUnknown.
  Known vector(int64_t size) { return Known(TF_ShapeInferenceContextVectorFromSize(context_, size)); }
  Known scalar() { return Known(TF_ShapeInferenceContextScalar(context_)); }

  void set(int output, const Known& shape) {
    if (ok()) TF_ShapeInferenceContextSetOutput(context_, output, shape.get(), status_);
  }

 private:
  bool ok() const { return TF_GetCode(status_) == TF_OK; }

  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
};

template <void (*shapes)(Shapes&)>
void infer(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_SetStatus(status, TF_OK, "");
  Shapes view(context, status);
  shapes(view);
}

TENSORSMITH_END
