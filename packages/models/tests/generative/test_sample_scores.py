"""Tests of the scores of generated images with a classifier whose features are known."""

import keras
import numpy as np
import pytest

from tensorsmith.metrics import sliced_wasserstein_distance
from tensorsmith.models import sample_scores
from tensorsmith.testing import raises_argument_error


def classifier():
    """Returns a classifier of images by their brighter half, whose features are the means of both halves."""
    images = keras.Input((14, 14, 1))
    halves = keras.layers.AveragePooling2D((14, 7))(images)
    features = keras.layers.Flatten(name="features")(halves)
    return keras.Model(images, keras.layers.Rescaling(2.0)(features))


def images(count, left, right, seed):
    """Returns images whose halves have normally distributed means."""
    random = np.random.default_rng(seed)
    means = random.normal((left, right), 0.1, size=(count, 2))
    noise = random.normal(0, 1e-3, size=(count, 14, 14, 1))
    return (np.repeat(means, 7, axis=1)[:, None, :, None] + noise).astype("float32")


def test_scores():
    real, fake = images(3000, 1.0, 0.0, 0), images(3000, 1.3, 0.0, 1)
    scores = sample_scores(classifier(), real, fake, np.zeros(3000, int))
    assert scores["frechet_distance"] == pytest.approx(0.09, rel=0.05)  # the squared distance of the means
    assert scores["label_agreement"] == 1.0
    assert 0 < scores["precision"] < 0.7
    structure = sliced_wasserstein_distance(real, fake)
    assert scores["sliced_wasserstein_distance"] == pytest.approx(1000 * structure.mean(), rel=1e-6)
    assert 1 < scores["diversity"] < 2  # of two features
    assert sample_scores(classifier(), real, fake, np.arange(3000) % 2)["label_agreement"] == 0.5
    same = sample_scores(classifier(), real, images(3000, 1.0, 0.0, 2))
    assert same["frechet_distance"] < 1e-3
    assert min(same["precision"], same["recall"]) > 0.9
    assert "label_agreement" not in same


def test_bad_arguments():
    real = images(10, 0, 0, 0)
    with raises_argument_error("real"):
        sample_scores(classifier(), real[..., 0], real)
    with raises_argument_error("fake"):
        sample_scores(classifier(), real, real[:5])
    with raises_argument_error("labels"):
        sample_scores(classifier(), real, real, np.zeros(9))
    with raises_argument_error("feature_layer", expected="features"):
        sample_scores(classifier(), real, real, feature_layer="feature")
