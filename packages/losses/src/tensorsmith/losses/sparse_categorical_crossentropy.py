"""Cross-entropy of classes that are numbers, along any axis."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import KeepsArguments, check, export, is_integer
from tensorsmith.core.types import DType, Tensor
from tensorsmith.losses._support.precision import precise


@export
class SparseCategoricalCrossentropy(KeepsArguments, keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy of classes given as numbers, with the probabilities along any axis.

    `keras.losses.SparseCategoricalCrossentropy` has an `axis`, too, but on TensorFlow raises for all but the last, and
    comes back without it when a model is saved. Half precision is computed in float32.

    Formula, for the class y of a sample and the probabilities p, or logits of which a softmax makes them:

        loss = -log p[y]

    Args:
        from_logits: Whether predictions are logits.
        ignore_class: A class whose samples do not count; None for none.
        reduction: How to make one number of a batch, as for every Keras loss.
        axis: The axis of the classes in the predictions, not 0, which is the batch's.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Classes, integers from 0.
        y_pred: Probabilities or logits.
        sample_weight: Optional weights, one for each class that is given.

    Input shape:
        That of the predictions, any with the axis; the classes' is without the axis, or has size 1 there.

    Output shape:
        A scalar, or with `reduction=None` the shape of the predictions without the axis.

    Raises:
        ValueError: `axis` is no integer other than 0.

    Example:
        >>> loss = SparseCategoricalCrossentropy(axis=1)  # pictures with their channels first
        >>> p = [[[[0.5, 0.1]], [[0.5, 0.9]]]]  # (batch, classes, height, width)
        >>> print(loss([[[0, 1]]], p).numpy().round(4))  # -(log 0.5 + log 0.9) / 2
        0.3993
        >>> SparseCategoricalCrossentropy.from_config(loss.get_config()).axis
        1
    """

    kept_arguments = ("axis",)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: DType | None = None,
    ):
        fits = is_integer(axis) and axis != 0
        check(fits, "axis", axis, "an integer other than 0", "give 1 for channels that are first")
        super().__init__(from_logits, ignore_class, reduction, name=name, dtype=dtype)
        self.axis = axis

    @property
    def dtype(self) -> str:
        """What Keras casts to, class numbers too, of which half types lack most: at least float32."""
        return keras.backend.result_type(super().dtype, "float32")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, or of every part of one, before weights and reduction."""
        y_true, y_pred = precise(y_true, y_pred)
        if len(y_true.shape) == len(y_pred.shape) and y_true.shape[self.axis] == 1:
            y_true = ops.squeeze(y_true, self.axis)
        if self.axis not in (-1, len(y_pred.shape) - 1):
            y_pred = ops.moveaxis(y_pred, self.axis, -1)
        options = {"from_logits": self.from_logits, "ignore_class": self.ignore_class}
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, **options)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "dtype": super().dtype}  # as given
