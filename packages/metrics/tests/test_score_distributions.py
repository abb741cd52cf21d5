"""Tests of calibration error, Fréchet distance and rounded accuracy against NumPy and SciPy."""

import numpy as np
import pytest
import tensorflow as tf
from keras import metrics as keras_metrics
from scipy.linalg import sqrtm

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.metrics import ExpectedCalibrationError, FrechetDistance, RoundedAccuracy
from tensorsmith.testing import raises_argument_error


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def streamed(metric, arrays, batches):
    for batch in zip(*(np.array_split(array, batches) for array in arrays), strict=True):
        metric.update_state(*batch)
    return metric.result().numpy()


def calibration(labels, scores, weights, bins):
    """Return the calibration error, computed bin by bin from its definition."""
    confidence, right = scores.max(axis=-1), scores.argmax(axis=-1) == labels
    value = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if weights[inside].sum() > 0:
            gap = np.average(right[inside] - confidence[inside], weights=weights[inside])
            value += abs(gap) * weights[inside].sum() / weights.sum()
    return value


@pytest.mark.parametrize("batches", [1, 10])
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration(rng, bins, batches):
    labels, weights = rng.integers(0, 4, 1000), rng.uniform(0, 2, 1000)
    scores = rng.dirichlet(np.ones(4), 1000)
    found = streamed(ExpectedCalibrationError(bins), (labels, scores, weights), batches)
    np.testing.assert_allclose(found, calibration(labels, scores, weights, bins), rtol=1e-5)


def test_calibration_of_binary_scores(rng):
    labels, scores = rng.integers(0, 2, 100), rng.random((100, 1))
    two = np.concatenate([1 - scores, scores], axis=1)
    found = streamed(ExpectedCalibrationError(10), (labels[:, None], scores), 1)
    np.testing.assert_allclose(found, calibration(labels, two, np.ones(100), 10), rtol=1e-5)


def test_calibration_of_masked_steps(rng):
    labels, scores, mask = rng.integers(0, 3, (5, 7)), rng.dirichlet(np.ones(3), (5, 7)), rng.random((5, 7)) < 0.5
    metric = ExpectedCalibrationError(5)
    assert metric.result() == 0
    masked = tf.where(mask[..., None], scores, float("nan"))
    set_keras_mask(masked, tf.constant(mask))
    metric.update_state(labels, masked)
    np.testing.assert_allclose(
        metric.result(), calibration(labels[mask], scores[mask], np.ones(mask.sum()), 5), rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(5,), (1, 7), (5, 1), (5, 7, 2)])
def test_calibration_invalid_shapes(shape):
    with raises_argument_error("y_true", expected="have shape (5, 7) to match the predictions without"):
        ExpectedCalibrationError().update_state(np.zeros(shape), np.zeros((5, 7, 3)))


@pytest.mark.parametrize("logits", [[-3.0, 5.0], [-3.0, -5.0], [-2.0]])
def test_calibration_rejects_logits(logits):
    metric = ExpectedCalibrationError()
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"y_pred must contain probabilities in \[0, 1\]",
    ):
        metric.update_state([1], [logits])
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"y_pred must contain probabilities in \[0, 1\]",
    ):
        tf.function(metric.update_state)([1], [logits])
    metric.update_state([1, 1], [logits, [0.5] * len(logits)], sample_weight=[0, 1])  # weight 0 allows logits
    assert metric.result() in (0.5, 0.0)


