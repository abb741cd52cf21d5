"""Shared code of the optimizer update ops: arguments, gradient clipping and loss scaling."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops.arguments import require_shape
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.global_norm import reference_norm

Lists = dict[str, list[tf.Tensor]]
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "beta_1": (lambda value: 0 <= value < 1, "a number in [0, 1)"),
    "beta_2": (lambda value: 0 <= value < 1, "a number in [0, 1)"),
    "epsilon": (lambda value: value >= 0, "a non-negative number"),
    "global_clipnorm": (lambda value: value > 0, "a positive number or None"),
    "loss_scale": (lambda value: value > 0, "a positive number or None"),
    "momentum": (lambda value: 0 <= value <= 1, "a number in [0, 1]"),
    "step": (lambda value: value >= 1, "a number >= 1"),
}


def tensor_lists(parameters: Sequence[Any], others: Mapping[str, Sequence[Any]]) -> Lists:
    """Converts parameters, gradients and moments to lists of tensors of matching dtypes and shapes.

    Raises:
        ValueError: If lists, dtypes or shapes do not match.
    """
    lists = {"parameters": [tf.convert_to_tensor(value) for value in parameters]}
    for i, parameter in enumerate(lists["parameters"]):
        dtype = parameter.dtype
        same = dtype.is_floating and dtype == lists["parameters"][0].dtype
        check(same, f"parameters[{i}]", dtype.name, "have the same floating-point dtype as the other tensors")
    for name, values in others.items():
        count = len(lists["parameters"])
        check(
            len(values) == count,
            name,
            Verbatim(f"{len(values)} tensors"),
            f"have length {count}, with one tensor for each parameter",
        )
        lists[name] = []
        for i, (value, parameter) in enumerate(zip(values, lists["parameters"], strict=True)):
            tensor = tf.convert_to_tensor(value)
            if tensor.dtype != parameter.dtype or not tensor.shape.is_compatible_with(parameter.shape):
                expected = f"have dtype {parameter.dtype.name} and shape {parameter.shape} to match the parameter"
                raise argument_error(f"{name}[{i}]", Verbatim(f"{tensor.dtype.name} {tensor.shape}"), expected)
            require_shape(f"{name}[{i}]", tensor, tf.shape(parameter))
            lists[name].append(tensor)
    return lists


def settings(
    count: int,
    learning_rate: Scalar,
    weight_decay: TensorLike,
    global_clipnorm: Scalar | None,
    loss_scale: Scalar | None,
    **more: Any,
) -> dict[str, tf.Tensor]:
    """Converts the hyperparameters of an update to float64, because 1 - 0.999 is inaccurate in float32.

    Args:
        count: Number of parameters.
        learning_rate: Float or scalar tensor, the learning rate.
        weight_decay: Weight decay rate. A scalar, or a tensor with one rate for each parameter.
        global_clipnorm: Maximum global norm of the gradients. `None` disables clipping.
        loss_scale: Factor by which the loss was multiplied, and by which the gradients are divided. `None` is
            equivalent to 1.
        **more: Additional scalar hyperparameters, such as `momentum`.

    Raises:
        ValueError: If a scalar is out of range.
    """
    given = {"global_clipnorm": global_clipnorm, "loss_scale": loss_scale, **more}
    for name, (in_range, expected) in RANGES.items():
        value = given.get(name)
        check(not isinstance(value, Real) or in_range(value), name, value, expected)
    values = {
        "learning_rate": learning_rate,
        "global_clipnorm": float("inf") if global_clipnorm is None else global_clipnorm,
        "loss_scale": 1.0 if loss_scale is None else loss_scale,
        **more,
    }
    tensors = {name: tf.cast(value, tf.float64) for name, value in values.items()}
    for name, tensor in tensors.items():
        check(tensor.shape.rank in (0, None), name, Verbatim(tensor.shape), "a scalar with shape ()")
    decays = tf.cast(weight_decay, tf.float64)
    fits = decays.shape.rank in (0, None) or decays.shape.is_compatible_with([count])
    check(
        fits,
        "weight_decay",
        Verbatim(decays.shape),
        f"have shape () or ({count},), with one value for each parameter",
    )
    return {"weight_decay": tf.broadcast_to(decays, [count]), **tensors}


def served(lists: Lists) -> bool:
    """Returns `True` if a compiled kernel supports the tensors of an update in the current context."""
    return compiled(*(tensor for values in lists.values() for tensor in values))


def unscaled(
    gradients: Sequence[tf.Tensor], global_clipnorm: tf.Tensor, loss_scale: tf.Tensor
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns the unscaled and clipped gradients, and a boolean tensor that is `True` if all of them are finite."""
    gradients = [gradient / tf.cast(loss_scale, gradient.dtype) for gradient in gradients]
    if not gradients:
        return [], tf.constant(True)
    norm = tf.cast(reference_norm(gradients), tf.float64)
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
    factor = tf.where(norm > global_clipnorm, global_clipnorm / norm, 1.0)
    factor = tf.where(tf.math.is_finite(global_clipnorm), factor + (norm - norm), factor)  # propagates NaN, as in Keras
    return [gradient * tf.cast(factor, gradient.dtype) for gradient in gradients], finite


def kept_unless(
    finite: tf.Tensor, checked: bool, new: Sequence[tf.Tensor], old: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Returns the new tensors, or the old tensors if `checked` is `True` and `finite` is `False`."""
    return [tf.where(finite, *pair) for pair in zip(new, old, strict=True)] if checked else list(new)
