"""Perplexity of predicted classes."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.decisions import known_labels, known_probabilities
from tensorsmith.metrics._support.shapes import class_numbers
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class Perplexity(StreamedMean):
    """Among how many equally likely words a language model seems to choose.

    Formula, with p the probability given to the class that is true, w weights that are 1 unless given:

        value = exp(-sum(w * log(p)) / sum(w))

    The mean is taken over all steps of all batches before the exponential, where the mean of the batches' perplexities
    would be larger. It is 0 if there are no steps. Masked steps do not count.

    Source: Jelinek et al., "Perplexity: a Measure of the Difficulty of Speech Recognition Tasks", 1977.

    Args:
        from_logits: Whether predictions are logits, which is more precise than probabilities.
        mask_token_id: A class that does not count where it is true, such as the padding's number; None for none.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Sums are kept in float64.

    Call arguments:
        y_true: Class numbers.
        y_pred: Probabilities in [0, 1], or with `from_logits` logits.
        sample_weight: Optional weights, one a step or one a sample.

    Input shape:
        `(...)` and `(..., classes)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: `from_logits` is no bool, `mask_token_id` no integer, or the shapes do not fit. Numbers of
            no class, and probabilities of true ones outside [0, 1], raise InvalidArgumentError, but under XLA.

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
        """Takes in one batch."""
        scores = ops.convert_to_tensor(y_pred)
        scores = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        classes = class_numbers(y_true, scores)
        weights = weights_of(classes, sample_weight, y_pred)
        if self.mask_token_id is not None:
            weights = ops.where(classes == self.mask_token_id, 0.0, weights)
        count = scores.shape[-1]
        classes = ops.where(weights == 0, 0, classes) if count is None else known_labels(classes, count, weights)
        if self.from_logits:
            losses = ops.sparse_categorical_crossentropy(classes, scores, from_logits=True)
        else:
            picked = known_probabilities(ops.take_along_axis(scores, classes[..., None], axis=-1)[..., 0], weights)
            losses = -ops.log(ops.maximum(picked, keras.config.epsilon()))
        self.add(ops.cast(losses, STATE), weights)

    def result(self) -> Tensor:
        """The perplexity."""
        return ops.cast(ops.where(self.count > 0, ops.exp(self.mean()), 0.0), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "from_logits": self.from_logits, "mask_token_id": self.mask_token_id}
