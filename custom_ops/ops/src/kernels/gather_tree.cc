// Reconstruction of the sequences of a beam search from the tokens and parent indices of each step.
#include "runtime/op.h"

TENSORSMITH_BEGIN
namespace {

void kernel(Context& context) {
  const Tensor id_tensor = context.input(0), parent_tensor = context.input(1), length_tensor = context.input(2);
  const Tensor end_tensor = context.input(3);
  require_rank(id_tensor, "step_ids", 3);
  require_shape(parent_tensor, "parent_ids", id_tensor.shape);
  const int64_t steps = id_tensor.dim(0), batch = id_tensor.dim(1), beams = id_tensor.dim(2);
  require_shape(length_tensor, "max_sequence_lengths", Shape(batch));
  require_rank(end_tensor, "end_token", 0);
  const int32_t *ids = id_tensor.as<int32_t>(), *parents = parent_tensor.as<int32_t>();
  const int32_t* lengths = length_tensor.as<int32_t>();
  const int32_t end = *end_tensor.as<int32_t>();
  int32_t* out = context.output(0, id_tensor.shape).as<int32_t>();
  if (id_tensor.size() == 0) return;  // the number of steps may be arbitrary
  // Parents of the first step and those after the end of an example are not used and not checked.
  for (int64_t step = 1; step < steps; ++step)
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t beam = 0; beam < beams && step < lengths[b]; ++beam) {
        const int32_t parent = parents[(step * batch + b) * beams + beam];
        require(parent >= 0 && parent < beams, "parent_ids: got %d at [%lld, %lld, %lld], expected 0 to %lld",
                parent, static_cast<long long>(step), static_cast<long long>(b), static_cast<long long>(beam),
                static_cast<long long>(beams - 1));
      }
  parallel_for(batch, grain_for(batch, 64, 1 + 4096 / (1 + steps * beams)), [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      const int64_t length = lengths[b] < 0 ? 0 : lengths[b] < steps ? lengths[b] : steps;
      for (int64_t beam = 0; beam < beams; ++beam) {
        const auto at = [&](int64_t step, int64_t of) { return (step * batch + b) * beams + of; };
        // Follows the parents from the last step to the first.
        for (int64_t step = length; step < steps; ++step) out[at(step, beam)] = end;
        int64_t from = beam;
        for (int64_t step = length - 1; step >= 0; --step) {
          out[at(step, beam)] = ids[at(step, from)];
          if (step > 0) from = parents[at(step, from)];
        }
        // Overwrites all tokens after the first end token.
        bool ended = false;
        for (int64_t step = 0; step < length; ++step) {
          int32_t& token = out[at(step, beam)];
          if (ended) token = end;
          ended = ended || token == end;
        }
      }
    }
  });
}

void shapes_of(Shapes& shapes) { shapes.set(0, shapes.input(0, 3)); }

}  // namespace

TENSORSMITH_OP(gather_tree, "TensorsmithGatherTree",
               "step_ids: int32; parent_ids: int32; max_sequence_lengths: int32; end_token: int32 -> beams: int32", shapes_of,
               kernel);

TENSORSMITH_END
