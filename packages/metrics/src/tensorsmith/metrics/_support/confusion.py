"""Base class for metrics that accumulate a confusion matrix."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.decisions import check_num_classes, known_labels
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, weights_of


class ConfusionMetric(keras.metrics.Metric):
    """Base class for metrics computed from a confusion matrix, with true classes as rows."""

    def __init__(self, num_classes: int, name: str, dtype: DType | None):
        check_num_classes(num_classes, least=2)
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.confusion = self.add_variable((num_classes, num_classes), "zeros", dtype=STATE, name="confusion")

    def add(self, true: Tensor, predicted: Tensor, sample_weight: TensorLike | None, y_pred: TensorLike) -> None:
        """Add true and predicted class indices to the confusion matrix. `y_pred` provides the Keras mask."""
        true, predicted = same_shape(true, predicted)
        weights = weights_of(true, sample_weight, y_pred)
        true, predicted = (
            ops.reshape(known_labels(labels, self.num_classes, weights), (-1,)) for labels in (true, predicted)
        )
        # Not available in keras.ops.
        self.confusion.assign_add(
            tf.math.confusion_matrix(true, predicted, self.num_classes, ops.reshape(weights, (-1,)), dtype=STATE)
        )

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "num_classes": self.num_classes}
