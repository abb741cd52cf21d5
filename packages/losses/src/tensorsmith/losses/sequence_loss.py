"""Cross-entropy of sequences."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise

# Each of the two axes can be averaged, summed or left; some pairs make no sense.
CLASHES = {
    ("average_across_timesteps", "sum_over_timesteps"): "at most one of them for each axis",
    ("average_across_batch", "sum_over_batch"): "at most one of them for each axis",
    ("average_across_batch", "sum_over_timesteps"): "both axes averaged or both summed, since the order would matter",
    ("average_across_timesteps", "sum_over_batch"): "both axes averaged or both summed, since the order would matter",
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
    """Cross-entropy of sequences, weighted and reduced over batch and time; see `SequenceLoss`.

    The names are TensorFlow Addons': "average" divides by the sum of the weights, "sum" by how many are not 0.

    Args:
        logits: Scores of the classes, `(batch, time, classes)`.
        targets: Class numbers `(batch, time)`, or probabilities `(batch, time, classes)`.
        weights: Weight of every step, `(batch, time)`; 0 after the end of a sequence, where logits and
            targets may be anything.
        average_across_timesteps: Whether to average over time.
        average_across_batch: Whether to average over the batch.
        sum_over_timesteps: Whether to sum over time.
        sum_over_batch: Whether to sum over the batch.
        softmax_loss_function: What to take instead of cross-entropy: a function of `labels` and `logits`, called by
            these names, both with batch and time in one axis. Where weights are 0 they are finite and classes.
        name: Has no effect; Addons names a scope of the graph with it.

    Returns:
        A scalar, or a tensor of the axes that are not reduced.

    Raises:
        ValueError: A tensor has another shape, or an axis is both averaged and summed, or one averaged and one summed.

    Example:
        >>> loss = sequence_loss([[[0.0, 0.0], [9.0, 0.0]]], [[0, 1]], [[1.0, 0.0]])
        >>> round(float(loss), 4)  # log(2): the second step does not count
        0.6931
    """
    flags = (average_across_timesteps, average_across_batch, sum_over_timesteps, sum_over_batch)
    _check(flags)
    weights, logits = precise(weights, logits)
    targets = ops.convert_to_tensor(targets)
    check(len(logits.shape) == 3, "logits", tuple(logits.shape), "(batch, time, classes)")
    check(len(targets.shape) in (2, 3), "targets", tuple(targets.shape), "(batch, time), or also classes")
    expected = logits.shape[: len(targets.shape)]
    fits = targets.shape.is_compatible_with(expected)
    check(fits, "targets", tuple(targets.shape), f"{tuple(expected)}, as the logits have it")
    fits = weights.shape.is_compatible_with(logits.shape[:2])
    check(fits, "weights", tuple(weights.shape), f"(batch, time), {tuple(logits.shape[:2])}")
    # What does not count may be no number, or no class, and would not vanish when multiplied by 0.
    ignored = weights == 0
    if len(targets.shape) == 3:
        targets = _finite_where(ignored, targets)
    else:
        last = ops.cast(ops.shape(logits)[-1] - 1, targets.dtype)
        targets = ops.where(ignored, ops.clip(targets, 0, last), targets)
    logits = _finite_where(ignored, logits)
    entropy = _cross_entropy(logits, targets, softmax_loss_function) * weights
    axes = [axis for axis, reduced in ((0, flags[1] or flags[3]), (1, flags[0] or flags[2])) if reduced]
    if not axes:
        return entropy
    averaged = average_across_timesteps or average_across_batch
    parts = weights if averaged else ops.cast(weights != 0, weights.dtype)
    return ops.divide_no_nan(ops.sum(entropy, axis=axes), ops.sum(parts, axis=axes))


@export
class SequenceLoss(keras.losses.Loss):
    """Cross-entropy of sequences, where steps after the end of a sequence do not count.

    Formula, with e the cross-entropy of a step, w its weight, sums over the axes that are reduced:

        loss = sum(w * e) / sum(w)                  averaged
               sum(w * e) / (number of w != 0)      summed, in Addons' words, which is the default here

    Names, arguments, defaults and numbers are those of TensorFlow Addons' `seq2seq.SequenceLoss`. Unlike there, weights
    are not required, can be one for each sequence, and are 0 where the predictions are masked. The value of a large
    batch is the mean of those of its parts if as many steps count in each. On several replicas a scalar is divided by
    their number, as Keras does with its losses, since gradients are added up.

    Source: Sutskever et al., "Sequence to Sequence Learning with Neural Networks", 2014.

    Args:
        average_across_timesteps: Whether to average over time.
        average_across_batch: Whether to average over the batch.
        sum_over_timesteps: Whether to sum over time.
        sum_over_batch: Whether to sum over the batch.
        softmax_loss_function: What to take instead of cross-entropy, as for `sequence_loss`; to be saved, it has to be
            registered with Keras.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Class numbers, or probabilities.
        y_pred: Logits.
        sample_weight: Optional weights, one a step or one a sequence.

    Input shape:
        `(batch, time)` or `(batch, time, classes)`, and `(batch, time, classes)`.

    Output shape:
        A scalar, or the axes that are not reduced.

    Raises:
        ValueError: A tensor has another shape, or an axis is both averaged and summed, or one averaged and one summed.

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
        """Loss of a batch: weights go into what is divided by, too, for which Keras' own reduction has no place."""
        mask = getattr(y_pred, "_keras_mask", None)  # Keras has no public function for it
        y_pred = ops.cast(y_pred, keras.backend.result_type(self.dtype, "float32"))
        weights = ops.ones_like(y_pred[..., 0])
        for given in (sample_weight, mask):
            if given is not None:
                given = ops.cast(given, weights.dtype)
                rank = len(given.shape)
                fits = rank <= 2 and given.shape.is_compatible_with(weights.shape[:rank])
                expected = f"one a step, {tuple(weights.shape)}, or one a sequence"
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
        # keras.ops knows nothing of replicas.
        return loss if len(loss.shape) else loss / tf.distribute.get_strategy().num_replicas_in_sync

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
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
    """Cross-entropy of every step."""
    if function is not None:
        labels, flat = (ops.reshape(each, (-1, *ops.shape(each)[2:])) for each in (targets, logits))
        return ops.reshape(function(labels=labels, logits=flat), ops.shape(logits)[:2])
    if len(targets.shape) == 3:
        return ops.categorical_crossentropy(ops.cast(targets, logits.dtype), logits, from_logits=True)
    return ops.sparse_categorical_crossentropy(ops.cast(targets, "int32"), logits, from_logits=True)


def _finite_where(steps: Tensor, values: Tensor) -> Tensor:
    """The values, but 0 for those at these steps that are not finite."""
    return ops.where(ops.logical_and(steps[..., None], ops.logical_not(ops.isfinite(values))), 0, values)


def _check(flags: tuple[bool, ...]) -> None:
    names = ("average_across_timesteps", "average_across_batch", "sum_over_timesteps", "sum_over_batch")
    given = dict(zip(names, flags, strict=True))
    for (one, other), expected in CLASHES.items():
        check(not (given[one] and given[other]), other, True, f"{expected}, and `{one}` is True")
