"""Cross-entropy of class indices and predictions, with validation of both."""

import keras
from keras import ops

from tensorsmith.core.types import Tensor
from tensorsmith.metrics._support.decisions import known_labels, known_probabilities


def cross_entropies(classes: Tensor, scores: Tensor, weights: Tensor, from_logits: bool) -> Tensor:
    """Return the cross-entropy of each step in nats.

    Steps of weight 0 may contain any class index, such as one of padding.

    Args:
        classes: Tensor of class indices, of shape `(...)`.
        scores: Tensor of probabilities or logits with at least the precision of `float32`, of shape `(..., classes)`.
        weights: Tensor of the weights of the steps, of shape `(...)`.
        from_logits: If `True`, `scores` are logits.
    """
    count = scores.shape[-1]
    classes = ops.where(weights == 0, 0, classes) if count is None else known_labels(classes, count, weights)
    if from_logits:
        return ops.sparse_categorical_crossentropy(classes, scores, from_logits=True)
    picked = known_probabilities(ops.take_along_axis(scores, classes[..., None], axis=-1)[..., 0], weights)
    # The lower bound keeps the loss finite for a probability of 0.
    return -ops.log(ops.maximum(picked, keras.config.epsilon()))
