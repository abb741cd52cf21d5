"""Fused Adam update with decoupled weight decay for a list of tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops._support.moments import MomentsUpdate, moments_gradient, moments_update
from tensorsmith.ops._support.updates import settings, tensor_lists


def adam_update(
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
    """Performs one step of Adam with decoupled weight decay on a list of tensors.

    No variable is modified in place. Assign the returned values to the variables, which requires no copy.

    Formula, with g the gradient divided by the loss scale and clipped, and t the step:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, and Loshchilov and Hutter, "Decoupled
    Weight Decay Regularization", 2019. Epsilon is added as in Keras.

    Args:
        parameters: List of floating-point tensors of the same dtype. Their shapes may differ. The compiled kernel
            supports float32.
        gradients: List of gradients, one for each parameter. Each gradient has the dtype and the shape of its
            parameter.
        momentums: List of first moment estimates, with the dtypes and shapes of the parameters.
        velocities: List of second moment estimates, with the dtypes and shapes of the parameters.
        learning_rate: Float or scalar tensor, the learning rate. The other scalar arguments may also be tensors.
            Passing a tensor avoids retracing when a schedule changes the value.
        step: Index of the update, starting from 1. It is used for bias correction.
        beta_1: Exponential decay rate for the first moment estimates.
        beta_2: Exponential decay rate for the second moment estimates.
        epsilon: Small constant for numerical stability.
        weight_decay: Weight decay rate. A scalar, or a tensor with one rate for each parameter.
        global_clipnorm: Maximum global norm of the gradients. If the norm is larger, all gradients are scaled down.
            `None` disables clipping.
        loss_scale: Factor by which the loss was multiplied. The gradients are divided by this factor, and the update is
            skipped if a gradient is not finite. If `None`, the gradients are neither divided nor checked.

    Returns:
        A named tuple of the new parameters, momentums and velocities, and of a boolean scalar, which is `True` if the
        update was performed.

    Raises:
        ValueError: If lists, dtypes or shapes do not match, or if a scalar is out of range.

    Example:
        >>> import tensorflow as tf
        >>> w, g, zeros = tf.constant([1.0, 2.0]), tf.constant([0.5, -0.5]), tf.zeros(2)
        >>> update = adam_update([w], [g], [zeros], [zeros], learning_rate=0.1, step=1)
        >>> print(update.parameters[0].numpy().round(4))
        [0.9 2.1]
    """
    lists = tensor_lists(parameters, {"gradients": gradients, "momentums": momentums, "velocities": velocities})
    moments = {"step": step, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    numbers = settings(len(parameters), learning_rate, weight_decay, global_clipnorm, loss_scale, **moments)
    return moments_update("tensorsmith_adam_update", _new_parameters, lists, numbers, loss_scale is not None)


def _new_parameters(
    parameters: Sequence[tf.Tensor],
    momentums: Sequence[tf.Tensor],
    velocities: Sequence[tf.Tensor],
    numbers: Mapping[str, tf.Tensor],
) -> list[tf.Tensor]:
    learning_rate, step = numbers["learning_rate"], numbers["step"]
    # Both bias corrections are folded into the learning rate, as in Keras.
    alpha = learning_rate * tf.sqrt(1 - numbers["beta_2"] ** step) / (1 - numbers["beta_1"] ** step)
    new_parameters = []
    for i, (w, m, v) in enumerate(zip(parameters, momentums, velocities, strict=True)):
        decay = numbers["weight_decay"][i] * learning_rate
        decay, rate, small = (tf.cast(x, w.dtype) for x in (decay, alpha, numbers["epsilon"]))
        new_parameters.append(w - w * decay - rate * m / (tf.sqrt(v) + small))
    return new_parameters


@tf.RegisterGradient("TensorsmithAdamUpdate")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    return moments_gradient(_new_parameters, op, upstream)
