"""Confusion matrices of labels that do not exclude each other."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.decisions import check_num_classes, expect_classes
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, weights_of


@export
class MultiLabelConfusionMatrix(keras.metrics.Metric):
    """One confusion matrix a class: how often the label was there or not, and predicted or not.

    Formula, for each class:

        value = [[true negatives,  false positives],
                 [false negatives, true positives]]

    Sample weights count. In TensorFlow Addons they raised a warning and did not.

    Args:
        num_classes: Number of labels.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. The counts are kept in float64.

    Call arguments:
        y_true: Labels of 0 and 1.
        y_pred: Predicted labels of 0 and 1. They are cut to integers: a score of 0.9 counts as 0, so decide before.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(batch, ..., num_classes)`, both.

    Output shape:
        `(num_classes, 2, 2)`.

    Raises:
        ValueError: `num_classes` is no integer of 1 or more, the last axis of the inputs differs from it,
            or their shapes differ.

    Example:
        >>> metric = MultiLabelConfusionMatrix(num_classes=2)
        >>> metric.update_state([[1, 0], [0, 1], [1, 1]], [[1, 0], [0, 0], [1, 1]])
        >>> print(metric.result().numpy().astype(int).tolist())
        [[[1, 0], [0, 2]], [[1, 0], [1, 1]]]
    """

    def __init__(self, num_classes: int, name: str = "Multilabel_confusion_matrix", dtype: DType | None = None):
        check_num_classes(num_classes, least=1)
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.matrices = self.add_variable((num_classes, 2, 2), "zeros", dtype=STATE, name="matrices")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        there, found = (ops.cast(ops.cast(labels, "int32") != 0, STATE) for labels in (y_true, y_pred))
        expect_classes("y_true", there, self.num_classes)
        expect_classes("y_pred", found, self.num_classes)
        there, found = same_shape(there, found)
        weights = ops.reshape(weights_of(there[..., 0], sample_weight, y_pred), (-1, 1))
        there, found = (ops.reshape(labels, (-1, self.num_classes)) for labels in (there, found))
        true, predicted = (ops.stack([1.0 - labels, labels], axis=-1) for labels in (there, found))
        self.matrices.assign_add(ops.einsum("nci,ncj->cij", weights[..., None] * true, predicted))

    def result(self) -> Tensor:
        """The matrices."""
        return ops.cast(self.matrices, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}
