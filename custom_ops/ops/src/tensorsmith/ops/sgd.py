"""Fused SGD update for a list of tensors."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops._support.updates import kept_unless, served, settings, tensor_lists, unscaled
from tensorsmith.ops.library import library


class SgdUpdate(NamedTuple):
    """Result of `sgd_update`: the new parameters and momentums.

    Args:
        parameters: List of the updated parameters.
        momentums: List of the updated momentums. Empty if no momentums were passed.
        finite: Boolean scalar tensor that is `True` if the update was performed. It is `False` only if a loss scale is
            set and a gradient is not finite.
    """

    parameters: list[tf.Tensor]
    momentums: list[tf.Tensor]
    finite: tf.Tensor


def sgd_update(
    parameters: Sequence[Any],
    gradients: Sequence[Any],
    momentums: Sequence[Any] = (),
    *,
    learning_rate: Scalar,
    momentum: Scalar = 0.0,
    nesterov: bool = False,
    weight_decay: TensorLike = 0.0,
    global_clipnorm: Scalar | None = None,
    loss_scale: Scalar | None = None,
) -> SgdUpdate:
    """Performs one step of gradient descent, with or without momentum, on a list of tensors.

    No variable is modified in place. Assign the returned values to the variables, which requires no copy.

    Formula, with g the gradient divided by the loss scale and clipped:

        w = w - rate weight_decay w
        w = w - rate g                          without momentums
        m = momentum m - rate g
        w = w + m                               with momentums
        w = w + momentum m - rate g             with `nesterov`

    Source: Polyak, "Some Methods of Speeding up the Convergence of Iteration Methods", 1964, and Nesterov, "A Method of
    Solving a Convex Programming Problem with Convergence Rate O(1/k²)", 1983, in the form of Sutskever et al., "On the
    Importance of Initialization and Momentum in Deep Learning", 2013, except that m includes the learning rate, as in
    Keras.

    Args:
        parameters: List of floating-point tensors of the same dtype. Their shapes may differ. The compiled kernel
            supports float32.
        gradients: List of gradients, one for each parameter. Each gradient has the dtype and the shape of its
            parameter.
        momentums: List of momentums, with the dtypes and shapes of the parameters. If empty, plain gradient descent is
            performed.
        learning_rate: Float or scalar tensor, the learning rate. The other scalar arguments may also be tensors.
            Passing a tensor avoids retracing when a schedule changes the value.
        momentum: Momentum coefficient, the decay rate of the momentums.
        nesterov: If `True`, use Nesterov momentum.
        weight_decay: Weight decay rate. A scalar, or a tensor with one rate for each parameter.
        global_clipnorm: Maximum global norm of the gradients. If the norm is larger, all gradients are scaled down.
            `None` disables clipping.
        loss_scale: Factor by which the loss was multiplied. The gradients are divided by this factor, and the update is
            skipped if a gradient is not finite. If `None`, the gradients are neither divided nor checked.

    Returns:
        A named tuple of the new parameters and momentums, and of a boolean scalar, which is `True` if the update was
        performed.

    Raises:
        ValueError: If lists, dtypes or shapes do not match, or if a scalar is out of range.

    Example:
        >>> import tensorflow as tf
        >>> w, g, m = tf.constant([1.0, 2.0]), tf.constant([0.5, -0.5]), tf.constant([0.1, 0.1])
        >>> update = sgd_update([w], [g], [m], learning_rate=0.1, momentum=0.9)
        >>> print(update.parameters[0].numpy().round(4))
        [1.04 2.14]
    """
    more = {"momentums": momentums} if momentums else {}
    lists = tensor_lists(parameters, {"gradients": gradients, **more})
    inertia = {"momentum": momentum} if momentums else {}
    numbers = settings(len(parameters), learning_rate, weight_decay, global_clipnorm, loss_scale, **inertia)
    checked = loss_scale is not None
    if not served(lists):
        return _reference(list(lists.values()), *numbers.values(), nesterov=nesterov, checked=checked)
    if momentums:
        op = library().ops.tensorsmith_momentum_update
        return SgdUpdate(*op(**lists, **numbers, nesterov=nesterov, checked=checked))
    new_parameters, finite = library().ops.tensorsmith_sgd_update(**lists, **numbers, checked=checked)
    return SgdUpdate(new_parameters, [], finite)


def _reference(
    lists: Sequence[Sequence[tf.Tensor]],
    weight_decay: tf.Tensor,
    learning_rate: tf.Tensor,
    global_clipnorm: tf.Tensor,
    loss_scale: tf.Tensor,
    momentum: tf.Tensor | None = None,
    *,
    nesterov: bool,
    checked: bool,
) -> SgdUpdate:
    """Reference implementation of the SGD update in TensorFlow."""
    parameters, gradients, *rest = lists
    momentums = rest[0] if rest else []
    gradients, finite = unscaled(gradients, global_clipnorm, loss_scale)
    new_parameters, new_momentums = [], []
    for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
        decay, rate = (tf.cast(x, w.dtype) for x in (weight_decay[i] * learning_rate, learning_rate))
        move = -rate * g
        if momentums:
            stays = tf.cast(momentum, w.dtype)
            move += stays * momentums[i]
            new_momentums.append(move)
            if nesterov:
                move = stays * move - rate * g
        new_parameters.append(w - w * decay + move)
    return SgdUpdate(
        kept_unless(finite, checked, new_parameters, parameters),
        kept_unless(finite, checked, new_momentums, momentums),
        finite if checked else tf.constant(True),
    )


@tf.RegisterGradient("TensorsmithSgdUpdate")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    return _by_reference(op, upstream, lists=2, nesterov=False)


@tf.RegisterGradient("TensorsmithMomentumUpdate")
def _momentum_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    return _by_reference(op, upstream, lists=3, nesterov=op.get_attr("nesterov"))


def _by_reference(op: tf.Operation, upstream: Sequence[tf.Tensor], lists: int, nesterov: bool) -> list[tf.Tensor]:
    count, checked = op.get_attr("tensors"), op.get_attr("checked")

    def outputs(*inputs: tf.Tensor) -> list[tf.Tensor]:
        tensors = [inputs[i * count : (i + 1) * count] for i in range(lists)]
        new = _reference(tensors, *inputs[lists * count :], nesterov=nesterov, checked=checked)
        return [*new.parameters, *new.momentums]

    return vjp(outputs, list(op.inputs), list(upstream[:-1]))
