// Fused optimizer updates of all tensors of a model: Adam with decoupled weight decay (Kingma and Ba, 2015; Loshchilov
// and Hutter, 2019), LAMB (You et al., 2020), SGD with momentum (Polyak, 1964; Nesterov, 1983), and the global norm
// (Pascanu et al., 2013).
//
// The kernels never write into their inputs, since the old value of a variable may have other readers. The new values
// are large and are not read again soon, so they are written with non-temporal stores, which bypass the cache.
#include <cmath>

#include "runtime/blocks.h"
#include "runtime/op.h"
#include "runtime/stream.h"

TENSORSMITH_BEGIN
namespace {

constexpr int64_t kStreamFrom = int64_t{1} << 20;  // minimum total number of elements; fewer fit into the cache
constexpr int64_t kAlone = int64_t{1} << 19;       // maximum size of a tensor that LAMB processes on one thread

// Inputs and outputs of an update op. The inputs are lists of `count` tensors each, with the shapes of the parameters
// (parameters, gradients, then optimizer state), followed by scalars. The outputs are the new values of all lists
// except the gradients, followed by a boolean, which is true if the update was performed.
class Update {
 public:
  Update(Context& context, int lists)
      : context(context),
        count(context.range("parameters").size()),
        lists(lists),
        blocks(count),
        inputs(lists * count + 1),
        outputs(lists * count + 1) {
    static const char* const names[] = {"parameters", "gradients", "momentums", "velocities"};
    for (int i = 0; i < count; ++i) {
      const Shape shape = context.input(i).shape;
      for (int list = 0; list < lists; ++list) {
        const Tensor tensor = context.input(list * count + i);
        require(tensor.shape == shape, "%s, tensor %d: got shape %s, expected %s, that of the parameter", names[list],
                i, text(tensor.shape).value, text(shape).value);
        inputs[list * count + i] = tensor.as<float>();
      }
      blocks.add(shape.size());
      size += shape.size();
    }
  }

  double number(int i, const char* name) {
    const Tensor tensor = context.input(lists * count + i);
    require_rank(tensor, name, 0);
    return *tensor.as<double>();
  }

  const double* weight_decays(int i) {
    const Tensor tensor = context.input(lists * count + i);
    require_shape(tensor, "weight_decay", Shape(count));
    return tensor.as<double>();
  }

  // Allocates the outputs. If the update is skipped, forwards the inputs instead.
  void begin(bool finite) {
    for (int list = 0, to = 0; list < lists; ++list) {
      if (list == kGradients) continue;
      for (int i = 0; i < count; ++i, ++to) {
        const int from = list * count + i;
        if (finite)
          outputs[from] = context.output(to, context.input(from).shape).as<float>();
        else
          context.pass(from, to);
      }
    }
    *context.output((lists - 1) * count, Shape()).as<bool>() = finite;
  }

  // True if the new values of a tensor can be written with non-temporal stores.
  bool streams(int tensor) const {
    if (size < kStreamFrom) return false;
    for (int list = 0; list < lists; ++list)
      if (list != kGradients && !streams_to(outputs[list * count + tensor])) return false;
    return true;
  }

  static constexpr int kGradients = 1;

  Context& context;
  const int count;
  const int lists;
  Blocks blocks;
  Scratch<const float*> inputs;
  Scratch<float*> outputs;
  int64_t size = 0;
};

template <bool streaming, class V>
inline void put(float* to, V value) {
  if (streaming)
    stream(to, value);
  else
    store(to, value);
}

// Calls visit(constant) with constant.value == streaming, so that the loop is compiled for both cases.
template <bool streaming>
struct Streaming {
  static constexpr bool value = streaming;
};
template <class Visit>
inline void with_streaming(bool streaming, const Visit& visit) {
  if (streaming) {
    visit(Streaming<true>{});
    end_stream();
  } else {
    visit(Streaming<false>{});
  }
}

// Sum of squares. It is computed in float32, and again in float64 if the result may have overflowed or underflowed.
double squares(const float* x, int64_t count) {
  const float quick = reduce(count, [&](auto v, int64_t i) {
    const auto value = at<decltype(v)>(x + i);
    return value * value;
  });
  if (quick > 1e-20f && quick < 1e38f) return quick;
  constexpr int kSums = 8;
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums)
    for (int j = 0; j < kSums; ++j) sums[j] += static_cast<double>(x[i + j]) * x[i + j];
  for (; i < count; ++i) sums[0] += static_cast<double>(x[i]) * x[i];
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

// Sum of squares of all tensors, in an order that depends on their sizes alone.
double squares(const Blocks& blocks, const float* const* tensors) {
  Scratch<double> sums(blocks.count());
  blocks.for_each([&](int tensor, int64_t first, int64_t size, int64_t block) {
    sums[block] = squares(tensors[tensor] + first, size);
  });
  double total = 0;
  for (int64_t block = 0; block < blocks.count(); ++block) total += sums[block];
  return total;
}

// Factor of the gradients (loss scale and clipping), and false if the update must be skipped.
struct Scale {
  float factor;
  bool finite;
};
Scale scale_of(const Update& update, double clipnorm, double loss_scale, bool checked) {
  const bool clips = !(std::isinf(clipnorm) && clipnorm > 0);
  if (!clips && !checked) return {static_cast<float>(1 / loss_scale), true};
  const double norm =
      std::sqrt(squares(update.blocks, update.inputs + Update::kGradients * update.count)) / std::fabs(loss_scale);
  double factor = 1 / loss_scale;
  if (clips && norm > clipnorm) factor *= clipnorm / norm;
  if (!std::isfinite(norm)) factor = NAN;  // propagates to the parameters, as in Keras
  return {static_cast<float>(factor), !checked || std::isfinite(norm)};
}

// Moving averages of the gradient and its square, and their bias corrections.
struct Moments {
  float new_gradient;  // weights of the new gradient and its square
  float new_square;
  double correction_1;
  double correction_2;

