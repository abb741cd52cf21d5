"""Tests of optimizers against NumPy in float64, where TensorFlow Addons gives no reference.

Addons handles the sparse gradients of NovoGrad with `amsgrad` incorrectly and rejects those of COCOB. `tests/parity`
compares all other cases with Addons.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers

STEPS, ROWS, COLUMNS = 50, 7, 3


def novo_grad(w, steps, rate, decay, beta_1=0.8, beta_2=0.95, epsilon=1e-5):
    """Yield the weights after each step of NovoGrad with averaged gradients and AMSGrad."""
    m, v, top = np.zeros_like(w), None, 0.0
    for t, (g, named) in enumerate(steps, 1):
        square = np.linalg.norm(np.where(named, g, 0)) ** 2
        v = square if v is None else beta_2 * v + (1 - beta_2) * square
        top = max(top, v)
        change = g / (np.sqrt(top) + epsilon) + decay * w
        m = np.where(named, beta_1 * m - rate * (1 - beta_1 if t > 1 else 1) * change, m)
        w = np.where(named, w + m, w)
        yield w


def cocob(w, steps, alpha):
    """Yield the weights after each step of coin betting."""
    first, largest = w, np.full_like(w, 1e-8)
    bet, reward, ups, downs = np.zeros((4, *w.shape))
    for g, named in steps:
        g = np.where(named, g, 0)
        ups, downs = ups + np.clip(g, 0, None), downs + np.clip(-g, 0, None)
        largest = np.fmax(largest, np.abs(g))
        reward = np.clip(reward - bet * g, 0, None)
        bet = (downs - ups) * (largest + reward) / (largest * np.fmax(largest + ups + downs, alpha * largest))
        yield first + bet


def problem():
    """Return initial weights, gradients, and a mask of the rows with a gradient."""
    rng = np.random.default_rng(7)
    gradients = rng.normal(size=(STEPS, ROWS, COLUMNS)) + 0.5
    named = rng.random((STEPS, ROWS, 1)) < 0.4
    named[:, 0] = True  # each step has a row
    return rng.normal(size=(ROWS, COLUMNS)), gradients, named


def trajectory(optimizer, weights, gradients, named, dtype):
    """Return the weights after each step. The rows of gradients are split into two unordered slices each."""
    variable = keras.Variable(weights, dtype=dtype)
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient]), reduce_retracing=True)
    for gradient, rows in zip(gradients, named[..., 0], strict=True):
        rows = np.flatnonzero(rows)
        halves = np.concatenate([0.25 * gradient[rows], 0.75 * gradient[rows][::-1]])
        indices = tf.constant(np.concatenate([rows, rows[::-1]]))
        step(tf.IndexedSlices(tf.constant(halves, dtype), indices, tf.shape(variable.value)))
        yield np.array(variable)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 2e-6)])
def test_novo_grad_with_amsgrad(dtype, tolerance):
    """Keras stores the learning rate and the weight decay in float32."""
    weights, gradients, named = problem()
    options = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5, "grad_averaging": True, "amsgrad": True}
    optimizer = optimizers.NovoGrad(0.03, weight_decay=0.02, **options)
    expected = novo_grad(weights, zip(gradients, named, strict=True), 0.03, 0.02)
    found = trajectory(optimizer, weights, gradients, named, dtype)
    np.testing.assert_allclose(list(found), list(expected), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("alpha", [100, 2])
def test_coin_betting(alpha):
    weights, gradients, named = problem()
    expected = cocob(weights, zip(gradients, named, strict=True), alpha)
    found = trajectory(optimizers.COCOB(alpha), weights, gradients, named, "float64")
    np.testing.assert_allclose(list(found), list(expected), rtol=1e-7, atol=1e-7)
