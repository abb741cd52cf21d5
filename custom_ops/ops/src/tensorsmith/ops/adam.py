"""Adam with decoupled weight decay, for all tensors of a model in one op."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops.moments import MomentsUpdate, moments_gradient, moments_update
from tensorsmith.ops.updates import settings, tensor_lists


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
    """One step of Adam with decoupled weight decay, over a list of tensors.

    Nothing is written in place: assign the new values to the variables, which copies nothing.

    Formula, with g the gradient over the loss scale, clipped, and t the step:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, and Loshchilov and Hutter, "Decoupled
    Weight Decay Regularization", 2019; epsilon is added as in Keras.

    Args:
        parameters: Tensors of any shapes and of one floating type; float32 has a kernel.
        gradients: A tensor for each parameter, of its type and shape.
        momentums: The first moments, likewise.
        velocities: The second moments, likewise.
        learning_rate: A number. All numbers may be tensors, so that schedules need no retracing.
        step: Which update this is, from 1 on.
        beta_1: How much of the first moments stays.
        beta_2: How much of the second moments stays.
        epsilon: What keeps the quotient from zero.
        weight_decay: A number, or one for each parameter.
        global_clipnorm: The largest norm of all gradients together, to which larger ones are scaled; None for no limit.
        loss_scale: What the loss was multiplied with. With one, a gradient that is not finite means no update at all.

    Returns:
        New parameters, momentums and velocities, and whether there was an update.

    Raises:
        ValueError: Lists, types or shapes do not fit, or a number is out of its range.

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
