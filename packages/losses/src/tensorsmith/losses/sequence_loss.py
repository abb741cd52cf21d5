"""Cross-entropy loss for sequences."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise

# Each of the two axes can be averaged, summed or kept. These pairs of arguments contradict each other.
CLASHES = {
    ("average_across_timesteps", "sum_over_timesteps"): "each axis takes a single reduction",
    ("average_across_batch", "sum_over_batch"): "each axis takes a single reduction",
    ("average_across_batch", "sum_over_timesteps"): "both axes must be averaged, or both summed",
    ("average_across_timesteps", "sum_over_batch"): "both axes must be averaged, or both summed",
}


@export
def sequence_loss(
    logits: TensorLike,
    targets: TensorLike,
    weights: TensorLike,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    sum_over_timesteps: bool = False,
    sum_over_batch: bool = False,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """Return the weighted cross-entropy of sequences, reduced over batch and time; see `SequenceLoss`.

    The argument names are those of TensorFlow Addons: "average" divides by the sum of the weights, "sum" by the number
    of nonzero weights.

    Args:
        logits: Tensor of logits, of shape `(batch, time, classes)`.
        targets: Class indices of shape `(batch, time)`, or probabilities of shape `(batch, time, classes)`.
        weights: Tensor of weights for each time step, of shape `(batch, time)`. Use 0 for padded steps, whose logits
            and targets may have any value.
        average_across_timesteps: If `True`, average over the time axis.
        average_across_batch: If `True`, average over the batch axis.
        sum_over_timesteps: If `True`, sum over the time axis.
        sum_over_batch: If `True`, sum over the batch axis.
        softmax_loss_function: Function to use instead of cross-entropy. It is called with the keyword arguments
            `labels` and `logits`, whose batch and time axes are merged. Where weights are 0, it receives finite logits
            and valid class indices.
        name: Accepted for compatibility and ignored. TensorFlow Addons uses it as the name of a graph scope.

    Returns:
        A scalar, or a tensor with the axes that are not reduced.

    Raises:
        ValueError: If a tensor has another shape, an axis is both averaged and summed, or one axis is averaged and the
            other summed.

    Example:
        >>> loss = sequence_loss([[[0.0, 0.0], [9.0, 0.0]]], [[0, 1]], [[1.0, 0.0]])
        >>> round(float(loss), 4)  # log(2): the second step does not count
        0.6931
    """
    flags = (average_across_timesteps, average_across_batch, sum_over_timesteps, sum_over_batch)
    _check(flags)
    weights, logits = precise(weights, logits)
    targets = ops.convert_to_tensor(targets)
    check(len(logits.shape) == 3, "logits", tuple(logits.shape), "have shape (batch, time, classes)")
    check(
        len(targets.shape) in (2, 3),
        "targets",
        tuple(targets.shape),
        "have shape (batch, time) or (batch, time, classes)",
    )
    expected = logits.shape[: len(targets.shape)]
    fits = targets.shape.is_compatible_with(expected)
    check(fits, "targets", tuple(targets.shape), f"have shape {tuple(expected)} to match `logits`")
    fits = weights.shape.is_compatible_with(logits.shape[:2])
    check(fits, "weights", tuple(weights.shape), f"have shape (batch, time) = {tuple(logits.shape[:2])}")
    # Ignored steps may hold NaN or invalid classes, which a weight of 0 would not remove from the product.
    ignored = weights == 0
    if len(targets.shape) == 3:
        targets = _finite_where(ignored, targets)
    else:
        last = ops.cast(ops.shape(logits)[-1] - 1, targets.dtype)
        targets = ops.where(ignored, ops.clip(targets, 0, last), targets)
    logits = _finite_where(ignored, logits)
    # (batch, time). The weights exclude the ignored steps and scale the others.
    entropy = _cross_entropy(logits, targets, softmax_loss_function) * weights
    # Reduce over the selected axes.
    axes = [axis for axis, reduced in ((0, flags[1] or flags[3]), (1, flags[0] or flags[2])) if reduced]
    if not axes:
        return entropy
    averaged = average_across_timesteps or average_across_batch
    parts = weights if averaged else ops.cast(weights != 0, weights.dtype)
    return ops.divide_no_nan(ops.sum(entropy, axis=axes), ops.sum(parts, axis=axes))


@export
class SequenceLoss(keras.losses.Loss):
    """Cross-entropy loss for sequences, which ignores padded steps.

    Formula, with the cross-entropy e of a step and its weight w, summed over the reduced axes:

        loss = sum(w * e) / sum(w)                  averaged
               sum(w * e) / (number of w != 0)      summed, in the terms of TensorFlow Addons; the default

    Names, arguments, defaults and values are those of `seq2seq.SequenceLoss` in TensorFlow Addons. Unlike there, the
    weights are optional, may be given per sequence, and are multiplied by the Keras mask of the predictions. The loss
    of a large batch is the mean of the losses of its parts if each part has the same number of counted steps. With
    several replicas, a scalar loss is divided by their number, as in Keras, because the gradients of the replicas are
    summed.

    Source: Sutskever et al., "Sequence to Sequence Learning with Neural Networks", 2014.

    Args:
        average_across_timesteps: If `True`, average over the time axis.
        average_across_batch: If `True`, average over the batch axis.
        sum_over_timesteps: If `True`, sum over the time axis.
        sum_over_batch: If `True`, sum over the batch axis.
        softmax_loss_function: Function to use instead of cross-entropy, as in `sequence_loss`. To save the loss,
            register the function with Keras.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of class indices or probabilities.
        y_pred: Tensor of logits.
        sample_weight: Optional weights, one per step or one per sequence.

    Input shape:
        `y_true`: `(batch, time)` or `(batch, time, classes)`. `y_pred`: `(batch, time, classes)`.

    Output shape:
        A scalar, or the axes that are not reduced.

    Raises:
        ValueError: If a tensor has another shape, an axis is both averaged and summed, or one axis is averaged and the
            other summed.

    Example:
        >>> loss = SequenceLoss()
        >>> round(float(loss([[0, 1]], [[[0.0, 0.0], [9.0, 0.0]]], [[1.0, 0.0]])), 4)  # log(2)
        0.6931
    """

    def __init__(
        self,
        average_across_timesteps: bool = False,
        average_across_batch: bool = False,
        sum_over_timesteps: bool = True,
        sum_over_batch: bool = True,
        softmax_loss_function: Callable[..., Tensor] | Mapping[str, Any] | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        _check((average_across_timesteps, average_across_batch, sum_over_timesteps, sum_over_batch))
        function: Any = softmax_loss_function
        function = keras.saving.deserialize_keras_object(function) if isinstance(function, dict) else function
        fits = function is None or callable(function)
        check(fits, "softmax_loss_function", function, "a function of `labels` and `logits`, or None")
        super().__init__(name=name, reduction=None, dtype=dtype)
        self.average_across_timesteps = average_across_timesteps
        self.average_across_batch = average_across_batch
        self.sum_over_timesteps = sum_over_timesteps
        self.sum_over_batch = sum_over_batch
        self.softmax_loss_function = function

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Return the reduced loss of a batch. Averages divide by the sum of the weights, unlike in Keras."""
        mask = keras_mask(y_pred)
        # The mask is read first, because the cast may return a tensor without it.
        y_pred = ops.cast(y_pred, keras.backend.result_type(self.dtype, "float32"))
        # One weight per step, (batch, time): the product of sample weights and mask.
        weights = ops.ones_like(y_pred[..., 0])
        for given in (sample_weight, mask):
            if given is not None:
                given = ops.cast(given, weights.dtype)
                rank = len(given.shape)
                fits = rank <= 2 and given.shape.is_compatible_with(weights.shape[:rank])
                expected = f"have one weight for each step, {tuple(weights.shape)}, or one for each sequence"
                check(fits, "sample_weight", tuple(given.shape), expected)
                weights = weights * (given[:, None] if rank == 1 else given)
        loss = sequence_loss(
            y_pred,
            y_true,
            weights,
            self.average_across_timesteps,
            self.average_across_batch,
            self.sum_over_timesteps,
            self.sum_over_batch,
            self.softmax_loss_function,
        )
        # keras.ops has no function for the number of replicas.
        return loss if len(loss.shape) else loss / tf.distribute.get_strategy().num_replicas_in_sync

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        function = self.softmax_loss_function
        return {
            "average_across_timesteps": self.average_across_timesteps,
            "average_across_batch": self.average_across_batch,
            "sum_over_timesteps": self.sum_over_timesteps,
            "sum_over_batch": self.sum_over_batch,
            "softmax_loss_function": None if function is None else keras.saving.serialize_keras_object(function),
            "name": self.name,
            "dtype": self.dtype,
        }


