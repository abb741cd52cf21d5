// Common code of the recurrent kernels: their inputs, and the forward scan over the steps.
//
// Each thread processes a slice of the sequences over all steps. Steps are grouped into chunks that stay in the cache:
// the inputs of a chunk are multiplied by the kernel at once (one product for all steps would move the sums through
// memory), then each step adds its recurrent product, and the cell, which is specific to the op, turns the sums into
// states. A cell defines
//   kStates               1 for h, 2 for h and c; the last one is the `state` carried from step to step
//   kGates                number of gates, which are adjacent in the weights
//   kLayout               blocks of a row of sums
//   kAdds                 true if the recurrent product is added to the sums, false if it overwrites them
//   kResetBefore          true if the last gate has a recurrent product of its own, with h after `reset`
//   record_size(), state_at()      floats saved per step for the gradient, and the offset of the state in them
//   begin(z)              initializes the sums before the recurrent product is added
//   forward(z, h, c, record)
//   backward(record, before, dh, dc, dz, sums)      see recurrent_gradients.h
// Rows of units are padded to whole vectors, with zeros in the weights and the sums, so that the padding stays finite.
#pragma once

#include "runtime/op.h"
#include "runtime/packed.h"

TENSORSMITH_BEGIN

// Layout of a row of sums in blocks of units: the blocks of the recurrent product and those of the input product. The
// blocks of the recurrent product start with gate `first_gate` and wrap around.
struct Layout {
  int blocks;
  int h_begin, h_blocks, first_gate;
  int x_begin, x_blocks;
};

// Validated inputs of a recurrent op or of its gradient op.
struct Sequences {
  int64_t batch, steps, features, units;
  int64_t width;  // units, padded to whole vectors
  const float *x, *kernel, *recurrent_kernel;
  const float* initial[2] = {};    // null: zeros
  const bool* mask = nullptr;      // null: no masked steps
  const float* dropout = nullptr;  // null: no dropout
  bool backwards;
  Range weights, initials;

  Sequences(Context& context, int gates, int states)
      : weights(context.range("weights")), initials(context.range("initial")) {
    const Tensor x_tensor = context.input(context.range("x").begin);
    require_rank(x_tensor, "x", 3);
    require(weights.size() >= 3, "weights: got %d tensors, expected 3 or more", weights.size());
    const Tensor recurrent = context.input(weights.begin + 1);
    require_rank(recurrent, "recurrent_kernel", 2);
    batch = x_tensor.dim(0), steps = x_tensor.dim(1), features = x_tensor.dim(2), units = recurrent.dim(0);
    width = padded(units);
    require_shape(recurrent, "recurrent_kernel", Shape(units, gates * units));
    x = x_tensor.as<float>(), recurrent_kernel = recurrent.as<float>();
    kernel = weight(context, 0, "kernel", Shape(features, gates * units));
    require(initials.size() == 0 || initials.size() == states, "initial: got %d tensors, expected none or %d",
            initials.size(), states);
    for (int i = 0; i < initials.size(); ++i) {
      const Tensor state = context.input(initials.begin + i);
      require_shape(state, "initial_state", Shape(batch, units));
      initial[i] = state.as<float>();
    }
    const Tensor mask_tensor = context.input(initials.end), dropout_tensor = context.input(initials.end + 1);
    if (!(mask_tensor.shape == Shape(0))) {
      require_shape(mask_tensor, "mask", Shape(batch, steps));
      mask = mask_tensor.as<bool>();
    }
    if (!(dropout_tensor.shape == Shape(0))) {
      require_shape(dropout_tensor, "recurrent_dropout_mask", Shape(batch, units));
      dropout = dropout_tensor.as<float>();
    }
    backwards = context.flag("go_backwards");
  }

  const float* weight(Context& context, int i, const char* name, const Shape& shape) const {
    require(i < weights.size(), "weights: got %d tensors, expected more", weights.size());
    const Tensor tensor = context.input(weights.begin + i);
    require_shape(tensor, name, shape);
    return tensor.as<float>();
  }

