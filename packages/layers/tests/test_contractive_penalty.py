"""Tests of the contractive penalty against closed forms and finite differences in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from tensorsmith.layers import ContractivePenalty
from tensorsmith.training import Trainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
KERNEL, BIAS = RNG.normal(size=(4, 3)), RNG.normal(size=3)


def closed_form(kernel, bias, x=X):
    """Returns the penalty of a dense layer with a sigmoid."""
    h = expit(x @ kernel + bias)
    return ((h * (1 - h)) ** 2 @ (kernel**2).sum(axis=0)).mean()


def wrapped(activation="sigmoid", weight=0.3, dtype="float64"):
    layer = ContractivePenalty(keras.layers.Dense(3, activation, dtype=dtype), weight, dtype=dtype)
    layer.build(X.shape)
    layer.set_weights([KERNEL, BIAS])
    return layer


@pytest.mark.parametrize("compiled", [False, True])
def test_penalty_of_a_dense_layer(compiled):
    layer = wrapped()

    def values(x):
        return layer(x), layer.losses[0]

    y, penalty = (tf.function(values) if compiled else values)(tf.constant(X))
    np.testing.assert_allclose(y, expit(X @ KERNEL + BIAS))
    np.testing.assert_allclose(penalty, 0.3 * closed_form(KERNEL, BIAS), rtol=1e-12)


def test_penalty_gradients():
    """Compares the gradients with central differences of the closed form."""
    layer = wrapped(weight=1.0)
    with tf.GradientTape() as tape:
        layer(tf.constant(X))
        penalty = layer.losses[0]
    gradients = tape.gradient(penalty, [layer.layer.kernel.value, layer.layer.bias.value])
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(*gradient.shape):
            ends = []
            for move in (1e-6, -1e-6):
                moved = [KERNEL.copy(), BIAS.copy()]
                moved[position][index] += move
                ends.append(closed_form(*moved))
            np.testing.assert_allclose(gradient.numpy()[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-9)


def test_convolutional_block():
    """Compares the penalty with finite differences of the block."""
    parts = [keras.layers.Conv2D(2, 2, activation="tanh"), keras.layers.Flatten(), keras.layers.Dense(3, "tanh")]
    block = keras.Sequential(parts)
    layer = ContractivePenalty(block, 1.0)
    x = RNG.normal(size=(2, 3, 3, 1)).astype("float32")
    layer(x)
    total = 0
    for index in np.ndindex(3, 3, 1):
        step = np.zeros((3, 3, 1), "float32")
        step[index] = 1e-2
        slopes = (block(x + step).numpy() - block(x - step).numpy()) / 2e-2
        total += (slopes**2).sum() / 2
    np.testing.assert_allclose(layer.losses[0], total, rtol=1e-3)


def test_half_precision():
    layer = wrapped(dtype="mixed_float16")
    layer(X)
    assert layer.losses[0].dtype == "float32"
    np.testing.assert_allclose(layer.losses[0], 0.3 * closed_form(KERNEL, BIAS), rtol=1e-2)


def test_constant_outputs_have_no_penalty():
    layer = ContractivePenalty(keras.layers.Dense(3, kernel_initializer="zeros"), 1.0)
    layer(X)
    assert float(layer.losses[0]) == 0


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize("trained_by", ["fit", "Trainer"])
def test_training_reduces_penalty(trained_by, tmp_path):
    x = RNG.normal(size=(64, 4)).astype("float32")
    slopes = {}
    for weight in (0.0, 5.0):
        keras.utils.set_random_seed(1)
        encoder = ContractivePenalty(keras.layers.Dense(8, "sigmoid"), weight)
        model = keras.Sequential([keras.Input((4,)), encoder, keras.layers.Dense(4)])
        model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
        kernel, bias = encoder.get_weights()
        plain = float(np.mean((model(x) - x) ** 2))
        penalty = weight * closed_form(kernel, bias, x)
        np.testing.assert_allclose(model.evaluate(x, x, batch_size=64, verbose=0), plain + penalty, rtol=1e-5)
        if trained_by == "fit":
            model.fit(x, x, batch_size=64, epochs=30, verbose=0)
        else:
            Trainer(model).fit(tf.data.Dataset.from_tensors((x, x)), epochs=30, verbose=False)
        slopes[weight] = closed_form(*encoder.get_weights(), x)
    assert slopes[5.0] < 0.3 * slopes[0.0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.evaluate(x, x, verbose=0), model.evaluate(x, x, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("size", [None, 0])
@pytest.mark.parametrize("compiled", [False, True])
def test_empty_batch(compiled, size):
    layer = wrapped()

    def penalty(x):
        with tf.GradientTape() as tape:
            layer(x)
        return layer.losses[0], tape.gradient(layer.losses[0], layer.layer.kernel.value)

    if compiled:
        penalty = tf.function(penalty, input_signature=[tf.TensorSpec((size, 4), "float64")])
    value, gradient = penalty(tf.zeros((0, 4), "float64"))
    assert float(value) == 0
    np.testing.assert_array_equal(np.zeros((4, 3)) if gradient is None else gradient, np.zeros((4, 3)))


@pytest.mark.parametrize("layer", [keras.layers.Dense(3), keras.layers.LSTM(3)])
def test_jit_is_disabled(layer):
    """Keras then compiles the model without XLA, which is slow for Jacobians and cannot compile those of loops."""
    model = keras.Sequential([ContractivePenalty(layer)])
    model.compile("sgd", "mse")
    assert not model.jit_compile
