"""Shared code of the recurrent ops: arguments, loops of the reference implementations, and gradients."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.library import library

FLOATS = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
Step = Callable[..., tuple[tf.Tensor, ...]]


class Inputs(NamedTuple):
    """Inputs of a recurrent op, in the order of the op signature.

    Args:
        x: Input sequences, a tensor of shape `(batch, steps, features)`.
        weights: List of the kernel, the recurrent kernel, the bias, and the additional weights of the op.
        initial: List of initial state tensors. If the list is empty, zeros are used.
        mask: Boolean tensor of shape `(batch, steps)`, or an empty vector if there is no mask.
        dropout: Recurrent dropout mask of shape `(batch, units)` by which the state h is multiplied, or an empty vector
            if there is no dropout.
    """

    x: tf.Tensor
    weights: Sequence[tf.Tensor]
    initial: Sequence[tf.Tensor]
    mask: tf.Tensor
    dropout: tf.Tensor


class Weight(NamedTuple):
    """Additional weight of a recurrent op, with its shape in multiples of `units` and its default value."""

    value: Any
    shape: Sequence[int]
    default: float = 0.0


def checked(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    gates: int,
    more: dict[str, Weight],
    initial: Sequence[Any] | None,
    mask: TensorLike | None,
    recurrent_dropout_mask: TensorLike | None,
) -> Inputs:
    """Converts the arguments of a recurrent op to tensors and validates their static shapes."""
    x = tf.convert_to_tensor(x)
    check(x.dtype in FLOATS, "x", x.dtype.name, "have a floating-point dtype")
    check(x.shape.rank in (3, None), "x", Verbatim(x.shape), "have shape (batch, steps, features)")
    x = of_rank(x, 3)
    batch, steps, features = x.shape
    recurrent_kernel = of_rank(tf.convert_to_tensor(recurrent_kernel, x.dtype), 2)
    units = recurrent_kernel.shape[0] if recurrent_kernel.shape.rank else None
    wide = None if units is None else gates * units
    weights = [_fitting("kernel", kernel, [features, wide], x.dtype)]
    weights.append(_fitting("recurrent_kernel", recurrent_kernel, [units, wide], x.dtype))
    for name, (value, (*rows, multiple), default) in more.items():
        if value is None:
            size = tf.shape(recurrent_kernel)[0] if units is None else units
            value = tf.fill([*rows, multiple * size], tf.constant(default, x.dtype))
        shape = [*rows, None if units is None else multiple * units]
        weights.append(_fitting(name, value, shape, x.dtype))
    dropout = recurrent_dropout_mask
    return Inputs(
        x,
        weights,
        [_fitting("initial_state", value, [batch, units], x.dtype) for value in (() if initial is None else initial)],
        tf.zeros([0], tf.bool) if mask is None else _fitting("mask", mask, [batch, steps], tf.bool),
        tf.zeros([0], x.dtype)
        if dropout is None
        else tf.stop_gradient(_fitting("recurrent_dropout_mask", dropout, [batch, units], x.dtype)),
    )


def _fitting(name: str, value: TensorLike, shape: Sequence[int | None], dtype: tf.DType) -> tf.Tensor:
    tensor = tf.convert_to_tensor(value, dtype)
    check(tensor.shape.is_compatible_with(shape), name, Verbatim(tensor.shape), f"have shape {tuple(shape)}")
    return of_rank(tensor, len(shape))


def project(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the matrix product of the inputs and a kernel for all time steps."""
    return tf.tensordot(x, kernel, 1)


