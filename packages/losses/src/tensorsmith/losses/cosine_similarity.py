"""Cosine similarity as a loss."""

import keras

from tensorsmith.core import KeepsArguments, check, export, is_integer
from tensorsmith.core.types import DType, Tensor
from tensorsmith.losses._support.precision import precise


@export
class CosineSimilarity(KeepsArguments, keras.losses.CosineSimilarity):
    """Turns vectors to the direction of their targets, whatever their lengths: -1 where they agree, 1 where opposite.

    Unlike `keras.losses.CosineSimilarity`, which comes back with the last axis, it keeps its `axis` when a model is
    saved. Half precision is computed in float32.

    Formula, summed over the axis:

        loss = -Σ y_true y_pred / (|y_true| |y_pred|)

    Args:
        axis: The axis of the vectors.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Targets.
        y_pred: Predictions.
        sample_weight: Optional weights, one for each vector.

    Input shape:
        Any rank from 1; both the same.

    Output shape:
        A scalar, or with `reduction=None` the input shape without the axis.

    Raises:
        ValueError: `axis` is no integer.

    Example:
        >>> loss = CosineSimilarity(axis=1)
        >>> maps = [[[1.0, 1.0], [0.0, 0.0]]]  # along the axis 1 there are two vectors (1, 0)
        >>> float(loss(maps, [[[5.0, 3.0], [0.0, 4.0]]]))  # -(1 + 3 / 5) / 2
        -0.800000011920929
        >>> CosineSimilarity.from_config(loss.get_config()).axis
        1
    """

    kept_arguments = ("axis", "dtype")

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: DType | None = None,
    ):
        check(is_integer(axis), "axis", axis, "an integer")
        super().__init__(axis=axis, reduction=reduction, name=name, dtype=dtype)
        self.axis = axis

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every vector, before weights and reduction."""
        return super().call(*precise(y_true, y_pred))