  // Number of sequences per slice: whole tiles of the matrix products, more if the weights are large, but not all of a
  // small batch. Each slice has its own weight gradients, which limits the number of slices.
  int64_t slice(int blocks) const {
    constexpr int64_t kTile = 8, kManyWeights = int64_t{1} << 18, kSmall = int64_t{1} << 14;
    constexpr int64_t kMostGradients = int64_t{1} << 25;
    const int64_t weight_floats = (units + features) * blocks * width;
    const int64_t large = batch <= 2 * kTile ? kTile : batch <= 4 * kTile ? 2 * kTile : 4 * kTile;
    const int64_t least = weight_floats <= kManyWeights ? kTile : large;
    if (batch * steps * blocks * width < kSmall) return batch + 1;
    const int64_t most = kMostGradients / (weight_floats + 1);
    return (grain_for(batch, most < 4 ? 4 : most > 16 ? 16 : most, least) + kTile - 1) / kTile * kTile;
  }

  // Number of steps in a chunk, with `row` floats per step and sequence for `rows` sequences.
  int64_t chunk(int64_t rows, int64_t row) const {
    constexpr int64_t kFloats = 80000, kTile = 8;
    const int64_t count = kFloats / (rows * row) / kTile * kTile;
    return count < kTile ? kTile : count;
  }

  // Time index in x of the step at position s of the processing order.
  int64_t time(int64_t s) const { return backwards ? steps - 1 - s : s; }
  bool seen(int64_t b, int64_t s) const { return mask == nullptr || mask[b * steps + time(s)]; }
};

// Rows of `blocks` padded blocks of units. Block i is gate (i + first_gate) % gates of `from`, or zero if `from` is
// null.
class Blocked {
 public:
  Blocked(const float* from, int64_t rows, int64_t blocks, int64_t units, int64_t width, int64_t gates, int64_t first_gate = 0)
      : data_(rows * blocks * width) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t block = 0; block < blocks; ++block) {
        float* to = data_ + (row * blocks + block) * width;
        const int64_t gate = (block + first_gate) % gates;
        for (int64_t i = 0; i < units; ++i) to[i] = from == nullptr ? 0 : from[(row * gates + gate) * units + i];
        for (int64_t i = units; i < width; ++i) to[i] = 0;
      }
  }
  operator float*() const { return data_; }

 private:
  Scratch<float> data_;
};

inline void copy(const float* from, float* to, int64_t count) { std::memcpy(to, from, count * sizeof(float)); }