  Moments(double beta_1, double beta_2, double step)
      : new_gradient(static_cast<float>(1 - beta_1)),
        new_square(static_cast<float>(1 - beta_2)),
        correction_1(1 - pow(beta_1, step)),
        correction_2(1 - pow(beta_2, step)) {}

  template <class V>
  V first(V m, V g) const {
    return m + (g - m) * new_gradient;
  }
  template <class V>
  V second(V v, V g) const {
    return v + (g * g - v) * new_square;
  }
};

// Inputs of an update with moments.
struct MomentsUpdate : Update {
  const double* weight_decays;
  const double rate;
  const Scale scale;
  const Moments moments;
  const float epsilon;

  explicit MomentsUpdate(Context& context)
      : Update(context, 4),
        weight_decays(Update::weight_decays(0)),
        rate(number(1, "learning_rate")),
        scale(scale_of(*this, number(2, "global_clipnorm"), number(3, "loss_scale"), context.flag("checked"))),
        moments(number(5, "beta_1"), number(6, "beta_2"), number(4, "step")),
        epsilon(static_cast<float>(number(7, "epsilon"))) {
    begin(scale.finite);
  }

  float decay(int tensor) const { return static_cast<float>(weight_decays[tensor] * rate); }
};
constexpr char kMomentsUpdate[] =
    "parameters: tensors * float; gradients: tensors * float; momentums: tensors * float;"
    " velocities: tensors * float; weight_decay: double; learning_rate: double; global_clipnorm: double;"
    " loss_scale: double; step: double; beta_1: double; beta_2: double; epsilon: double"
    " -> new_parameters: tensors * float; new_momentums: tensors * float; new_velocities: tensors * float;"
    " finite: bool | tensors: int >= 0; checked: bool";

void adam(Context& context) {
  MomentsUpdate update(context);
  if (!update.scale.finite) return;

  const Moments moments = update.moments;
  const float epsilon = update.epsilon;
  // Both bias corrections are folded into the learning rate.
  const float alpha = static_cast<float>(update.rate * std::sqrt(moments.correction_2) / moments.correction_1);
  const int count = update.count;
  update.blocks.for_each([&](int tensor, int64_t first, int64_t size, int64_t) {
    const float* const* in = update.inputs + tensor;
    float* const* out = update.outputs + tensor;
    const float *w = in[0] + first, *g = in[count] + first, *m = in[2 * count] + first, *v = in[3 * count] + first;
    float *new_w = out[0] + first, *new_m = out[2 * count] + first, *new_v = out[3 * count] + first;
    const float decay = update.decay(tensor), factor = update.scale.factor;
    with_streaming(update.streams(tensor), [&](auto constant) {
      each(size, [&](auto lanes, int64_t i) {
        using V = decltype(lanes);
        constexpr bool streaming = decltype(constant)::value;
        const V gradient = at<V>(g + i) * factor, weight = at<V>(w + i);
        const V first_moment = moments.first(at<V>(m + i), gradient);
        const V second_moment = moments.second(at<V>(v + i), gradient);
        put<streaming>(new_m + i, first_moment);
        put<streaming>(new_v + i, second_moment);
        put<streaming>(new_w + i,
                       weight - weight * decay - first_moment * alpha / (square_root(second_moment) + epsilon));
      });
    });
  });
}

// Accumulator for vectors and scalars.
struct Sum {
  Vec lanes{};
  float rest = 0;
  void add(Vec value) { lanes += value; }
  void add(float value) { rest += value; }
  double total() const { return static_cast<double>(sum(lanes)) + rest; }
};

bool shared_among_threads(const Blocks& blocks, int tensor) {
  return (blocks.end_of(tensor) - blocks.begin_of(tensor)) * Blocks::kSize > kAlone;
}

void lamb(Context& context) {
  MomentsUpdate update(context);
  if (!update.scale.finite) return;

  const Moments moments = update.moments;
  const float epsilon = update.epsilon;
  const float unbias_1 = static_cast<float>(1 / moments.correction_1);
  const float unbias_2 = static_cast<float>(1 / moments.correction_2);
  const int count = update.count;
  const Blocks& blocks = update.blocks;
  Scratch<double> weight_squares(blocks.count()), step_squares(blocks.count());
  // Phase 1: the moments of a block, its unscaled step, and its contribution to both norms.
  const auto begin_step = [&](int tensor, int64_t first, int64_t size, int64_t block, float* steps) {
    const float* const* in = update.inputs + tensor;
    float* const* out = update.outputs + tensor;
    const float *w = in[0] + first, *g = in[count] + first, *m = in[2 * count] + first, *v = in[3 * count] + first;
    float *new_m = out[2 * count] + first, *new_v = out[3 * count] + first;
    const float decay = update.decay(tensor), factor = update.scale.factor;
    Sum weights, directions;
    with_streaming(update.streams(tensor), [&](auto constant) {
      each(size, [&](auto lanes, int64_t i) {
        using V = decltype(lanes);
        constexpr bool streaming = decltype(constant)::value;
        const V gradient = at<V>(g + i) * factor, weight = at<V>(w + i), decayed = weight - weight * decay;
        const V first_moment = moments.first(at<V>(m + i), gradient);
        const V second_moment = moments.second(at<V>(v + i), gradient);
        const V direction = first_moment * unbias_1 / (square_root(second_moment * unbias_2) + epsilon);
        put<streaming>(new_m + i, first_moment);
        put<streaming>(new_v + i, second_moment);
        store(steps + first + i, direction);
        weights.add(decayed * decayed);
        directions.add(direction * direction);
      });
    });
    weight_squares[block] = weights.total();
    step_squares[block] = directions.total();
  };
  // Phase 2: the trust ratio of a tensor, from the norms of its blocks in fixed order.
  const auto trusted_rate = [&](int tensor) {
    double weights = 0, directions = 0;
    for (int64_t block = blocks.begin_of(tensor); block < blocks.end_of(tensor); ++block) {
      weights += weight_squares[block];
      directions += step_squares[block];
    }
    const double trust = weights > 0 && directions > 0 ? std::sqrt(weights) / std::sqrt(directions) : 1;
    return static_cast<float>(update.rate * trust);
  };
  // Phase 3: the new parameters of a block.
  const auto end_step = [&](int tensor, int64_t first, int64_t size, float trusted, const float* steps) {
    const float *w = update.inputs[tensor] + first, decay = update.decay(tensor);
    float* new_w = update.outputs[tensor] + first;
    with_streaming(update.streams(tensor), [&](auto constant) {
      each(size, [&](auto lanes, int64_t i) {
        using V = decltype(lanes);
        const V weight = at<V>(w + i);
        put<decltype(constant)::value>(new_w + i, weight - weight * decay - at<V>(steps + first + i) * trusted);
      });
    });
  };

  // Large tensors are processed one after the other, each by all threads.
  for (int tensor = 0; tensor < count; ++tensor) {
    if (!shared_among_threads(blocks, tensor)) continue;
    Scratch<float> steps((blocks.end_of(tensor) - blocks.begin_of(tensor)) * Blocks::kSize);
    blocks.for_each(tensor, tensor + 1, [&](int, int64_t first, int64_t size, int64_t block) {
      begin_step(tensor, first, size, block, steps);
    });
    const float trusted = trusted_rate(tensor);
    blocks.for_each(tensor, tensor + 1, [&](int, int64_t first, int64_t size, int64_t) {
      end_step(tensor, first, size, trusted, steps);
    });
  }
  // Small tensors are processed by one thread each. Phase 3 runs backwards, because the last blocks are still cached.
  parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    Scratch<float> steps(kAlone);
    for (int64_t i = begin; i < end; ++i) {
      const int tensor = static_cast<int>(i);
      if (shared_among_threads(blocks, tensor)) continue;
      for (int64_t block = blocks.begin_of(tensor); block < blocks.end_of(tensor); ++block)
        begin_step(tensor, blocks.first(tensor, block), blocks.size(tensor, block), block, steps);
      const float trusted = trusted_rate(tensor);
      for (int64_t block = blocks.end_of(tensor) - 1; block >= blocks.begin_of(tensor); --block)
        end_step(tensor, blocks.first(tensor, block), blocks.size(tensor, block), trusted, steps);
    }
  });
}

