"""Tests of F scores against scikit-learn."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn

from tensorsmith.metrics import F1Score, FBetaScore

pytestmark = pytest.mark.pairwise

AVERAGES = [None, "micro", "macro", "weighted"]


def streamed(metric, true, predicted, weights, batches):
    for batch in zip(*(np.split(array, batches) for array in (true, predicted, weights)), strict=True):
        metric.update_state(*batch)
    return metric.result()


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("batches", [1, 10])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("average", AVERAGES)
def test_multilabel(rng, average, beta, batches):
    true, scores, weights = rng.integers(0, 2, (1000, 3)), rng.random((1000, 3)), rng.uniform(0, 2, 1000)
    found = streamed(FBetaScore(3, average, beta, threshold=0.6), true, scores, weights, batches)
    expected = sklearn.fbeta_score(true, scores > 0.6, beta=beta, average=average, sample_weight=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("shape", [(1000,), (100, 10), (20, 10, 5)])
def test_sparse_labels_of_any_rank(rng, shape, average):
    true, scores = rng.integers(0, 4, shape), rng.random((*shape, 4))
    predicted, weights = scores.argmax(axis=-1), rng.uniform(0, 2, shape)
    expected = sklearn.f1_score(true.ravel(), predicted.ravel(), average=average, sample_weight=weights.ravel())
    for labels, predictions in (
        (true, scores),
        (true[..., None], scores),
        (true, predicted),
        (true[..., None], predicted),
        (true, predicted[..., None]),
    ):
        found = streamed(F1Score(4, average, sparse_labels=True), labels, predictions, weights, 10)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_dense_labels_of_higher_rank(rng):
    true, scores, weights = rng.integers(0, 2, (10, 20, 3)), rng.random((10, 20, 3)), rng.uniform(0, 2, 10)
    found = streamed(F1Score(3, threshold=0.5), true, scores, weights, 2)
    flat = (array.reshape(-1, 3) for array in (true, scores > 0.5))
    expected = sklearn.f1_score(*flat, average=None, sample_weight=np.repeat(weights, 20))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_labels_of_rank_1(rng):
    true, scores, weights = rng.integers(0, 2, 1000), rng.random(1000), rng.uniform(0, 2, 1000)
    expected = sklearn.f1_score(true, scores > 0.5, sample_weight=weights)
    for labels, predictions in ((true, scores), (true[:, None], scores), (true, scores[:, None])):
        found = streamed(F1Score(1, threshold=0.5), labels, predictions, weights, 10)
        np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_no_updates_and_no_positives():
    metric = F1Score(1, average="macro", threshold=0.5)
    assert float(metric.result()) == 0.0
    metric.update_state([0, 0], [0.1, 0.2])
    assert float(metric.result()) == 0.0


def test_half_precision_threshold():
    """0.7 is 0.70019531 in float16, which exceeds the threshold unless this is rounded to float16, too."""
    metric = F1Score(1, threshold=0.7)
    metric.update_state([1], tf.constant([0.7], "float16"))
    assert float(metric.result()[0]) == 1.0


def test_labels_out_of_range():
    metric = F1Score(3, "micro", sparse_labels=True)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"labels must contain class indices from 0 to 2",
    ):
        metric.update_state([0, 3], [0, 1])
    scores = keras.layers.Masking()(np.array([[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]))
    metric.update_state([[2, -1]], scores)
    assert float(metric.result()) == 1.0


@pytest.mark.parametrize("shape", [(1,), (3,), ()])
def test_mismatched_class_indices(shape):
    message = re.escape(f"y_true must have a shape that matches predictions of shape (4,), got {shape}")
    with pytest.raises(ValueError, match=message):
        F1Score(3, sparse_labels=True).update_state(np.zeros(shape, int), np.zeros(4, int))


def test_unknown_shapes():
    metric = F1Score(3, "micro", sparse_labels=True)
    metric.update_state([0], [0])  # build the metric
    metric.reset_state()
    vector = tf.TensorSpec([None], "int32")
    run = tf.function(metric.update_state, input_signature=[vector, vector, tf.TensorSpec([None])])
    run([0, 1, 2], [0, 2, 2], [1.0, 1.0, 2.0])
    assert metric.result() == 0.75


@pytest.mark.parametrize("shape", [(4, 3), (1, 2), (4, 1, 2)])
def test_invalid_shapes(shape):
    with pytest.raises(
        ValueError, match=r"y_true must have (shape \(\.\.\., 2\)|a shape that matches predictions of shape)"
    ):
        F1Score(2).update_state(np.zeros(shape), np.zeros((4, 2)))


def test_two_classes_in_a_model(rng):
    x, y = rng.random((64, 2)).astype("float32"), rng.integers(0, 2, 64)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Identity()])
    model.compile(loss="sparse_categorical_crossentropy", metrics=[F1Score(2, "macro", sparse_labels=True)])
    found = model.evaluate(x, y, batch_size=10, return_dict=True, verbose=0)["f1_score"]
    np.testing.assert_allclose(found, sklearn.f1_score(y, x.argmax(axis=1), average="macro"), rtol=1e-6)
