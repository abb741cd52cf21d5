"""Cosine similarity loss for vectors."""

import keras

from tensorsmith.core import KeepsArguments, check, export, is_integer
from tensorsmith.core.types import DType, Tensor
from tensorsmith.losses._support.precision import precise


@export
class CosineSimilarity(KeepsArguments, keras.losses.CosineSimilarity):
    """Cosine similarity loss of Keras with `axis` in its config: -1 for equal directions, 1 for opposite ones.

    Unlike `keras.losses.CosineSimilarity`, it includes `axis` in its config, so that a saved model is loaded with the
    same axis. Half precision is computed in `float32`.

    Formula, summed over the axis:

        loss = -Σ y_true y_pred / (|y_true| |y_pred|)

    Args:
        axis: Axis along which the cosine similarity is computed.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, one per vector.

    Input shape:
        Any rank `>= 1`; the same shape for both tensors.

    Output shape:
        A scalar, or the input shape without the axis if `reduction` is `None`.

    Raises:
        ValueError: If `axis` is not an integer.

    Example:
        >>> loss = CosineSimilarity(axis=1)
        >>> maps = [[[1.0, 1.0], [0.0, 0.0]]]  # two vectors (1, 0) along axis 1
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
        """Return the loss of each vector, before weighting and reduction."""
        return super().call(*precise(y_true, y_pred))