@pytest.mark.parametrize("labels", [[0, 3], [0, -1]])
@pytest.mark.parametrize("graph", [False, True])
def test_calibration_labels_out_of_range(labels, graph):
    metric = ExpectedCalibrationError()
    update = tf.function(metric.update_state) if graph else metric.update_state
    scores = tf.constant([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"labels must contain class indices from 0 to 2",
    ):
        update(tf.constant(labels), scores)
    update(tf.constant(labels), scores, tf.constant([1.0, 0.0]))  # samples of weight 0 may have any label
    assert metric.result() == 0.5


def test_calibration_of_certain_predictions():
    metric = ExpectedCalibrationError()
    metric.update_state([0, 0], [[1.0, 0.0], [1.0, 0.0]])
    assert metric.result() == 0
    metric.update_state([1, 1], [[1.0, 0.0], [1.0, 0.0]])
    assert metric.result() == 0.5


def frechet(real, fake):
    mean, other = real.mean(axis=0), fake.mean(axis=0)
    cov, others = np.cov(real.T), np.cov(fake.T)
    return np.sum((mean - other) ** 2) + np.trace(cov + others - 2 * sqrtm(cov @ others).real)


@pytest.mark.parametrize("batches", [1, 10])
@pytest.mark.parametrize("offset", [0.0, 1e5])  # cancellation in sums of squares
def test_frechet_distance(rng, offset, batches):
    real, fake = rng.normal(size=(1000, 6)) @ rng.normal(size=(6, 6)), rng.gamma(2.0, size=(1000, 6))
    found = streamed(FrechetDistance(6, dtype="float64"), (real + offset, fake + offset), batches)
    np.testing.assert_allclose(found, frechet(real, fake), rtol=1e-7)


def test_frechet_distance_of_few_samples(rng):
    real, fake = rng.normal(size=(5, 8)), rng.normal(size=(4, 8))
    metric = FrechetDistance(8, dtype="float64")
    metric.update_state(real, fake)
    # Singular, so that the matrix square root loses half the digits.
    np.testing.assert_allclose(metric.result(), frechet(real, fake), rtol=1e-5)


def test_frechet_distance_with_weights_and_mask(rng):
    real, fake, weights = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    fake[weights == 0] = np.nan
    metric = FrechetDistance(3, dtype="float64")
    found = streamed(metric, (real, fake, weights), 4)
    expected = frechet(np.repeat(real, weights, axis=0), np.repeat(fake, weights, axis=0))
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    metric.reset_state()
    masked = tf.constant(fake)
    set_keras_mask(masked, tf.constant(weights > 0))
    metric.update_state(real, masked)
    np.testing.assert_allclose(metric.result(), frechet(real, fake[weights > 0]), rtol=1e-7)


def test_frechet_distance_of_equal_samples(rng):
    metric = FrechetDistance(3, dtype="float64")
    assert metric.result() == 0
    same = rng.normal(size=(40, 3))
    metric.update_state(same, rng.permutation(same))
    np.testing.assert_allclose(metric.result(), 0, atol=1e-9)
    with raises_argument_error("y_pred", received="(40, 2)", expected="have shape (batch, 3)"):
        metric.update_state(same, same[:, :2])


@pytest.mark.parametrize("batches", [1, 10])
def test_rounded_accuracy(rng, batches):
    y_true, y_pred, weights = rng.random((1000, 3)), rng.random((1000, 3)), rng.uniform(0, 2, 1000)
    expected = np.average((y_true > 0.5) == (y_pred > 0.5), weights=np.repeat(weights, 3).reshape(1000, 3))
    found = streamed(RoundedAccuracy(), (y_true, y_pred, weights), batches)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_rounded_accuracy_of_soft_targets(rng):
    targets = rng.uniform(0.01, 0.99, (10, 4))
    keras_own, ours = keras_metrics.BinaryAccuracy(), RoundedAccuracy()
    for metric in (keras_own, ours):
        metric.update_state(targets, targets)
    assert (keras_own.result(), ours.result()) == (0.0, 1.0)


@pytest.mark.parametrize(("true", "predicted"), [((4, 1), (4, 3)), ((4, 3), (4,)), ((1, 3), (4, 3))])
def test_rounded_accuracy_does_not_broadcast(true, predicted):
    with raises_argument_error("y_true", expected="to match `y_pred`"):
        RoundedAccuracy().update_state(np.zeros(true), np.zeros(predicted))


def test_rounded_accuracy_with_trailing_axis():
    for true, predicted in (((4,), (4, 1)), ((4, 1), (4,))):
        metric = RoundedAccuracy()
        metric.update_state(np.reshape([0, 0, 0, 1], true), np.zeros(predicted))
        assert float(metric.result()) == 0.75
