"""Tests of Huber against a float64 reference implementation and Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.losses import Huber, huber
from tensorsmith.testing import raises_argument_error


def reference(y_true, y_pred, delta):
    """Return the loss computed with branches, unlike the implementation."""
    error = np.abs(np.asarray(y_pred, "float64") - np.asarray(y_true, "float64"))
    return np.where(error <= delta, error**2 / 2, delta * error - delta**2 / 2).mean(axis=-1)


def data(*shape):
    rng = np.random.default_rng(7)
    return (rng.normal(scale=3.0, size=shape).astype("float32") for _ in range(2))


@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("shape", [(5,), (7, 3), (2, 5, 4)])
def test_values(delta, shape):
    y_true, y_pred = data(*shape)
    expected = reference(y_true, y_pred, delta)
    np.testing.assert_allclose(huber(y_true, y_pred, delta), expected, rtol=1e-6)
    np.testing.assert_allclose(huber(y_true, y_pred, delta), keras.losses.huber(y_true, y_pred, delta), rtol=1e-6)
    np.testing.assert_allclose(Huber(delta)(y_true, y_pred), np.mean(expected), rtol=1e-6)


def test_sample_weights_and_reductions():
    y_true, y_pred = data(6, 3)
    weights = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0], "float32")
    expected = reference(y_true, y_pred, 0.8) * weights
    for reduction, value in (("sum", expected.sum()), ("sum_over_batch_size", expected.mean()), (None, expected)):
        found = Huber(0.8, reduction=reduction)(y_true, y_pred, sample_weight=weights)
        np.testing.assert_allclose(found, value, rtol=1e-6)


@pytest.mark.parametrize(
    ("error", "value", "slope"),
    [(0.0, 0.0, 0.0), (1.0, 0.5, 1.0), (2.0, 2.0, 2.0), (5.0, 8.0, 2.0), (-5.0, 8.0, -2.0)],
)
def test_values_and_gradients(error, value, slope):
    prediction = tf.constant([[error]])
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        loss = Huber(delta=2.0)([[0.0]], prediction)
    assert float(loss) == value
    assert float(tape.gradient(loss, prediction)[0, 0]) == slope


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_large_errors_in_half_precision(half):
    prediction = tf.constant([[1000.0], [-30000.0]], half)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        loss = huber([[0.0], [0.0]], prediction, delta=2000.0)
    np.testing.assert_allclose(loss, reference([[0], [0]], tf.cast(prediction, "float64"), 2000.0), rtol=1e-6)
    np.testing.assert_allclose(tf.cast(tape.gradient(loss, prediction), "float32"), [[1000.0], [-2000.0]])


def test_missing_last_axis():
    y_true, y_pred = data(9)
    expected = reference(y_true[:, None], y_pred[:, None], 1.0)
    np.testing.assert_allclose(huber(y_true, y_pred[:, None]), expected, rtol=1e-6)
    np.testing.assert_allclose(huber(y_true[:, None], y_pred), expected, rtol=1e-6)
    with raises_argument_error("y_true", received="(9,)", expected="have shape (3, 3) to match `y_pred`"):
        huber(y_true, y_pred.reshape(3, 3))


def test_unknown_shapes():
    run = tf.function(huber, input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None, 4])])
    assert run(tf.zeros((3, 4)), tf.ones((3, 4))).shape == (3,)


def test_invalid_delta():
    with raises_argument_error("delta", received="0", expected="a positive number"):
        huber([0.0], [0.0], 0)


def test_delta_is_saved(tmp_path):
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    values = {}
    for loss in (Huber(2.0), keras.losses.Huber(2.0)):
        model.compile(loss=loss)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        values[type(loss)] = float(loaded.compute_loss(y=tf.constant([[0.0]]), y_pred=tf.constant([[5.0]])))
    assert values[Huber] == 8.0
    # 4.5 as long as delta is missing from the Keras config. If this fails, update the class docstring.
    assert values[keras.losses.Huber] in (4.5, 8.0)


def test_function_is_registered():
    assert keras.saving.get_registered_name(huber) == "tensorsmith>huber"
