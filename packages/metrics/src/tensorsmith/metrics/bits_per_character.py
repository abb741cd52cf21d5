"""Bits-per-character metric of language models."""

import math
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.cross_entropy import cross_entropies
from tensorsmith.metrics._support.shapes import class_numbers
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class BitsPerCharacter(StreamedMean):
    """Mean cross-entropy of a character-level language model in bits: the size of the compressed text per character.

    Formula, with the probability p of the true character, and weights w that default to 1:

        value = -sum(w * log2(p)) / sum(w)

    This is the result of `keras.metrics.SparseCategoricalCrossentropy`, divided by ln(2), and the base-2 logarithm of
    the `Perplexity`. The result is 0 if there are no steps. Masked steps are ignored.

    Source: Shannon, "Prediction and Entropy of Printed English", 1951.

    Args:
        from_logits: If `True`, `y_pred` is interpreted as logits, which is numerically more precise than probabilities.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of class indices of the characters.
        y_pred: Tensor of probabilities in [0, 1], or of logits if `from_logits` is `True`.
        sample_weight: Optional weights, one per step or one per sample.

    Input shape:
        `y_true`: `(...)`. `y_pred`: `(..., classes)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `from_logits` is not a bool, or the shapes do not match. Invalid class indices, and probabilities
            of true classes outside [0, 1], raise InvalidArgumentError, except under XLA.

    Example:
        >>> metric = BitsPerCharacter()
        >>> metric.update_state([[1, 2]], [[[0.1, 0.5, 0.4], [0.5, 0.375, 0.125]]])
        >>> round(float(metric.result()), 4)  # (1 + 3) / 2
        2.0
    """

    def __init__(self, from_logits: bool = False, name: str = "bits_per_character", dtype: DType | None = None):
        check(isinstance(from_logits, bool), "from_logits", from_logits, "True or False")
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        scores = ops.convert_to_tensor(y_pred)
        scores = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        classes = class_numbers(y_true, scores)
        weights = weights_of(classes, sample_weight, y_pred)
        losses = cross_entropies(classes, scores, weights, self.from_logits)
        self.add(ops.cast(losses, STATE), weights)

    def result(self) -> Tensor:
        """Return the bits per character."""
        return ops.cast(self.mean() / math.log(2), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "from_logits": self.from_logits}
