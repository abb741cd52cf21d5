"""Perplexity metric of language models."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.cross_entropy import cross_entropies
from tensorsmith.metrics._support.shapes import class_numbers
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class Perplexity(StreamedMean):
    """Perplexity of a language model: the effective number of equally likely words.

    Formula, with the probability p of the true class, and weights w that default to 1:

        value = exp(-sum(w * log(p)) / sum(w))

    The mean is computed over all steps of all batches before the exponential; the mean of the perplexities of batches
    would be larger. The result is 0 if there are no steps. Masked steps are ignored.

    Source: Jelinek et al., "Perplexity: a Measure of the Difficulty of Speech Recognition Tasks", 1977.

    Args:
        from_logits: If `True`, `y_pred` is interpreted as logits, which is numerically more precise than probabilities.
        mask_token_id: Optional integer, a class index. Targets with this class index are ignored, for example padding
            tokens.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of class indices.
        y_pred: Tensor of probabilities in [0, 1], or of logits if `from_logits` is `True`.
        sample_weight: Optional weights, one per step or one per sample.

    Input shape:
        `y_true`: `(...)`. `y_pred`: `(..., classes)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `from_logits` is not a bool, `mask_token_id` is not an integer, or the shapes do not match.
            Invalid class indices, and probabilities of true classes outside [0, 1], raise InvalidArgumentError, except
            under XLA.

    Example:
        >>> metric = Perplexity(mask_token_id=0)
        >>> metric.update_state([[1, 2, 0]], [[[0.1, 0.5, 0.4], [0.5, 0.375, 0.125], [0.0, 0.5, 0.5]]])
        >>> round(float(metric.result()), 4)  # 1 / sqrt(0.5 * 0.125)
        4.0
    """

    def __init__(
        self,
        from_logits: bool = False,
        mask_token_id: int | None = None,
        name: str = "perplexity",
        dtype: DType | None = None,
    ):
        check(isinstance(from_logits, bool), "from_logits", from_logits, "True or False")
        fits = mask_token_id is None or is_integer(mask_token_id)
        check(fits, "mask_token_id", mask_token_id, "an integer or None")
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits
        self.mask_token_id = mask_token_id

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        scores = ops.convert_to_tensor(y_pred)
        scores = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        classes = class_numbers(y_true, scores)
        weights = weights_of(classes, sample_weight, y_pred)
        if self.mask_token_id is not None:
            weights = ops.where(classes == self.mask_token_id, 0.0, weights)
        losses = cross_entropies(classes, scores, weights, self.from_logits)
        self.add(ops.cast(losses, STATE), weights)

    def result(self) -> Tensor:
        """Return the perplexity."""
        return ops.cast(ops.where(self.count > 0, ops.exp(self.mean()), 0.0), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "from_logits": self.from_logits, "mask_token_id": self.mask_token_id}