template <class Cell>
void walk_forward(Context& context, const Sequences& s, const Cell& cell) {
  constexpr Layout layout = Cell::kLayout;
  const int64_t units = s.units, width = s.width, row = layout.blocks * width + kLanes;  // not a power of two
  const int64_t record_size = cell.record_size();
  float* outputs = context.output(0, Shape(s.batch, s.steps, units)).as<float>();
  float* finals[2] = {};
  for (int i = 0; i < Cell::kStates; ++i) {
    const Tensor tensor = context.output(1 + i, Shape(s.batch, units));
    finals[i] = tensor.as<float>();
  }
  const Tensor saved_tensor = context.output(1 + Cell::kStates, Shape(Shape(s.batch, s.steps, record_size).size()));
  float* saved = saved_tensor.as<float>();
  if (units == 0) return;

  // The weights are packed once for all slices.
  Packed kernel(s.features, layout.x_blocks * width), recurrent(units, layout.h_blocks * width);
  Packed second(Cell::kResetBefore ? units : 0, width);
  {
    const Blocked from_x(s.kernel, s.features, layout.x_blocks, units, width, Cell::kGates);
    const Blocked from_h(s.recurrent_kernel, units, Cell::kGates, units, width, Cell::kGates, layout.first_gate);
    kernel.fill(from_x, kernel.columns(), false, s.features, kernel.columns());
    recurrent.fill(from_h, Cell::kGates * width, false, units, recurrent.columns());
    if (Cell::kResetBefore) second.fill(from_h + 2 * width, Cell::kGates * width, false, units, width);
  }

  const int64_t slice = s.slice(layout.blocks);
  parallel_for(s.batch, slice, [&](int64_t first, int64_t last) {
    const int64_t rows = last - first, chunk = s.chunk(rows, row), first_row = first * units;
    const Blocked h(s.initial[0] == nullptr ? nullptr : s.initial[0] + first_row, rows, 1, units, width, 1);
    const Blocked c(s.initial[1] == nullptr ? nullptr : s.initial[1] + first_row, rows, 1, units, width, 1);
    const Blocked dropout(s.dropout == nullptr ? nullptr : s.dropout + first_row, rows, 1, units, width, 1);
    const float* state = Cell::kStates == 2 ? c : h;
    Scratch<float> sums(chunk * rows * row), dropped(rows * width), reset(rows * width);
    Scratch<bool> any(rows);  // true after the first unmasked step of a sequence
    for (int64_t r = 0; r < rows; ++r) any[r] = false;
    // Chunks of steps. The sums of a chunk are in time order.
    for (int64_t begin = 0; begin < s.steps; begin += chunk) {
      const int64_t count = s.steps - begin < chunk ? s.steps - begin : chunk;
      const int64_t low = s.backwards ? s.steps - begin - count : begin;  // first time index of the chunk
      // Input products of all steps of the chunk.
      for (int64_t r = 0; r < rows; ++r)
        multiply(count, kernel.columns(), s.features, Left<false>{s.x + ((first + r) * s.steps + low) * s.features, s.features},
                 kernel, sums + r * row + layout.x_begin * width, rows * row, false);
      if (units < width)  // clears NaN from inf * 0 in the padding
        for (int64_t i = 0; i < count * rows * layout.x_blocks; ++i) {
          float* block = sums + i / layout.x_blocks * row + (layout.x_begin + i % layout.x_blocks) * width;
          for (int64_t unit = units; unit < width; ++unit) block[unit] = 0;
        }
      // Recurrent product and cell of each step, in processing order.
      for (int64_t step = begin; step < begin + count; ++step) {
        float* z = sums + (s.time(step) - low) * rows * row;
        for (int64_t r = 0; r < rows; ++r) cell.begin(z + r * row);
        if (s.dropout != nullptr)
          for (int64_t i = 0; i < rows * width; ++i) dropped[i] = h[i] * dropout[i];
        const float* fed = s.dropout != nullptr ? dropped.data() : h;
        multiply(rows, recurrent.columns(), units, Left<false>{fed, width}, recurrent, z + layout.h_begin * width, row,
                 Cell::kAdds);
        if constexpr (Cell::kResetBefore) {
          for (int64_t r = 0; r < rows; ++r) cell.reset(z + r * row, fed + r * width, reset + r * width);
          multiply(rows, width, units, Left<false>{reset, width}, second, z + 2 * width, row, true);
        }
        for (int64_t r = 0; r < rows; ++r) {
          float* record = saved + (first * s.steps + step * rows + r) * record_size;
          float* output = outputs + ((first + r) * s.steps + step) * units;
          if (s.seen(first + r, step)) {
            cell.forward(z + r * row, h + r * width, c + r * width, record);
            copy(h + r * width, output, units);
            any[r] = true;
          } else {
            // A masked step repeats the previous output, and its record holds the unchanged state.
            copy(state + r * width, record + cell.state_at(), width);
            for (int64_t i = 0; i < units; ++i) output[i] = any[r] ? h[r * width + i] : 0;
          }
        }
      }
    }
    // Final states.
    for (int64_t r = 0; r < rows; ++r) {
      copy(h + r * width, finals[0] + first_row + r * units, units);
      if (Cell::kStates == 2) copy(c + r * width, finals[1] + first_row + r * units, units);
    }
  });
}

// Shape inference of the outputs.
template <int kStates>
void walk_shapes(Shapes& shapes) {
  const auto x = shapes.input(0, 3), units = shapes.part(shapes.input(2, 2), 0, 1);
  shapes.set(0, shapes.join(shapes.part(x, 0, 2), units));
  for (int i = 0; i < kStates; ++i) shapes.set(1 + i, shapes.join(shapes.part(x, 0, 1), units));
  shapes.set(1 + kStates, shapes.vector(Shapes::kUnknown));
}

// Shape inference of the gradients: those of x, the weights and the initial states, which follow the upstream
// gradients.
template <int kStates>
void walk_gradient_shapes(Shapes& shapes) {
  for (int i = 1 + kStates; i < shapes.inputs() - 4; ++i) shapes.set(i - 1 - kStates, shapes.input(i));
}

TENSORSMITH_END

#define TENSORSMITH_RECURRENT_INPUTS \
  "x: float; weights: weight_count * float; initial: initial_count * float; mask: bool; dropout: float"