// Gradient descent, with or without momentum.
template <bool has_momentum>
void descend(Context& context) {
  Update update(context, has_momentum ? 3 : 2);
  const double* weight_decays = update.weight_decays(0);
  const double learning_rate = update.number(1, "learning_rate");
  const float rate = static_cast<float>(learning_rate);
  const Scale scale = scale_of(update, update.number(2, "global_clipnorm"), update.number(3, "loss_scale"),
                               context.flag("checked"));
  const float momentum = has_momentum ? static_cast<float>(update.number(4, "momentum")) : 0;
  const bool nesterov = has_momentum && context.flag("nesterov");
  update.begin(scale.finite);
  if (!scale.finite) return;

  const int count = update.count;
  update.blocks.for_each([&](int tensor, int64_t first, int64_t size, int64_t) {
    const float *w = update.inputs[tensor] + first, *g = update.inputs[count + tensor] + first;
    const float* m = has_momentum ? update.inputs[2 * count + tensor] + first : nullptr;
    float* new_w = update.outputs[tensor] + first;
    float* new_m = has_momentum ? update.outputs[2 * count + tensor] + first : nullptr;
    const float decay = static_cast<float>(weight_decays[tensor] * learning_rate), factor = scale.factor;
    with_streaming(update.streams(tensor), [&](auto constant) {
      each(size, [&](auto lanes, int64_t i) {
        using V = decltype(lanes);
        constexpr bool streaming = decltype(constant)::value;
        const V step = at<V>(g + i) * factor * rate, weight = at<V>(w + i), decayed = weight - weight * decay;
        if constexpr (has_momentum) {
          const V velocity = at<V>(m + i) * momentum - step;
          put<streaming>(new_m + i, velocity);
          put<streaming>(new_w + i, nesterov ? decayed + velocity * momentum - step : decayed + velocity);
        } else {
          put<streaming>(new_w + i, decayed - step);
        }
      });
    });
  });
}

