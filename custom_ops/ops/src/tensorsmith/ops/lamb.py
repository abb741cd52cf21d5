"""Fused LAMB update for a list of tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops._support.moments import MomentsUpdate, moments_gradient, moments_update
from tensorsmith.ops._support.updates import settings, tensor_lists
from tensorsmith.ops.global_norm import reference_norm


def lamb_update(
    parameters: Sequence[Any],
    gradients: Sequence[Any],
    momentums: Sequence[Any],
    velocities: Sequence[Any],
    *,
    learning_rate: Scalar,
    step: Scalar,
    beta_1: Scalar = 0.9,
    beta_2: Scalar = 0.999,
    epsilon: Scalar = 1e-7,
    weight_decay: TensorLike = 0.0,
    global_clipnorm: Scalar | None = None,
    loss_scale: Scalar | None = None,
) -> MomentsUpdate:
    """Performs one step of LAMB, a variant of Adam with a trust ratio for each tensor, on a list of tensors.

    No variable is modified in place. Assign the returned values to the variables, which requires no copy.

    Formula, with g the gradient divided by the loss scale and clipped, and t the step. The trust ratio is 1 where a
    norm is 0:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        w = w - rate |w| / |u| u

    Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes", 2020, with weight
    decay applied before the step, as in Keras.

    The arguments, return values and exceptions are the same as for `adam_update`.

    Example:
        >>> import tensorflow as tf
        >>> w, g, zeros = tf.constant([1.0, 2.0]), tf.constant([0.5, -0.5]), tf.zeros(2)
        >>> update = lamb_update([w], [g], [zeros], [zeros], learning_rate=0.1, step=1)
        >>> print(update.parameters[0].numpy().round(4))
        [0.8419 2.1581]
    """
    lists = tensor_lists(parameters, {"gradients": gradients, "momentums": momentums, "velocities": velocities})
    moments = {"step": step, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    numbers = settings(len(parameters), learning_rate, weight_decay, global_clipnorm, loss_scale, **moments)
    return moments_update("tensorsmith_lamb_update", _new_parameters, lists, numbers, loss_scale is not None)


def _new_parameters(
    parameters: Sequence[tf.Tensor],
    momentums: Sequence[tf.Tensor],
    velocities: Sequence[tf.Tensor],
    numbers: Mapping[str, tf.Tensor],
) -> list[tf.Tensor]:
    rate, step = numbers["learning_rate"], numbers["step"]
    new_parameters = []
    for i, (w, m, v) in enumerate(zip(parameters, momentums, velocities, strict=True)):
        decay, small = (tf.cast(x, w.dtype) for x in (numbers["weight_decay"][i] * rate, numbers["epsilon"]))
        m /= tf.cast(1 - numbers["beta_1"] ** step, m.dtype)
        v /= tf.cast(1 - numbers["beta_2"] ** step, v.dtype)
        direction = m / (tf.sqrt(v) + small)
        # The trust ratio |w| / |u| uses the decayed parameters.
        decayed = w - w * decay
        w_norm, direction_norm = reference_norm([decayed]), reference_norm([direction])
        one = tf.ones_like(w_norm)
        ratio = tf.where(
            w_norm > 0, tf.where(direction_norm > 0, tf.math.divide_no_nan(w_norm, direction_norm), one), one
        )
        new_parameters.append(decayed - ratio * tf.cast(rate, w.dtype) * direction)
    return new_parameters


@tf.RegisterGradient("TensorsmithLambUpdate")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    return moments_gradient(_new_parameters, op, upstream)
