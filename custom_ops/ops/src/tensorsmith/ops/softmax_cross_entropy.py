"""Op for the softmax cross-entropy of integer labels."""

from functools import partial
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import as_int32, require_shape
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

NO_LABEL = 2**31  # value of the attribute `ignored` that no int32 label has


def softmax_cross_entropy(
    logits: TensorLike, labels: TensorLike, *, label_smoothing: float = 0.0, ignored_index: int | None = None
) -> tf.Tensor:
    """Computes the cross-entropy of integer labels and softmax(logits), with one loss for each label.

    Formula, with the logits z, V classes and the label smoothing s:

        loss = log(sum(exp(z))) - (1 - s) z[label] - s / V * sum(z)

    The gradient is computed from the logits again, so that no other tensor of their size is stored. Source: Szegedy et
    al., "Rethinking the Inception Architecture for Computer Vision", 2016, for label smoothing.

    Args:
        logits: Tensor of shape `(..., num_classes)` and a floating-point dtype. Half-precision logits are computed in
            float32. The compiled kernel supports float32.
        labels: Integer tensor of shape `(...)` with values in `[0, num_classes)`.
        label_smoothing: Fraction of the target probability that is distributed uniformly over all classes, in `[0, 1)`.
        ignored_index: Integer label whose loss and gradients are 0, even if the logits are not finite. The label may be
            outside of `[0, num_classes)`.

    Returns:
        A tensor of the shape of `labels`, of dtype float64 for float64 logits, else float32.

    Raises:
        ValueError: If shapes, dtypes or options are invalid.
        tf.errors.InvalidArgumentError: If a label that is not ignored is not in `[0, num_classes)`.

    Example:
        >>> import tensorflow as tf
        >>> logits = tf.constant([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
        >>> print(softmax_cross_entropy(logits, [0, -1], ignored_index=-1).numpy().round(4))  # log(e^2 + 2) - 2
        [0.2395 0.    ]
    """
    logits = tf.convert_to_tensor(logits)
    check(logits.dtype.is_floating, "logits", logits.dtype.name, "have a floating-point dtype")
    shape = logits.shape
    check(shape.rank != 0, "logits", Verbatim("a scalar"), "have shape (..., num_classes)")
    classes = shape[-1] if shape.rank is not None else None
    check(classes != 0, "logits", Verbatim(shape), "have at least one class on the last axis")
    check(0 <= label_smoothing < 1, "label_smoothing", label_smoothing, "a number in [0, 1)")
    labels = as_int32(labels, "labels")
    check(
        labels.shape.is_compatible_with(shape[:-1]),
        "labels",
        Verbatim(labels.shape),
        f"have shape {shape[:-1]} with one value for each row of logits",
    )
    require_shape("labels", labels, tf.shape(logits)[:-1])
    logits = tf.cast(logits, tf.float64 if logits.dtype == tf.float64 else tf.float32)
    rows = tf.reshape(logits, [-1, tf.shape(logits)[-1] if classes is None else classes])
    ignored = NO_LABEL if ignored_index is None else ignored_index
    flat = tf.reshape(labels, [-1])
    if compiled(rows):
        losses, _ = library().ops.tensorsmith_softmax_cross_entropy(
            logits=rows, labels=flat, label_smoothing=label_smoothing, ignored=ignored
        )
    else:
        losses = _reference(rows, flat, label_smoothing, ignored)
    return tf.reshape(losses, tf.shape(labels))


def _reference(logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float, ignored: int) -> tf.Tensor:
    """Reference implementation in TensorFlow."""
    valid = None
    if ignored != NO_LABEL:
        valid = labels != ignored
        labels, logits = tf.where(valid, labels, 0), tf.where(valid[:, tf.newaxis], logits, tf.zeros_like(logits))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if label_smoothing > 0:
        uniform = tf.reduce_logsumexp(logits, axis=1) - tf.reduce_mean(logits, axis=1)
        losses = (1 - label_smoothing) * losses + label_smoothing * uniform
    return losses if valid is None else tf.where(valid, losses, tf.zeros_like(losses))


@tf.RegisterGradient("TensorsmithSoftmaxCrossEntropy")
def _gradient(op: tf.Operation, dlosses: tf.Tensor, unused: tf.Tensor) -> list[tf.Tensor | None]:
    logits, labels = op.inputs
    return [
        library().ops.tensorsmith_softmax_cross_entropy_grad(
            dlosses=dlosses, logits=logits, labels=labels, statistics=op.outputs[1], **_options(op)
        ),
        None,
    ]


@tf.RegisterGradient("TensorsmithSoftmaxCrossEntropyGrad")
def _second_gradient(op: tf.Operation, upstream: tf.Tensor) -> list[tf.Tensor | None]:
    dlosses, logits, labels, _ = op.inputs
    reference = partial(_reference, labels=labels, **_options(op))

    def gradient(dlosses: tf.Tensor, logits: tf.Tensor) -> list[tf.Tensor]:
        return vjp(reference, [logits], dlosses)

    # The reference implementation recomputes the saved statistics, so they receive no gradient.
    return [*vjp(gradient, [dlosses, logits], [upstream]), None, None]


def _options(op: tf.Operation) -> dict[str, Any]:
    return {name: op.get_attr(name) for name in ("label_smoothing", "ignored")}
