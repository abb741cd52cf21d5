"""Scores of generated images, computed on the features of a classifier."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import TensorLike
from tensorsmith.metrics import (
    FrechetDistance,
    sample_precision_recall,
    sliced_wasserstein_distance,
    vendi_score,
)

BLOCK = 500  # number of images that the classifier processes at a time


@export
def sample_scores(
    classifier: keras.Model,
    real: TensorLike,
    fake: TensorLike,
    labels: TensorLike | None = None,
    feature_layer: str = "features",
) -> dict[str, float]:
    """Return scores of generated images: their distance from real images, quality, coverage and diversity.

    Compare them with the scores of other real images in place of generated ones, and only for equal numbers of images
    and the same classifier:

    - `frechet_distance`: Fréchet distance of the features; see `tensorsmith.metrics.FrechetDistance`.
    - `precision` and `recall`: quality and coverage; see `tensorsmith.metrics.sample_precision_recall`.
    - `diversity`: effective number of different images; see `tensorsmith.metrics.vendi_score`.
    - `sliced_wasserstein_distance`: difference of the local structure, times 1000 and averaged over two scales; see
      `tensorsmith.metrics.sliced_wasserstein_distance`.
    - `label_agreement`, with labels: fraction of the images for which the classifier predicts the label that they were
      generated for.

    Args:
        classifier: Classifier of images that was trained on real images, with one output per class.
        real: Tensor of real images, in the shape of the classifier's input.
        fake: Tensor of as many generated images.
        labels: Integer classes of the generated images, of shape `(n,)`.
        feature_layer: Name of the layer of the classifier whose outputs are the features.

    Returns:
        A dictionary of numbers.

    Raises:
        ValueError: If the shapes do not match, a pixel is not finite, or the classifier lacks the layer.

    Example:
        >>> import keras, numpy as np
        >>> inputs = keras.Input((16, 16, 1))
        >>> features = keras.layers.Dense(2, name="features")(keras.layers.Flatten()(inputs))
        >>> classifier = keras.Model(inputs, keras.layers.Dense(3)(features))
        >>> images = np.random.default_rng(0).random((50, 16, 16, 1))
        >>> scores = sample_scores(classifier, images, images)
        >>> round(scores["frechet_distance"], 6), scores["precision"], scores["recall"]
        (0.0, 1.0, 1.0)
    """
    real, fake = (np.asarray(ops.convert_to_numpy(images), "float32") for images in (real, fake))
    check(real.shape[1:] == classifier.input_shape[1:], "real", real.shape, f"have shape {classifier.input_shape}")
    check(fake.shape == real.shape, "fake", fake.shape, f"have shape {real.shape} to match `real`")
    known = [layer.name for layer in classifier.layers]
    check(feature_layer in known, "feature_layer", feature_layer, f"one of the layers {', '.join(known)}")
    layer = classifier.get_layer(feature_layer)
    both = keras.Model(classifier.input, [layer.output, classifier.output])
    real_features, _ = _outputs(both, real)
    features, predictions = _outputs(both, fake)
    distance = FrechetDistance(features.shape[1], dtype="float64")
    distance.update_state(real_features, features)
    precision, recall = sample_precision_recall(real_features, features)
    scores: dict[str, Any] = {
        "frechet_distance": float(distance.result()),
        "precision": precision,
        "recall": recall,
        "diversity": vendi_score(features),
        "sliced_wasserstein_distance": 1000 * float(np.mean(sliced_wasserstein_distance(real, fake))),
    }
    if labels is not None:
        classes = ops.convert_to_numpy(labels)
        check(classes.shape == (len(fake),), "labels", Verbatim(f"shape {classes.shape}"), f"shape ({len(fake)},)")
        scores["label_agreement"] = float(np.mean(predictions.argmax(axis=1) == classes))
    return scores


def _outputs(model: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    """Return the outputs for all images, without the function that `predict` would compile for each call."""
    blocks = [model(images[start : start + BLOCK], training=False) for start in range(0, len(images), BLOCK)]
    return [np.concatenate([ops.convert_to_numpy(part) for part in parts]) for parts in zip(*blocks, strict=True)]
