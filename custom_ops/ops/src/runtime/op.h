// Main header of the kernels: context (inputs, outputs, attributes), shape inference, and TENSORSMITH_OP.
#pragma once

#include <cstring>
#include <exception>
#include <new>

#include "runtime/buffers.h"
#include "runtime/parallel.h"
#include "runtime/registry.h"
#include "runtime/shapes.h"
#include "runtime/tensor.h"

TENSORSMITH_BEGIN

// Inputs of an op that belong to one list argument.
struct Range {
  int begin;
  int end;
  int size() const { return end - begin; }
};

// Inputs, outputs and attributes of one call of a kernel.
class Context {
 public:
  Context(TF_OpKernelContext* context, const Attributes* attributes)
      : context_(context),
        attributes_(attributes),
        status_(TF_NewStatus()),
        inputs_(TF_NumInputs(context)),
        handles_(new TF_Tensor* [inputs_ + TF_NumOutputs(context)] {}) {}
  ~Context() {
    for (int i = 0; i < inputs_ + TF_NumOutputs(context_); ++i)
      if (handles_[i] != nullptr) TF_DeleteTensor(handles_[i]);
    delete[] handles_;
    TF_DeleteStatus(status_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Tensor input(int i) {
    if (handles_[i] == nullptr) {
      TF_GetInput(context_, i, &handles_[i], status_);
      must_be_ok();
    }
    return view(handles_[i]);
  }

  // Returns the inputs of the list argument `name`.
  Range range(const char* name) {
    TF_InputRange_Args arguments = {sizeof(TF_InputRange_Args), nullptr, 0, 0, status_};
    TF_InputRange(context_, name, &arguments);
    must_be_ok();
    return {arguments.start, arguments.stop};
  }

  // Allocates an uninitialized output (strings are empty). Large outputs use recycled buffers.
  Tensor output(int i, const Shape& shape) {
    constexpr size_t kLarge = size_t{256} << 10;
    const TF_DataType type = TF_ExpectedOutputDataType(context_, i);
    const size_t bytes = bytes_for(shape.size(), bytes_of(type));
    TF_Tensor*& handle = handles_[inputs_ + i];
    if (bytes < kLarge || type == TF_STRING) {
      handle = TF_AllocateOutput(context_, i, type, shape.dims, shape.rank, bytes, status_);
    } else {
      handle = TF_NewTensor(
          type, shape.dims, shape.rank, acquire_buffer(bytes), bytes,
          [](void* data, size_t size, void*) { release_buffer(data, size); }, nullptr);
      TF_SetOutput(context_, i, handle, status_);
    }
    must_be_ok();
    return view(handle);
  }

  // Forwards an input to an output without a copy.
  void pass(int input_index, int output_index) {
    input(input_index);
    TF_SetOutput(context_, output_index, handles_[input_index], status_);
    must_be_ok();
  }

  // Returns an output with the values of an input, in the buffer of the input if nothing else refers to it.
  Tensor updated(int input_index, int output_index) {
    const Shape shape = input(input_index).shape;
    TF_DeleteTensor(handles_[input_index]);  // a reference to the buffer
    handles_[input_index] = nullptr;
    int forwarded = -1;
    TF_Tensor*& handle = handles_[inputs_ + output_index];
    handle = TF_ForwardInputOrAllocateOutput(context_, &input_index, 1, output_index, shape.dims, shape.rank, &forwarded,
                                             status_);
    must_be_ok();
    const Tensor result = view(handle);
    if (forwarded < 0) std::memcpy(result.data, input(input_index).data, result.size() * bytes_of(result.type));
    return result;
  }

  int outputs() const { return TF_NumOutputs(context_); }
  TF_DataType output_type(int i) const { return TF_ExpectedOutputDataType(context_, i); }

  float number(const char* name) const { return attribute(name).number; }
  int64_t integer(const char* name) const { return attribute(name).integer; }
  bool flag(const char* name) const { return attribute(name).integer != 0; }

  void fail(TF_Code code, const char* message) {
    TF_SetStatus(status_, code, message);
    TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  static Tensor view(const TF_Tensor* handle) {
    Tensor tensor;
    tensor.data = TF_TensorData(handle);
    tensor.type = TF_TensorType(handle);
    tensor.shape.rank = TF_NumDims(handle);
    require(tensor.shape.rank <= Shape::kMost, "got a tensor of rank %d, expected at most %d", tensor.shape.rank,
            Shape::kMost);
    for (int i = 0; i < tensor.shape.rank; ++i) tensor.shape.dims[i] = TF_Dim(handle, i);
    return tensor;
  }

  void must_be_ok() const {
    if (TF_GetCode(status_) == TF_OK) return;
    Failure error = {TF_GetCode(status_), {}};
    std::snprintf(error.message, sizeof(error.message), "%s", TF_Message(status_));
    throw error;
  }

  const Attribute& attribute(const char* name) const {
    int i = 0;
    while (i < attributes_->count && std::strcmp(attributes_->all[i].name, name) != 0) ++i;
    require(i < attributes_->count, "a kernel read the attribute %s, which its signature does not declare", name);
    return attributes_->all[i];
  }

  TF_OpKernelContext* context_;
  const Attributes* attributes_;
  TF_Status* status_;
  int inputs_;
  TF_Tensor** handles_;  // inputs, then outputs
};

// C callback of TensorFlow that calls a kernel and converts exceptions to a status.
template <void (*kernel)(Context&)>
void compute(void* attributes, TF_OpKernelContext* raw) {
  Context context(raw, static_cast<const Attributes*>(attributes));
  try {
    kernel(context);
  } catch (const Failure& error) {
    context.fail(error.code, error.message);
  } catch (const std::bad_alloc&) {
    context.fail(TF_RESOURCE_EXHAUSTED, "out of memory");
  } catch (const std::exception& error) {
    context.fail(TF_INTERNAL, error.what());
  }
}

TENSORSMITH_END

// Registers an op and its kernel:
// TENSORSMITH_OP(layer_norm, "TensorsmithLayerNorm", "x: T -> y: T | T: {half, float}", shapes, kernel);
// with void shapes(Shapes&) and void kernel(Context&).
#define TENSORSMITH_OP(identifier, name, signature, shapes, kernel)                                                \
  TENSORSMITH_REGISTER(identifier, name, signature, &::tensorsmith::TENSORSMITH_LEVEL::infer<shapes>,              \
                       &::tensorsmith::TENSORSMITH_LEVEL::compute<kernel>)
