// Backward scan of the recurrent kernels (backpropagation through time). At each step, the cell turns the gradients of
// the states into the gradient of its sums, and the recurrent product propagates it to the previous step. After a chunk
// of steps, while it is in the cache, its gradients are multiplied by the inputs of the products. Each slice of
// sequences accumulates its own weight gradients, which are summed at the end.
//
// The cells define for this purpose:
//   kOnes                   1 if the bias gradient is that of the input product's sums, else 0
//   extra_size()            number of floats in the gradients of other weights, to which `backward` adds
//   backward(record, before, dh, dc, dz, extra)
//                           `before` is the state before the step; dh and dc hold the gradients of the states after the
//                           step and are replaced by those before it, except for the recurrent product; dz is set to
//                           the gradient of the sums
//   reset_backward          with kResetBefore, the same for `reset`
#pragma once

#include "kernels/recurrent.h"

TENSORSMITH_BEGIN

// A weight gradient as a product: columns [fed, fed + rows) of the inputs, and some blocks of the gradients of the
// sums.
struct WeightProduct {
  int64_t fed, rows;
  int64_t block, blocks;
};

// Gradient of a weight matrix, with a separate sum for each slice of sequences.
class Parts {
 public:
  Parts(int64_t slices, int64_t rows, int64_t columns)
      : slices_(slices), rows_(rows), columns_(columns), data_(slices * rows * columns) {}

  float* part(int64_t slice) const { return data_ + slice * rows_ * columns_; }

  // Sums a row over all slices, in fixed order. Its gate g is block (g + shift) % gates, each of `width` floats.
  void add_up(int64_t row, int64_t gates, int64_t shift, int64_t units, int64_t width, float* to) const {
    for (int64_t gate = 0; gate < gates; ++gate, to += units) {
      const float* from = data_ + row * columns_ + (gate + shift) % gates * width;
      for (int64_t i = 0; i < units; ++i) to[i] = 0;
      for (int64_t slice = 0; slice < slices_; ++slice, from += rows_ * columns_)
        for (int64_t i = 0; i < units; ++i) to[i] += from[i];
    }
  }

 private:
  int64_t slices_, rows_, columns_;
  Scratch<float> data_;
};

