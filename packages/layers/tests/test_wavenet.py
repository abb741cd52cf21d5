"""Tests of the WaveNet layers: the gate, the dependencies of outputs on inputs, and a network in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import GatedActivationUnit, WaveNetBlock
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def test_gated_activation_unit():
    x = RNG.normal(size=(2, 3, 6))
    expected = np.tanh(x[..., :3]) / (1 + np.exp(-x[..., 3:]))
    np.testing.assert_allclose(GatedActivationUnit(dtype="float64")(x), expected, rtol=1e-12)
    for features in (5, None):
        with raises_argument_error("inputs", expected="have an even number of features"):
            GatedActivationUnit().build((2, features))


@pytest.mark.parametrize(("num_layers", "kernel_size", "field"), [(1, 2, 2), (4, 2, 16), (3, 3, 15), (10, 2, 1024)])
def test_receptive_field(num_layers, kernel_size, field):
    block = WaveNetBlock(2, num_layers, kernel_size, kernel_initializer="ones")
    assert block.receptive_field == field
    x = tf.zeros((1, field + 5, 2))
    for output in (0, 1):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(block(x)[output][:, -3])
        gradient = np.abs(tape.gradient(value, x)[0, :, 0])
        seen = np.flatnonzero(gradient)
        assert (seen[0], seen[-1]) == (field + 5 - 3 - field + 1, field + 5 - 3)


def test_block_matches_numpy():
    block = WaveNetBlock(3, num_layers=2, skip_filters=4, dtype="float64")
    x = RNG.normal(size=(2, 9, 3))
    found = block(x)
    skips = 0
    for i, (dilated, residual, skip) in enumerate(zip(block.dilated, block.residual, block.skip, strict=True)):
        past = np.pad(x, ((0, 0), (2**i, 0), (0, 0)))[:, : x.shape[1]]
        z = past @ dilated.kernel[0] + x @ dilated.kernel[1] + dilated.bias
        z = np.tanh(z[..., :3]) / (1 + np.exp(-z[..., 3:]))
        skips = skips + z @ skip.kernel[0] + skip.bias
        x = x + z @ residual.kernel[0] + residual.bias
    np.testing.assert_allclose(found[0], x, rtol=1e-9)
    np.testing.assert_allclose(found[1], skips, rtol=1e-9)


def test_invalid_number_of_features():
    with raises_argument_error("inputs", expected="have 3 features to match `filters`"):
        WaveNetBlock(3).build((None, 9, 1))


@pytest.mark.slow  # takes seconds
def test_training():
    keras.utils.set_random_seed(2)  # five epochs are not enough for some initial weights
    x = inputs = keras.Input((None, 1))
    x = keras.layers.Conv1D(4, 2, padding="causal")(x)
    skips = []
    for _ in range(2):
        x, skip = WaveNetBlock(4, num_layers=3)(x)
        skips.append(skip)
    outputs = keras.layers.Conv1D(1, 1)(keras.layers.ReLU()(keras.layers.Add()([x, *skips])))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    wave = np.sin(np.arange(41) / 3 + RNG.uniform(0, 6, (64, 1)))[..., None]
    history = model.fit(wave[:, :-1], wave[:, 1:], epochs=5, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < history[0] / 3


def test_independent_of_image_data_format():
    x = RNG.normal(size=(2, 20, 3))
    block = WaveNetBlock(3, num_layers=2, dtype="float64")
    expected, before = block(x), keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        counterpart = WaveNetBlock(3, num_layers=2, dtype="float64")
        counterpart.build(x.shape)
        counterpart.set_weights(block.get_weights())
        found = counterpart(x)
    finally:
        keras.config.set_image_data_format(before)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
