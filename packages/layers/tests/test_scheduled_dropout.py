"""Tests of `ScheduledDropout` against the layer of Keras, and with a variable rate in a traced graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from packaging.version import Version

from tensorsmith.layers import ScheduledDropout
from tensorsmith.training import Trainer

X = np.random.default_rng(0).normal(size=(50, 4, 6)).astype("float32")


@pytest.mark.parametrize("noise_shape", [None, (None, 1, 6)])
@pytest.mark.parametrize(
    "rate",
    [
        0.3,
        pytest.param(
            1.0,
            marks=pytest.mark.skipif(
                Version(keras.__version__) < Version("3.14"), reason="Keras takes a rate of 1 since 3.14"
            ),
        ),
    ],
)
def test_constant_rate_matches_keras(rate, noise_shape):
    both = []
    for kind in (ScheduledDropout, keras.layers.Dropout):
        layer, x = kind(rate, noise_shape=noise_shape, seed=3), tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            first, second = layer(x, training=True), layer(x, training=True)
        both.append([first, second, tape.gradient(second, x, unconnected_gradients="zero"), layer(x)])
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_rate_changes_in_traced_function(jit):
    layer = ScheduledDropout(0.0, seed=1)
    call = tf.function(lambda x: layer(x, training=True), jit_compile=jit)
    x = tf.ones((1000, 20))
    for rate in (0.0, 0.25, 0.9, 1.0, 1.5, -0.5):
        layer.rate.assign(rate)
        y, expected = call(x).numpy(), min(max(rate, 0.0), 1.0)
        assert abs((y == 0).mean() - expected) < 0.01  # about 3 standard errors of 20,000 draws
        np.testing.assert_allclose(y[y != 0], 1 / (1 - expected) if expected < 1 else [], rtol=1e-6)
    assert call.experimental_get_tracing_count() == 1


def test_current_rate_is_saved(tmp_path):
    layer = ScheduledDropout(0.1)
    model = keras.Sequential([keras.Input((3,)), layer])
    layer.rate.assign(0.4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[0]
    assert float(loaded.rate.value) == np.float32(0.4)
    assert loaded.get_config()["rate"] == 0.1


def test_rate_schedule_in_trainer():
    layer = ScheduledDropout(0.0, seed=1)
    identity = keras.layers.Dense(2, use_bias=False, kernel_initializer="identity")
    model = keras.Sequential([keras.Input((2,)), identity, layer])
    schedule = {"dropout": (layer.rate, lambda step: keras.ops.where(step < 4, 0.0, 1.0))}
    trainer = Trainer(model, keras.optimizers.SGD(0.0), "mean_squared_error", schedules=schedule, jit=False)
    ones = np.ones((32, 2), "float32")
    history = trainer.fit(ones, ones, batch_size=8, epochs=2, verbose=False).history  # epochs of 4 steps
    assert history["loss"] == [0.0, 1.0]  # dropout rates 0 and 1
    assert history["dropout"] == [0.0, 1.0]
