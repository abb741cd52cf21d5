"""Tests of metrics of forecasts against NumPy, scikit-learn, Keras and numbers computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import mean_absolute_error

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.metrics import (
    IntervalCoverage,
    MeanAbsoluteScaledError,
    SymmetricMeanAbsolutePercentageError,
)


def forecasts(shape=(60, 7)):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape), rng.normal(size=shape), rng.uniform(0, 2, shape[0])


def by_batches(metric, *arrays):
    for batch in zip(*(np.split(each, [7, 40]) for each in arrays), strict=True):
        metric.update_state(*batch)
    return float(metric.result())


def smape(true, predicted):
    """Return the percentage error of each element, with the formula of the M4 competition."""
    return 200 * np.abs(true - predicted) / (np.abs(true) + np.abs(predicted))


def test_scaled_error_matches_scikit_learn():
    true, predicted, weights = forecasts()
    series = np.random.default_rng(1).normal(size=50)
    scale = mean_absolute_error(series[7:], series[:-7])
    found = by_batches(MeanAbsoluteScaledError(scale), true, predicted, weights)
    np.testing.assert_allclose(found, mean_absolute_error(true, predicted, sample_weight=weights) / scale, rtol=1e-6)


def test_scaled_error_of_naive_forecast_is_one():
    series = np.array([3.0, 5.0, 4.0, 8.0, 6.0])
    metric = MeanAbsoluteScaledError(np.abs(series[1:] - series[:-1]).mean())
    metric.update_state(series[1:], series[:-1])
    assert float(metric.result()) == 1.0


def test_percentage_error_matches_formula():
    true, predicted, weights = forecasts()
    found = by_batches(SymmetricMeanAbsolutePercentageError(), true, predicted, weights)
    expected = np.average(smape(true, predicted).mean(axis=1), weights=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_percentage_error_by_hand():
    metric = SymmetricMeanAbsolutePercentageError()
    assert metric.result() == 0
    #                     2 * 10 / 210, both 0, opposite signs, only the target is 0
    metric.update_state([[110.0, 0.0, -4.0, 0.0]], [[100.0, 0.0, 4.0, 2.0]])
    np.testing.assert_allclose(metric.result(), (2000 / 210 + 0 + 200 + 200) / 4, rtol=1e-6)


def test_coverage_of_normal_quantiles():
    """The 80 % interval of a normal distribution covers a fraction that a binomial distribution describes."""
    true = np.random.default_rng(2).normal(size=(2000, 5))
    quantiles = np.broadcast_to([-1.2816, -0.5, 0.0, 1.2816], (2000, 5, 4))
    found = by_batches(IntervalCoverage(), true, quantiles)
    assert abs(found - 0.8) < 5 * np.sqrt(0.8 * 0.2 / true.size)
    inner = by_batches(IntervalCoverage(lower=1, upper=2), true[..., None], quantiles)
    np.testing.assert_allclose(inner, np.mean((true >= -0.5) & (true <= 0)), rtol=1e-6)


def test_coverage_by_hand():
    metric = IntervalCoverage()
    assert metric.result() == 0
    metric.update_state([1.0, 2.0, 3.0, 1.5], [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])  # the last ones cross
    assert float(metric.result()) == 0.5
    metric.update_state([np.nan, 1.5], [[1.0, 2.0], [1.0, 2.0]], [0.0, 4.0])
    assert float(metric.result()) == 0.75
    metric.update_state([1.5, 1.5], [[-np.inf, 1.0], [-np.inf, np.inf]])
    np.testing.assert_allclose(metric.result(), 0.7, rtol=1e-6)
    metric.update_state([1.5], [[np.nan, 2.0]])
    assert np.isnan(metric.result())


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (MeanAbsoluteScaledError(0.5), lambda true, predicted: np.abs(true - predicted) / 0.5),
        (SymmetricMeanAbsolutePercentageError(), smape),
    ],
)
def test_masked_steps_are_ignored(metric, expected):
    true, predicted, _ = forecasts((4, 5, 1))
    mask = np.random.default_rng(3).random((4, 5)) < 0.5
    masked = tf.constant(np.where(mask[..., None], predicted, np.nan))
    set_keras_mask(masked, tf.constant(mask))
    metric.update_state(true, masked)
    np.testing.assert_allclose(metric.result(), expected(true, predicted)[mask].mean(), rtol=1e-6)


def test_masked_coverage():
    true, _, _ = forecasts((4, 5))
    mask = np.random.default_rng(3).random((4, 5)) < 0.5
    quantiles = tf.constant(np.broadcast_to([-1.0, 1.0], (4, 5, 2)))
    set_keras_mask(quantiles, tf.constant(mask))
    metric = IntervalCoverage()
    metric.update_state(true, quantiles)
    np.testing.assert_allclose(metric.result(), np.mean(np.abs(true[mask]) <= 1), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1,), (3,), (3, 1)])
def test_coverage_of_compiled_model(shape):
    """Tests `compile(metrics=...)` with one target for all quantiles, with and without an axis of size 1."""
    rng = np.random.default_rng(4)
    steps = () if shape == (1,) else (3,)
    true, edges = rng.normal(size=(20, *shape)), rng.normal(size=(20, *steps, 2))
    model = keras.Sequential([keras.Input((*steps, 2)), keras.layers.Identity()])
    model.compile(loss=lambda true, predicted: keras.ops.mean(predicted), metrics=[IntervalCoverage()])
    found = model.evaluate(edges, true, batch_size=6, verbose=0)[1]
    low, high = (edges[..., side].reshape(true.shape) for side in (0, 1))
    np.testing.assert_allclose(found, np.mean((low <= true) & (true <= high)), rtol=1e-6)