void norm(Context& context) {
  const int count = context.range("tensors").size();
  Blocks blocks(count);
  Scratch<const float*> tensors(count);
  for (int i = 0; i < count; ++i) {
    const Tensor tensor = context.input(i);
    blocks.add(tensor.size());
    tensors[i] = tensor.as<float>();
  }
  *context.output(0, Shape()).as<float>() = static_cast<float>(std::sqrt(squares(blocks, tensors)));
}

// The lists are followed by `numbers` further inputs, the first of which holds one weight decay per tensor.
void update_shapes(Shapes& shapes, int lists, int numbers) {
  const int count = (shapes.inputs() - numbers) / lists;
  for (int list = 0, to = 0; list < lists; ++list) {
    if (list == Update::kGradients) continue;
    for (int i = 0; i < count; ++i) shapes.set(to++, shapes.input(list * count + i));
  }
  shapes.set((lists - 1) * count, shapes.scalar());
  shapes.input(lists * count, 1);
  for (int i = 1; i < numbers; ++i) shapes.input(lists * count + i, 0);
}

void moments_shapes(Shapes& shapes) { update_shapes(shapes, 4, 8); }
void plain_shapes(Shapes& shapes) { update_shapes(shapes, 2, 4); }
void momentum_shapes(Shapes& shapes) { update_shapes(shapes, 3, 5); }

void norm_shapes(Shapes& shapes) { shapes.set(0, shapes.scalar()); }

}  // namespace

TENSORSMITH_OP(adam_update, "TensorsmithAdamUpdate", kMomentsUpdate, moments_shapes, adam);

TENSORSMITH_OP(lamb_update, "TensorsmithLambUpdate", kMomentsUpdate, moments_shapes, lamb);

TENSORSMITH_OP(sgd_update, "TensorsmithSgdUpdate",
               "parameters: tensors * float; gradients: tensors * float; weight_decay: double; learning_rate: double;"
               " global_clipnorm: double; loss_scale: double -> new_parameters: tensors * float; finite: bool"
               " | tensors: int >= 0; checked: bool",
               plain_shapes, descend<false>);

TENSORSMITH_OP(momentum_update, "TensorsmithMomentumUpdate",
               "parameters: tensors * float; gradients: tensors * float; momentums: tensors * float; weight_decay: double;"
               " learning_rate: double; global_clipnorm: double; loss_scale: double; momentum: double"
               " -> new_parameters: tensors * float; new_momentums: tensors * float; finite: bool"
               " | tensors: int >= 0; checked: bool; nesterov: bool",
               momentum_shapes, descend<true>);

TENSORSMITH_OP(global_norm, "TensorsmithGlobalNorm", "tensors: count * float -> norm: float | count: int >= 0",
               norm_shapes, norm);

TENSORSMITH_END