// Writes the gradients of x, both kernels and the initial states. `bias` receives the bias gradient if the cell has
// kOnes, and `extra` the padded gradients of its other weights.
template <class Cell>
void walk_backward(Context& context, const Sequences& s, const Cell& cell, float* bias, float* extra) {
  constexpr Layout layout = Cell::kLayout;
  constexpr int kGates = Cell::kGates;
  const int64_t units = s.units, width = s.width, row = layout.blocks * width + kLanes, record_size = cell.record_size();
  const Shape state_shape(s.batch, units);
  const Tensor doutput_tensor = context.input(0), output_tensor = context.input(context.range("outputs").begin);
  const Tensor saved_tensor = context.input(context.range("saved").begin);
  require_shape(doutput_tensor, "doutputs", Shape(s.batch, s.steps, units));
  require_shape(output_tensor, "outputs", Shape(s.batch, s.steps, units));
  require_shape(saved_tensor, "saved", Shape(s.batch * s.steps * record_size));
  const float *doutputs = doutput_tensor.as<float>(), *outputs = output_tensor.as<float>();
  const float* saved = saved_tensor.as<float>();
  const float* upstream[2] = {};
  const Range dstates = context.range("dstates");
  require(dstates.size() == Cell::kStates, "dstates: got %d tensors, expected %d", dstates.size(), Cell::kStates);
  for (int i = 0; i < Cell::kStates; ++i) {
    const Tensor tensor = context.input(dstates.begin + i);
    require_shape(tensor, "dstates", state_shape);
    upstream[i] = tensor.as<float>();
  }
  float* dx = context.output(0, Shape(s.batch, s.steps, s.features)).as<float>();
  float* dkernel = context.output(1, Shape(s.features, kGates * units)).as<float>();
  float* drecurrent = context.output(2, Shape(units, kGates * units)).as<float>();
  float* dinitial[2] = {};
  for (int i = 0; i < s.initials.size(); ++i) {
    const Tensor tensor = context.output(1 + s.weights.size() + i, state_shape);
    dinitial[i] = tensor.as<float>();
  }
  if (units == 0) {
    for (int64_t i = 0; i < s.batch * s.steps * s.features; ++i) dx[i] = 0;
    return;
  }

  // Transposed weights, packed once for all slices.
  Packed kernel(layout.x_blocks * width, s.features), recurrent(layout.h_blocks * width, units);
  Packed second(width, Cell::kResetBefore ? units : 0);
  {
    const Blocked from_x(s.kernel, s.features, layout.x_blocks, units, width, kGates);
    const Blocked from_h(s.recurrent_kernel, units, kGates, units, width, kGates, layout.first_gate);
    kernel.fill(from_x, layout.x_blocks * width, true, layout.x_blocks * width, s.features);
    recurrent.fill(from_h, kGates * width, true, layout.h_blocks * width, units);
    if (Cell::kResetBefore) second.fill(from_h + 2 * width, kGates * width, true, width, units);
  }

  // A row of inputs holds h, a 1 for the bias if kOnes, x, and h after `reset` if kResetBefore.
  const int64_t slice = s.slice(layout.blocks), slices = s.steps > 0 ? (s.batch + slice - 1) / slice : 0;
  const int64_t fed_x = units + Cell::kOnes, fed_second = fed_x + s.features;
  const int64_t fed_size = fed_second + (Cell::kResetBefore ? units : 0), dx_stride = padded(s.features);
  const WeightProduct products[3] = {{0, units, layout.h_begin, layout.h_blocks},
                                     {units, Cell::kOnes + s.features, layout.x_begin, layout.x_blocks},
                                     {fed_second, Cell::kResetBefore ? units : 0, 2, 1}};
  constexpr bool same_blocks = layout.h_begin == layout.x_begin && layout.h_blocks == layout.x_blocks;
  const Parts parts[3] = {{slices, products[0].rows, products[0].blocks * width},
                          {slices, products[1].rows, products[1].blocks * width},
                          {slices, products[2].rows, products[2].blocks * width}};
  const Parts extras(slices, 1, cell.extra_size());

  parallel_for(s.batch, slice, [&](int64_t first, int64_t last) {
    const int64_t rows = last - first, chunk = s.chunk(rows, row), first_row = first * units, part = first / slice;
    const int64_t most = chunk * rows;  // rows of a chunk
    const Blocked dh(upstream[0] + first_row, rows, 1, units, width, 1);
    const Blocked dc(upstream[1] == nullptr ? nullptr : upstream[1] + first_row, rows, 1, units, width, 1);
    const float* initial = s.initial[Cell::kStates - 1];
    const Blocked start(initial == nullptr ? nullptr : initial + first_row, rows, 1, units, width, 1);
    const Blocked dropout(s.dropout == nullptr ? nullptr : s.dropout + first_row, rows, 1, units, width, 1);
    Scratch<float> dz(most * row), fed(most * fed_size), dxs(most * dx_stride);
    Scratch<float> through(rows * width), dropped(width);
    Packed rights[3] = {{most, products[0].blocks * width},
                        {most, same_blocks ? 0 : products[1].blocks * width},
                        {most, Cell::kResetBefore ? width : 0}};
    Scratch<int64_t> first_seen(rows);
    // First unmasked step of each sequence. Outputs before it are zero and have no gradient.
    for (int64_t r = 0; r < rows; ++r) {
      first_seen[r] = 0;
      while (first_seen[r] < s.steps && !s.seen(first + r, first_seen[r])) ++first_seen[r];
    }
    float* extra_part = extras.part(part);
    for (int64_t i = 0; i < cell.extra_size() && slices > 0; ++i) extra_part[i] = 0;

    // Chunks of steps, last to first.
    for (int64_t end = s.steps; end > 0;) {
      const int64_t begin = (end - 1) / chunk * chunk, inner = (end - begin) * rows;
      for (int64_t step = end - 1; step >= begin; --step) {
        float* dz_step = dz + (step - begin) * rows * row;
        float* fed_step = fed + (step - begin) * rows * fed_size;
        const float* records = saved + (first * s.steps + step * rows) * record_size;
        const float* before = step > 0 ? records - rows * record_size + cell.state_at() : start;
        const int64_t before_stride = step > 0 ? record_size : width;
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t place = (first + r) * s.steps + step;
          float *dh_row = dh + r * width, *dz_row = dz_step + r * row, *fed_row = fed_step + r * fed_size;
          const bool seen = s.seen(first + r, step), seen_before = first_seen[r] < step;
          if (step > 0) {
            for (int64_t i = 0; i < record_size; i += 16)
              __builtin_prefetch(records + (r - rows) * record_size + i);
            for (int64_t i = 0; i < units; i += 16) __builtin_prefetch(doutputs + (place - 1) * units + i);
          }
          // Gradients of the sums. A masked step passes the state gradients on unchanged.
          if (seen || seen_before)
            for (int64_t i = 0; i < units; ++i) dh_row[i] += doutputs[place * units + i];
          if (seen) {
            cell.backward(records + r * record_size, before + r * before_stride, dh_row, dc + r * width, dz_row, extra_part);
          } else {
            for (int64_t i = 0; i < layout.blocks * width; ++i) dz_row[i] = 0;
          }
          // Inputs of the products of this step.
          const float* h = seen_before ? outputs + (place - 1) * units
                                       : s.initial[0] != nullptr ? s.initial[0] + first_row + r * units : nullptr;
          for (int64_t i = 0; i < units; ++i) fed_row[i] = h == nullptr ? 0 : h[i];
          if (s.dropout != nullptr)
            for (int64_t i = 0; i < units; ++i) fed_row[i] *= dropout[r * width + i];
          if (Cell::kOnes) fed_row[units] = 1;
          copy(s.x + ((first + r) * s.steps + s.time(step)) * s.features, fed_row + fed_x, s.features);
        }
        // Gradient through the recurrent product of h after `reset`.
        if constexpr (Cell::kResetBefore) {
          multiply(rows, units, width, Left<false>{dz_step + 2 * width, row}, second, through, width, false);
          for (int64_t r = 0; r < rows; ++r) {
            float* fed_second_row = fed_step + r * fed_size + fed_second;
            if (!s.seen(first + r, step)) {
              for (int64_t i = 0; i < units; ++i) fed_second_row[i] = 0;
              continue;
            }
            const float *old = before + r * before_stride, *record = records + r * record_size;
            for (int64_t i = 0; i < width; ++i) dropped[i] = s.dropout == nullptr ? old[i] : old[i] * dropout[r * width + i];
            cell.reset_backward(record, dropped, s.dropout == nullptr ? nullptr : dropout + r * width, through + r * width,
                                dh + r * width, dz_step + r * row);
            for (int64_t i = 0; i < units; ++i) fed_second_row[i] = record[width + i] * dropped[i];
          }
        }
        // Gradient through the recurrent product to the previous h.
        const Left<false> gradients{dz_step + layout.h_begin * width, row};
        multiply(rows, units, layout.h_blocks * width, gradients, recurrent, s.dropout == nullptr ? dh : through.data(),
                 width, s.dropout == nullptr);
        if (s.dropout != nullptr)
          for (int64_t i = 0; i < rows * width; ++i) dh[i] += through[i] * dropout[i];
      }
      // Weight gradients of the chunk, added to those of the slice.
      for (int i = 0; i < 2 + Cell::kResetBefore; ++i) {
        const WeightProduct& p = products[i];
        Packed& right = rights[i == 1 && same_blocks ? 0 : i];
        if (i != 1 || !same_blocks) right.fill(dz + p.block * width, row, false, inner, p.blocks * width);
        multiply(p.rows, p.blocks * width, inner, Left<true>{fed + p.fed, fed_size}, right, parts[i].part(part),
                 p.blocks * width, end < s.steps);
      }
      // Gradient of x.
      multiply(inner, s.features, layout.x_blocks * width, Left<false>{dz + layout.x_begin * width, row}, kernel, dxs,
               dx_stride, false);
      for (int64_t step = begin; step < end; ++step)
        for (int64_t r = 0; r < rows; ++r)
          copy(dxs + ((step - begin) * rows + r) * dx_stride,
               dx + ((first + r) * s.steps + s.time(step)) * s.features, s.features);
      end = begin;
    }
    for (int64_t r = 0; r < rows; ++r) {
      if (dinitial[0] != nullptr) copy(dh + r * width, dinitial[0] + first_row + r * units, units);
      if (dinitial[1] != nullptr) copy(dc + r * width, dinitial[1] + first_row + r * units, units);
    }
  });

  // Sum of the weight gradients over the slices.
  parallel_for(units, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* to = drecurrent + i * kGates * units;
      parts[0].add_up(i, layout.h_blocks, (kGates - layout.first_gate) % kGates, units, width, to);
      if (Cell::kResetBefore) parts[2].add_up(i, 1, 0, units, width, to + 2 * units);
    }
  });
  parallel_for(s.features, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      parts[1].add_up(Cell::kOnes + i, layout.x_blocks, 0, units, width, dkernel + i * kGates * units);
  });
  if (Cell::kOnes) parts[1].add_up(0, layout.x_blocks, 0, units, width, bias);
  extras.add_up(0, 1, 0, cell.extra_size(), 0, extra);
}

TENSORSMITH_END

#define TENSORSMITH_RECURRENT_GRADIENT_INPUTS                                                                      \
  "doutputs: float; dstates: state_count * float; " TENSORSMITH_RECURRENT_INPUTS "; outputs: float; saved: float" \
  " -> dx: float; dweights: weight_count * float; dinitial: initial_count * float"                                 \
  " | state_count: int >= 0; weight_count: int >= 0; initial_count: int >= 0; go_backwards: bool"
