"""What the optimizer updates share: their arguments, and clipping and loss scaling in plain TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.global_norm import reference_norm

Lists = dict[str, list[tf.Tensor]]
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "beta_1": (lambda value: 0 <= value < 1, "a number in [0, 1)"),
    "beta_2": (lambda value: 0 <= value < 1, "a number in [0, 1)"),
    "epsilon": (lambda value: value >= 0, "a number of 0 or more"),
    "global_clipnorm": (lambda value: value > 0, "a number above 0, or None"),
    "loss_scale": (lambda value: value > 0, "a number above 0, or None"),
    "momentum": (lambda value: 0 <= value <= 1, "a number in [0, 1]"),
    "step": (lambda value: value >= 1, "a number from 1 on"),
}


def tensor_lists(parameters: Sequence[Any], others: Mapping[str, Sequence[Any]]) -> Lists:
    """Lists with a tensor for each parameter, of the parameter's type and shape.

    Raises:
        ValueError: They do not fit each other.
    """
    lists = {"parameters": [tf.convert_to_tensor(value) for value in parameters]}
    for i, parameter in enumerate(lists["parameters"]):
        dtype = parameter.dtype
        same = dtype.is_floating and dtype == lists["parameters"][0].dtype
        check(same, f"parameters[{i}]", dtype.name, "one floating type")
    for name, values in others.items():
        count = len(lists["parameters"])
        check(len(values) == count, name, f"{len(values)} tensors", f"{count}, one for each parameter")
        lists[name] = []
        for i, (value, parameter) in enumerate(zip(values, lists["parameters"], strict=True)):
            tensor = tf.convert_to_tensor(value)
            if tensor.dtype != parameter.dtype or not tensor.shape.is_compatible_with(parameter.shape):
                expected = f"{parameter.dtype.name} {parameter.shape}, as the parameter"
                raise argument_error(f"{name}[{i}]", Verbatim(f"{tensor.dtype.name} {tensor.shape}"), expected)
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
    """Numbers of an update as tensors, in float64: 1 - 0.999 in float32 is wrong in its fifth digit.

    Args:
        count: How many parameters there are.
        learning_rate: A number.
        weight_decay: A number, or one for each parameter.
        global_clipnorm: A number; None for no clipping.
        loss_scale: A number; None for 1.
        **more: Further numbers.

    Raises:
        ValueError: A number is out of its range.
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
        check(tensor.shape.rank in (0, None), name, Verbatim(tensor.shape), "a number")
    decays = tf.cast(weight_decay, tf.float64)
    fits = decays.shape.rank in (0, None) or decays.shape.is_compatible_with([count])
    check(fits, "weight_decay", Verbatim(decays.shape), f"a number, or {count}, one for each parameter")
    return {"weight_decay": tf.broadcast_to(decays, [count]), **tensors}


def served(lists: Lists) -> bool:
    """Whether a kernel serves for these tensors here."""
    return compiled(*(tensor for values in lists.values() for tensor in values))


def unscaled(
    gradients: Sequence[tf.Tensor], global_clipnorm: tf.Tensor, loss_scale: tf.Tensor
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The gradients divided by the loss scale and clipped, and whether all of them are finite."""
    gradients = [gradient / tf.cast(loss_scale, gradient.dtype) for gradient in gradients]
    if not gradients:
        return [], tf.constant(True)
    norm = tf.cast(reference_norm(gradients), tf.float64)
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
    factor = tf.where(norm > global_clipnorm, global_clipnorm / norm, 1.0)
    factor = tf.where(tf.math.is_finite(global_clipnorm), factor + (norm - norm), factor)  # NaN shows, as in Keras
    return [gradient * tf.cast(factor, gradient.dtype) for gradient in gradients], finite


def kept_unless(
    finite: tf.Tensor, checked: bool, new: Sequence[tf.Tensor], old: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The new values; with `checked`, the old ones unless the gradients are finite."""
    return [tf.where(finite, *pair) for pair in zip(new, old, strict=True)] if checked else list(new)
