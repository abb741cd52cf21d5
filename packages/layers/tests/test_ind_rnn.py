"""Tests of the independently recurrent cell against a NumPy loop, and of the effect of clipping."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import IndRNNCell

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 4))
WEIGHTS = [RNG.normal(size=shape) for shape in ((4, 5), (5,), (5,))]


def loop(x, kernel, u, bias, activation):
    """Returns all outputs, in float64."""
    h, outputs = np.zeros((len(x), len(u))), []
    for step in range(x.shape[1]):
        h = activation(x[:, step] @ kernel + u * h + bias)
        outputs.append(h)
    return np.stack(outputs, 1)


def layer_with(weights, **options):
    layer = keras.layers.RNN(IndRNNCell(5, dtype="float64", **options), return_sequences=True, dtype="float64")
    layer.build(X.shape)
    layer.set_weights(weights)
    return layer


@pytest.mark.parametrize(("name", "activation"), [("relu", lambda z: np.maximum(z, 0)), ("tanh", np.tanh)])
def test_outputs(name, activation):
    found = layer_with(WEIGHTS, activation=name)(X)
    np.testing.assert_allclose(found, loop(X, *WEIGHTS, activation), rtol=1e-12)


def test_without_a_bias():
    kernel, u, bias = WEIGHTS
    layer = layer_with([kernel, u], use_bias=False, activation="tanh")
    np.testing.assert_allclose(layer(X), loop(X, kernel, u, 0 * bias, np.tanh), rtol=1e-12)


def test_gradients():
    """Compares the gradients with central differences of the loop."""
    sums = RNG.normal(size=(3, 6, 5))
    layer = layer_with(WEIGHTS, activation="tanh")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(sums * layer(X))
    found = tape.gradient(total, [weight.value for weight in layer.trainable_weights])
    for position, gradient in enumerate(found):
        for index in np.ndindex(*gradient.shape):
            ends = []
            for move in (1e-6, -1e-6):
                moved = [weight.copy() for weight in WEIGHTS]
                moved[position][index] += move
                ends.append((sums * loop(X, *moved, np.tanh)).sum())
            np.testing.assert_allclose(gradient.numpy()[index], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_matches_simple_rnn_with_diagonal_kernel():
    """Compares with a simple RNN that has a diagonal recurrent kernel."""
    kernel, u, bias = WEIGHTS
    simple = keras.layers.SimpleRNN(5, "relu", return_sequences=True, dtype="float64")
    simple.build(X.shape)
    simple.set_weights([kernel, np.diag(u), bias])
    np.testing.assert_allclose(layer_with(WEIGHTS)(X), simple(X), rtol=1e-12)


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize("constraint", [None, "non_neg"])
def test_clipping_in_training(constraint):
    cell = IndRNNCell(8, recurrent_clip=0.25, recurrent_constraint=constraint)
    model = keras.Sequential([keras.Input((6, 4)), keras.layers.RNN(cell)])
    assert np.ptp(cell.recurrent_kernel.numpy()) > 0.02  # weights are random within the limit
    assert 0 <= cell.recurrent_kernel.numpy().min() < cell.recurrent_kernel.numpy().max() <= 0.25
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    model.fit(np.abs(X), np.full((3, 8), 10.0), epochs=5, verbose=0)  # targets that require a longer memory
    u = cell.recurrent_kernel.numpy()
    assert u.max() == 0.25
    assert u.min() >= (-0.25 if constraint is None else 0)


def test_initial_range_without_clipping():
    cell = IndRNNCell(2000)
    cell.build((None, 1))
    u = cell.recurrent_kernel.numpy()
    assert 0 <= u.min() < 0.01
    assert 0.99 < u.max() <= 1


@pytest.mark.slow  # takes seconds
def test_clipping_bounds_gradients():
    """With g = 2 in 200 steps, the gradient of the last output by the first input is u^199."""
    steps = 200
    cell = IndRNNCell(1, recurrent_clip=2 ** (1 / steps), kernel_initializer="ones")
    layer = keras.layers.RNN(cell)
    x = tf.ones((1, steps, 1))
    layer.build(x.shape)
    cell.recurrent_kernel.assign([5.0])
    cell.recurrent_kernel.assign(cell.recurrent_kernel.constraint(cell.recurrent_kernel))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    slope = tape.gradient(y, x).numpy()[0, 0, 0]
    np.testing.assert_allclose(slope, 2 ** (199 / 200), rtol=1e-4)
