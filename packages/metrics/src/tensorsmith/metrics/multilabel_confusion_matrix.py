"""Metric that computes a confusion matrix for each label of multi-label classification."""

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
    """Confusion matrices for multi-label classification, one 2 x 2 matrix per class.

    Formula, for each class:

        value = [[true negatives,  false positives],
                 [false negatives, true positives]]

    Sample weights are supported. TensorFlow Addons ignores them with a warning.

    Args:
        num_classes: Number of classes.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The counts are accumulated in
            `float64`.

    Call arguments:
        y_true: Tensor of binary labels.
        y_pred: Tensor of predicted binary labels. Values are truncated to integers, so apply a threshold to scores
            first: 0.9 is converted to 0.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch, ..., num_classes)` for both tensors.

    Output shape:
        `(num_classes, 2, 2)`.

    Raises:
        ValueError: If `num_classes` is not a positive integer, the last axis of the inputs differs from it, or their
            shapes differ.

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
        """Update the state with one batch."""
        there, found = (ops.cast(ops.cast(labels, "int32") != 0, STATE) for labels in (y_true, y_pred))
        expect_classes("y_true", there, self.num_classes)
        expect_classes("y_pred", found, self.num_classes)
        there, found = same_shape(there, found)
        weights = ops.reshape(weights_of(there[..., 0], sample_weight, y_pred), (-1, 1))
        there, found = (ops.reshape(labels, (-1, self.num_classes)) for labels in (there, found))
        # One-hot encode each label as (absent, present), and sum the outer products.
        true, predicted = (ops.stack([1.0 - labels, labels], axis=-1) for labels in (there, found))
        self.matrices.assign_add(ops.einsum("nci,ncj->cij", weights[..., None] * true, predicted))

    def result(self) -> Tensor:
        """Return the confusion matrices."""
        return ops.cast(self.matrices, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "num_classes": self.num_classes}
