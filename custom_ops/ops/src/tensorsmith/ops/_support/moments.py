"""Shared implementation of Adam and LAMB, which track the first and second moments of the gradients."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops._support.updates import Lists, kept_unless, served, unscaled
from tensorsmith.ops.library import library

# Maps parameters, new momentums, new velocities and the result of `settings` to new parameters.
Rule = Callable[
    [Sequence[tf.Tensor], Sequence[tf.Tensor], Sequence[tf.Tensor], Mapping[str, tf.Tensor]], list[tf.Tensor]
]
# Inputs of the ops after the lists, in order.
NUMBERS = (
    "weight_decay",
    "learning_rate",
    "global_clipnorm",
    "loss_scale",
    "step",
    "beta_1",
    "beta_2",
    "epsilon",
)


class MomentsUpdate(NamedTuple):
    """Result of `adam_update` or `lamb_update`: the new parameters and moments.

    Args:
        parameters: List of the updated parameters.
        momentums: List of the updated first moments.
        velocities: List of the updated second moments.
        finite: Boolean scalar tensor that is `True` if the update was performed. It is `False` only if a loss scale is
            set and a gradient is not finite.
    """

    parameters: list[tf.Tensor]
    momentums: list[tf.Tensor]
    velocities: list[tf.Tensor]
    finite: tf.Tensor


def moments_update(
    kernel: str, rule: Rule, lists: Lists, numbers: Mapping[str, tf.Tensor], checked: bool
) -> MomentsUpdate:
    """Performs an Adam or LAMB update with the compiled kernel or the reference implementation.

    Args:
        kernel: Name of the compiled op.
        rule: Reference implementation of the update: a function that computes the new parameters from the new moments.
        lists: Lists of parameters, gradients, momentums and velocities, as returned by `tensor_lists`.
        numbers: Mapping from hyperparameter names to tensors, as returned by `settings`, including `step`, `beta_1`,
            `beta_2` and `epsilon`.
        checked: If `True`, the update is skipped when a gradient is not finite.
    """
    if served(lists):
        return MomentsUpdate(*getattr(library().ops, kernel)(**lists, **numbers, checked=checked))
    return _reference(rule, numbers, checked, *lists.values())


def moments_gradient(rule: Rule, op: tf.Operation, upstream: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the gradients of an Adam or LAMB update with respect to all its inputs."""
    count, checked = op.get_attr("tensors"), op.get_attr("checked")

    def outputs(*inputs: tf.Tensor) -> list[tf.Tensor]:
        lists = [inputs[i * count : (i + 1) * count] for i in range(4)]
        numbers = dict(zip(NUMBERS, inputs[4 * count :], strict=True))
        new = _reference(rule, numbers, checked, *lists)
        return [*new.parameters, *new.momentums, *new.velocities]

    return vjp(outputs, list(op.inputs), list(upstream[:-1]))


def _reference(
    rule: Rule,
    numbers: Mapping[str, tf.Tensor],
    checked: bool,
    parameters: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    momentums: Sequence[tf.Tensor],
    velocities: Sequence[tf.Tensor],
) -> MomentsUpdate:
    gradients, finite = unscaled(gradients, numbers["global_clipnorm"], numbers["loss_scale"])
    beta_1, beta_2 = numbers["beta_1"], numbers["beta_2"]
    new_momentums = [m + (g - m) * tf.cast(1 - beta_1, m.dtype) for g, m in zip(gradients, momentums, strict=True)]
    new_velocities = [
        v + (g * g - v) * tf.cast(1 - beta_2, v.dtype) for g, v in zip(gradients, velocities, strict=True)
    ]
    new_parameters = rule(parameters, new_momentums, new_velocities, numbers)
    return MomentsUpdate(
        kept_unless(finite, checked, new_parameters, parameters),
        kept_unless(finite, checked, new_momentums, momentums),
        kept_unless(finite, checked, new_velocities, velocities),
        finite if checked else tf.constant(True),
    )