def normalized(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Normalizes the last axis to zero mean and unit variance."""
    x -= tf.reduce_mean(x, axis=-1, keepdims=True)
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) + epsilon)


def scan(step: Step, rows: tf.Tensor, inputs: Inputs, states: int, go_backwards: bool) -> tuple[tf.Tensor, ...]:
    """Applies the step function of a reference implementation to each time step.

    Args:
        step: Function that takes the input of a time step, the state h after recurrent dropout, and the previous
            states. It returns a tuple of the new states, the first of which is h.
        rows: Tensor of shape `(batch, steps, width)` with the first argument of `step` for each time step.
        inputs: Inputs of the recurrent op. Only the mask, the dropout mask and the initial states are used.
        states: Number of state tensors.
        go_backwards: If `True`, process the steps backwards.

    Returns:
        The outputs h in processing order, and the states after the last step.
    """
    batch, steps = tf.unstack(tf.shape(rows)[:2])
    recurrent_kernel = inputs.weights[1]
    zeros = tf.zeros([batch, tf.shape(recurrent_kernel)[0]], rows.dtype)
    zeros.set_shape([rows.shape[0], recurrent_kernel.shape[0]])
    masked, dropped = inputs.mask.shape.rank != 1, inputs.dropout.shape.rank != 1

    def body(
        t: tf.Tensor, before: tuple[tf.Tensor, ...], shown: tf.Tensor, outputs: tf.TensorArray
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tf.Tensor, Any]:
        now = steps - 1 - t if go_backwards else t
        fed = before[0] * inputs.dropout if dropped else before[0]
        after = step(rows_by_step.read(now), fed, *before)
        shown_now = after[0]
        if masked:
            seen = inputs.mask[:, now, tf.newaxis]
            after = tuple(tf.where(seen, new, old) for new, old in zip(after, before, strict=True))
            shown_now = tf.where(seen, shown_now, shown)
        return t + 1, after, shown_now, outputs.write(t + 1, shown_now)

    # A TensorArray, because the gradient of indexing adds a tensor of zeros of the size of `rows` at each step.
    by_step = tf.transpose(rows, [1, 0, 2])
    rows_by_step = tf.TensorArray(rows.dtype, size=steps, element_shape=by_step.shape[1:]).unstack(by_step)
    # One element more than there are steps, as an empty TensorArray has no shape.
    array = tf.TensorArray(rows.dtype, size=steps + 1, element_shape=zeros.shape).write(0, zeros)
    initial = tuple(inputs.initial) or (zeros,) * states
    _, final, _, array = tf.while_loop(
        lambda t, *_: t < steps, body, (0, initial, zeros, array), maximum_iterations=rows.shape[1]
    )
    outputs = tf.transpose(array.stack()[1:], [1, 0, 2])
    outputs.set_shape([*rows.shape[:2], recurrent_kernel.shape[0]])
    return outputs, *final


def register_gradients(name: str, reference: Callable[..., tuple[tf.Tensor, ...]], attributes: Sequence[str]) -> None:
    """Registers the gradients of the op `Tensorsmith<name>` and of the corresponding gradient op.

    Args:
        name: Name of the op without its prefix, such as `"Lstm"`.
        reference: Reference implementation of the op in TensorFlow. It takes the inputs and the attributes, and returns
            the outputs.
        attributes: Names of the op attributes.
    """

    def inputs_of(op: tf.Operation, tensors: Sequence[tf.Tensor]) -> Inputs:
        weights = op.get_attr("weight_count")
        states = op.get_attr("initial_count")
        x, *rest = tensors
        return Inputs(x, rest[:weights], rest[weights : weights + states], *rest[weights + states :])

    def options_of(op: tf.Operation) -> dict[str, Any]:
        return {attribute: op.get_attr(attribute) for attribute in attributes}

    @tf.RegisterGradient(f"Tensorsmith{name}")
    def gradient(op: tf.Operation, doutputs: tf.Tensor, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
        compiled = getattr(library().ops, f"Tensorsmith{name}Grad")
        dx, dweights, dinitial = compiled(
            doutputs=doutputs,
            dstates=upstream[:-1],
            **inputs_of(op, op.inputs)._asdict(),
            outputs=op.outputs[0],
            saved=op.outputs[-1],
            **options_of(op),
        )
        return [dx, *dweights, *dinitial, None, None]

    @tf.RegisterGradient(f"Tensorsmith{name}Grad")
    def second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
        states = op.get_attr("state_count")
        flat = list(op.inputs)
        above, inputs = flat[: 1 + states], inputs_of(op, flat[1 + states : -2])
        watched = [inputs.x, *inputs.weights, *inputs.initial]

        def outputs(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return reference(inputs_of(op, [*tensors, inputs.mask, inputs.dropout]), **options_of(op))

        def first(*tensors: tf.Tensor) -> list[tf.Tensor]:
            return vjp(outputs, tensors[1 + states :], list(tensors[: 1 + states]))

        # The reference implementation recomputes outputs and gates from the inputs, so they receive no gradient.
        return [*vjp(first, [*above, *watched], list(upstream)), None, None, None, None]