def _cross_entropy(logits: Tensor, targets: Tensor, function: Callable[..., Any] | None) -> Tensor:
    """Return the cross-entropy of each step."""
    if function is not None:
        # A custom function receives one row per step: (batch * time,) labels and (batch * time, classes) logits.
        labels, flat = (ops.reshape(each, (-1, *ops.shape(each)[2:])) for each in (targets, logits))
        return ops.reshape(function(labels=labels, logits=flat), ops.shape(logits)[:2])
    if len(targets.shape) == 3:
        return ops.categorical_crossentropy(ops.cast(targets, logits.dtype), logits, from_logits=True)
    return ops.sparse_categorical_crossentropy(ops.cast(targets, "int32"), logits, from_logits=True)


def _finite_where(steps: Tensor, values: Tensor) -> Tensor:
    """Replace non-finite values by 0 at the time steps where the mask `steps` is `True`."""
    return ops.where(ops.logical_and(steps[..., None], ops.logical_not(ops.isfinite(values))), 0, values)


def _check(flags: tuple[bool, ...]) -> None:
    names = ("average_across_timesteps", "average_across_batch", "sum_over_timesteps", "sum_over_batch")
    given = dict(zip(names, flags, strict=True))
    for (one, other), reason in CLASHES.items():
        check(not (given[one] and given[other]), other, True, f"False when `{one}` is True ({reason})")
