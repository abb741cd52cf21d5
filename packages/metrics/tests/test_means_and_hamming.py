"""Tests of means against SciPy, and of Hamming losses against scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.metrics import hamming_loss

from tensorsmith.metrics import GeometricMean, HammingLoss, HarmonicMean, hamming_distance, hamming_loss_fn
from tensorsmith.testing import raises_argument_error

MEANS = [(GeometricMean, stats.gmean), (HarmonicMean, stats.hmean)]


@pytest.fixture
def rng():
    return np.random.default_rng(6)


@pytest.mark.parametrize(("metric", "reference"), MEANS)
@pytest.mark.parametrize("shape", [(1000,), (1000, 3)])
@pytest.mark.parametrize("batches", [1, 10])
def test_means(rng, metric, reference, shape, batches):
    values, weights = rng.lognormal(size=shape), rng.uniform(0, 2, 1000)
    plain, weighted = metric(), metric()
    for batch, weight in zip(np.split(values, batches), np.split(weights, batches), strict=True):
        plain.update_state(batch)
        weighted.update_state(batch, weight)
    np.testing.assert_allclose(plain.result(), reference(values, axis=None), rtol=1e-6)
    each = np.broadcast_to(weights.reshape(-1, *(1,) * (len(shape) - 1)), shape)
    np.testing.assert_allclose(weighted.result(), reference(values, axis=None, weights=each), rtol=1e-6)


@pytest.mark.parametrize(("metric", "reference"), MEANS)
def test_means_edge_cases(metric, reference):
    mean = metric()
    assert float(mean.result()) == 0.0
    mean.update_state([0.0, 3.0], sample_weight=[0.0, 1.0])
    assert float(mean.result()) == pytest.approx(3.0)
    mean.update_state(0.0)
    assert float(mean.result()) == 0.0
    mean.reset_state()
    mean.update_state(tf.constant([300.0] * 400, "float16"))
    assert float(mean.result()) == pytest.approx(300.0)


@pytest.mark.parametrize("batches", [1, 10])
def test_hamming_loss(rng, batches):
    true, scores, weights = rng.integers(0, 2, (1000, 4)), rng.random((1000, 4)), rng.uniform(0, 2, 1000)
    classes, guesses = rng.integers(0, 4, 1000), scores.argmax(axis=1)
    several, one = HammingLoss("multilabel", threshold=0.6), HammingLoss("multiclass")
    for label, number, score, weight in zip(
        *(np.split(array, batches) for array in (true, classes, scores, weights)), strict=True
    ):
        several.update_state(label, score, weight)
        one.update_state(np.eye(4)[number], score, weight)
    np.testing.assert_allclose(several.result(), hamming_loss(true, scores > 0.6, sample_weight=weights), rtol=1e-6)
    np.testing.assert_allclose(one.result(), hamming_loss(classes, guesses, sample_weight=weights), rtol=1e-6)


def test_hamming_functions():
    true, predicted = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 1]), np.array([1, 0, 0, 0, 1, 0, 0, 1, 0, 1])
    assert float(hamming_distance(true, predicted)) == pytest.approx(hamming_loss(true, predicted))
    assert float(hamming_distance([], [])) == 0.0
    np.testing.assert_array_equal(hamming_loss_fn([[0, 1]], [[0.0, 0.0]], None, "multilabel"), [0.5])
    with raises_argument_error("mode", received="'both'"):
        hamming_loss_fn([[0, 1]], [[0.0, 0.0]], None, "both")


@pytest.mark.parametrize(("threshold", "expected"), [(np.inf, 0.25), (-np.inf, 0.75), (np.float32(np.inf), 0.25)])
def test_infinite_thresholds(threshold, expected):
    assert float(hamming_loss_fn([[0, 1, 0, 0]], [[0.0, 9.0, -9.0, 1.0]], threshold, "multilabel")[0]) == expected
    assert HammingLoss("multilabel", threshold=threshold).threshold == threshold


@pytest.mark.parametrize("threshold", [np.nan, True, "high"])
def test_invalid_thresholds(threshold):
    with raises_argument_error("threshold", expected="a number or None"):
        HammingLoss("multilabel", threshold=threshold)


def test_mismatched_shapes():
    flat, column, rows = np.zeros(4, "int32"), np.zeros((4, 1), "int32"), np.zeros((4, 3), "int32")
    for mode in ("multiclass", "multilabel"):
        with raises_argument_error("y_true", received="(4, 1)", expected="have shape (4, 3) to match `y_pred`"):
            HammingLoss(mode).update_state(column, rows)
    with raises_argument_error("y_true", received="(4,)", expected="have shape (4, 3) to match `y_pred`"):
        hamming_loss_fn(flat, rows, 0.5, "multilabel")
    with raises_argument_error("actuals", received="(4, 3)", expected="have shape (4,) to match `predictions`"):
        hamming_distance(rows, flat)
    assert float(hamming_distance([[1], [0], [1], [0]], [1, 0, 0, 0])) == 0.25
    assert float(hamming_distance([1, 0, 1, 0], [[1], [0], [0], [0]])) == 0.25


def test_masked_steps_are_ignored():
    scores = keras.layers.Masking()(np.array([[[0.1, 0.9], [0.0, 0.0]]]))
    metric = HammingLoss("multiclass")
    assert float(metric.result()) == 0.0
    metric.update_state(np.array([[[0, 1], [0, 1]]]), scores)
    assert float(metric.result()) == 0.0
