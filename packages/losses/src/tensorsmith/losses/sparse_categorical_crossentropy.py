"""Cross-entropy loss for integer class labels, with classes along any axis."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import KeepsArguments, check, export, is_integer, is_number
from tensorsmith.core.keras_internals import keras_mask, set_keras_mask
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.ops import softmax_cross_entropy


@export
class SparseCategoricalCrossentropy(KeepsArguments, keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy loss for integer class labels, with predicted probabilities along any axis.

    `keras.losses.SparseCategoricalCrossentropy` also has an `axis` argument, but on the TensorFlow backend it raises an
    error for all axes except the last, and `axis` is missing from its config. Half precision is computed in `float32`,
    and the result is rounded.

    Formula, for the class y of a sample and the probabilities p, which are the softmax of the predictions if these are
    logits:

        loss = -log p[y]

    With the label smoothing s, a fraction s of the target is distributed equally over all V classes, as in
    `keras.losses.CategoricalCrossentropy`, but without one-hot targets:

        loss = -(1 - s) log p[y] - s / V sum_k log p[k]

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016, for label smoothing.

    Args:
        from_logits: If `True`, `y_pred` is interpreted as logits.
        ignore_class: Optional class index to ignore in the loss computation.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        axis: Class axis of the predictions. Must not be 0, the batch axis.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.
        label_smoothing: Float in [0, 1), the fraction of the target that is distributed over all classes.

    Call arguments:
        y_true: Tensor of integer class indices, starting from 0.
        y_pred: Tensor of predicted probabilities or logits.
        sample_weight: Optional weights, one per label.

    Input shape:
        `y_pred`: Any shape with the class axis. `y_true`: The same shape without this axis, or with size 1 along it.

    Output shape:
        A scalar, or the shape of the predictions without the class axis if `reduction` is `None`.

    Raises:
        ValueError: If `axis` is not an integer or is 0, or `label_smoothing` is not in [0, 1).

    Example:
        >>> loss = SparseCategoricalCrossentropy(axis=1)  # channels-first images
        >>> p = [[[[0.5, 0.1]], [[0.5, 0.9]]]]  # (batch, classes, height, width)
        >>> print(loss([[[0, 1]]], p).numpy().round(4))  # -(log 0.5 + log 0.9) / 2
        0.3993
        >>> SparseCategoricalCrossentropy.from_config(loss.get_config()).axis
        1
    """

    kept_arguments = ("axis", "label_smoothing")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: DType | None = None,
        label_smoothing: float = 0.0,
    ):
        fits = is_integer(axis) and axis != 0
        check(
            fits,
            "axis",
            axis,
            "an integer other than 0",
            "pass `axis=1` if the class axis is the first axis after the batch axis",
        )
        valid = is_number(label_smoothing) and 0 <= label_smoothing < 1
        check(valid, "label_smoothing", label_smoothing, "a number in [0, 1)")
        super().__init__(from_logits, ignore_class, reduction, name=name, dtype=dtype)
        self.axis = axis
        self.label_smoothing = float(label_smoothing)

    @property
    def dtype(self) -> str:
        """Dtype to which Keras casts inputs: at least `float32`, to represent class indices exactly."""
        return keras.backend.result_type(super().dtype, "float32")

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Return the reduced loss, in the dtype that was given."""
        return ops.cast(super().__call__(y_true, y_pred, sample_weight), super().dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each label, before weighting and reduction."""
        y_true, y_pred = precise(y_true, y_pred)
        if len(y_true.shape) == len(y_pred.shape) and y_true.shape[self.axis] == 1:
            y_true = ops.squeeze(y_true, self.axis)
        if self.axis not in (-1, len(y_pred.shape) - 1):
            # On the TensorFlow backend, Keras supports only classes on the last axis.
            y_pred = ops.moveaxis(y_pred, self.axis, -1)
        if self.from_logits:
            labels, smoothing, ignored = ops.cast(y_true, "int32"), self.label_smoothing, self.ignore_class
            loss = softmax_cross_entropy(y_pred, labels, label_smoothing=smoothing, ignored_index=ignored)
            if ignored is not None:  # labels that do not count in the mean over the batch
                set_keras_mask(loss, ops.not_equal(labels, ignored))
            return loss
        loss = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, ignore_class=self.ignore_class)
        return self._smoothed(loss, y_pred) if self.label_smoothing else loss

    def _smoothed(self, loss: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of smoothed labels, given that of the labels, whose mask has the ones that are not ignored.

        Keras divides the probabilities by their sum, which is why its logarithm is added to the mean of -log p.
        """
        valid = keras_mask(loss)
        if valid is not None:  # as in Keras, predictions of ignored labels may be NaN
            y_pred = ops.where(ops.expand_dims(valid, -1), y_pred, 1.0)
        epsilon = keras.config.epsilon()
        logs = ops.log(ops.clip(y_pred, epsilon, 1 - epsilon))
        uniform = ops.logsumexp(logs, axis=-1) - ops.mean(logs, axis=-1)
        smoothed = (1 - self.label_smoothing) * loss + self.label_smoothing * uniform
        if valid is not None:
            smoothed = ops.where(valid, smoothed, 0.0)
            set_keras_mask(smoothed, valid)
        return smoothed

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "dtype": super().dtype}  # as given
