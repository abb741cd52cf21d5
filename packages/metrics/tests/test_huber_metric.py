"""Tests of HuberMetric against a float64 reference implementation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.metrics import HuberMetric
from tensorsmith.testing import raises_argument_error


def reference(y_true, y_pred, delta):
    error = np.abs(np.asarray(y_pred, "float64") - np.asarray(y_true, "float64"))
    return np.where(error <= delta, error**2 / 2, delta * error - delta**2 / 2).mean(axis=-1)


@pytest.fixture
def data():
    rng = np.random.default_rng(8)
    y_true, y_pred = (rng.normal(scale=2.0, size=(1000, 3)).astype("float32") for _ in range(2))
    return y_true, y_pred, rng.uniform(0.0, 2.0, 1000).astype("float32")


@pytest.mark.parametrize("weighted", [False, True])
def test_result_is_independent_of_batch_size(data, weighted):
    y_true, y_pred, weights = data
    whole, parts = HuberMetric(1.5), HuberMetric(1.5)
    whole.update_state(y_true, y_pred, weights if weighted else None)
    for start in range(0, 1000, 100):
        part = slice(start, start + 100)
        parts.update_state(y_true[part], y_pred[part], weights[part] if weighted else None)
    expected = np.average(reference(y_true, y_pred, 1.5), weights=weights if weighted else None)
    np.testing.assert_allclose(whole.result(), expected, rtol=1e-6)
    np.testing.assert_allclose(parts.result(), expected, rtol=1e-6)


def test_unequal_batch_sizes():
    metric = HuberMetric(10.0)
    metric.update_state(np.zeros((3, 1)), np.full((3, 1), 2.0))
    metric.update_state(np.zeros((1, 1)), np.full((1, 1), 4.0))
    assert float(metric.result()) == (3 * 2 + 1 * 8) / 4
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_half_precision_predictions_do_not_overflow():
    metric = HuberMetric(2000.0)
    metric.update_state([[0.0]], tf.constant([[1000.0]], "float16"))
    assert float(metric.result()) == 500_000.0


def test_nan_of_weight_zero_is_ignored():
    metric = HuberMetric()
    metric.update_state([[0.0], [0.0]], [[np.nan], [1.0]], [0.0, 1.0])
    assert float(metric.result()) == 0.5


def test_shapes():
    """Each entry of a vector is a sample, a trailing axis of size 1 is accepted, and nothing else is broadcast."""
    for first, second in (((3,), (1,)), ((3, 1), (1,)), ((3,), (1, 1))):
        metric = HuberMetric()
        metric.update_state(np.zeros(first), np.ones(first[:1]), [1, 0, 1])
        metric.update_state(np.zeros(second), np.full(second[:1], 2.0))
        assert float(metric.result()) == pytest.approx((0.5 + 0.5 + 1.5) / 3)
    with raises_argument_error("y_true", received="(4, 1)", expected="have shape (4, 3) to match `y_pred`"):
        HuberMetric().update_state(np.zeros((4, 1)), np.zeros((4, 3)))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_masked_steps_are_ignored(policy):
    y_true = np.random.default_rng(16).integers(-3, 3, (4, 5, 1)).astype("float32")
    y_pred = np.random.default_rng(17).integers(1, 4, (4, 5, 1)).astype("float32")
    y_pred[:, 3:] = 0.0  # masked
    model = keras.Sequential(
        [keras.Input((5, 1)), keras.layers.Masking(dtype=policy), keras.layers.Activation("linear", dtype=policy)]
    )
    metric = HuberMetric()
    metric.update_state(y_true, model(y_pred))
    np.testing.assert_allclose(metric.result(), reference(y_true[:, :3], y_pred[:, :3], 1.0).mean(), rtol=1e-6)


def test_delta_is_saved(tmp_path, data):
    y_true, y_pred, _ = data
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(loss="mean_absolute_error", metrics=[HuberMetric(0.5)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = loaded.evaluate(y_pred, y_true, batch_size=300, return_dict=True, verbose=0)
    np.testing.assert_allclose(found["huber"], reference(y_true, y_pred, 0.5).mean(), rtol=1e-5)
