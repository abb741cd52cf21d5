"""What Adam and Lamb share: moving averages of the gradients and of their squares."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tensorsmith.ops.gradients import vjp


class MomentsUpdate(NamedTuple):
    """What `adam_update` and `lamb_update` return.

    Args:
        parameters: Their new values.
        momentums: The new first moments.
        velocities: The new second moments.
        finite: Whether the update was made; False only with a loss scale and a gradient that is not finite.
    """

    parameters: list[tf.Tensor]
    momentums: list[tf.Tensor]
    velocities: list[tf.Tensor]
    finite: tf.Tensor


def new_moments(
    gradients: Sequence[tf.Tensor],
    momentums: Sequence[tf.Tensor],
    velocities: Sequence[tf.Tensor],
    beta_1: tf.Tensor,
    beta_2: tf.Tensor,
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """The moving averages of the gradients and of their squares."""
    firsts = [m + (g - m) * tf.cast(1 - beta_1, m.dtype) for g, m in zip(gradients, momentums, strict=True)]
    seconds = [v + (g * g - v) * tf.cast(1 - beta_2, v.dtype) for g, v in zip(gradients, velocities, strict=True)]
    return firsts, seconds


def moments_gradient(
    twin: Callable[..., MomentsUpdate], op: tf.Operation, upstream: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The gradients of an update with moments, at all its inputs, by way of its twin."""
    count = op.get_attr("tensors")

    def outputs(*inputs: tf.Tensor) -> list[tf.Tensor]:
        lists = [list(inputs[i * count : (i + 1) * count]) for i in range(4)]
        new_parameters, new_momentums, new_velocities, _ = twin(*lists, *inputs[4 * count :])
        return [*new_parameters, *new_momentums, *new_velocities]

    return vjp(outputs, list(op.inputs), list(upstream[:-1]))
